"""Live views of jobs in notebooks: `JobTree` shows one job, `JobsPanel` all of them.

It runs in the kernel's process; the client shows its handles by it, users import from here.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from parrot_async.widget.job_tree import JobTree as JobTree
    from parrot_async.widget.panel import JobsPanel as JobsPanel

_PLACES = {"JobTree": "job_tree", "JobsPanel": "panel"}

__all__ = ["JobTree", "JobsPanel"]

if not TYPE_CHECKING:

    def __getattr__(name: str) -> Any:
        """Import a view when it is asked for: it needs anywidget, and what is beside it not."""
        if name not in _PLACES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        return getattr(import_module(f"{__name__}.{_PLACES[name]}"), name)
