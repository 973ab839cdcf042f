"""Live views of jobs in notebooks: `JobTreeView` shows one job, `JobsPanel` all of them.

It runs in the kernel's process; the client shows its handles by it, users import from here.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from parrot_async.widget.job_tree import JobTreeView as JobTreeView
    from parrot_async.widget.panel import JobsPanel as JobsPanel

_MODULES = {"JobTreeView": "job_tree", "JobsPanel": "panel"}

__all__ = ["JobTreeView", "JobsPanel"]

if not TYPE_CHECKING:

    def __getattr__(name: str) -> type:
        """Import a view when it is asked for: views need anywidget, the modules beside them not."""
        if name not in _MODULES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
