"""How a handle shows itself in a notebook: live where it can be, else as it is now."""

from importlib.util import find_spec
from typing import TYPE_CHECKING

from parrot_async.client.pulse import Pulse
from parrot_async.errors import ParrotError
from parrot_async.model.models import JobId
from parrot_async.view.source import ViewSource
from parrot_async.widget.kernel import dispatch_queued, running_kernel

if TYPE_CHECKING:
    from parrot_async.widget import JobsPanel, JobTreeView


def live_tree(source: ViewSource, job_id: JobId) -> "JobTreeView":
    """Return the live view of a job; ParrotError where what it needs is not installed."""
    _prepare()
    from parrot_async.widget.job_tree import job_tree

    return job_tree(source, job_id)


def panel(source: ViewSource) -> "JobsPanel":
    """Return the live view of all jobs; ParrotError where what it needs is not installed."""
    _prepare()
    from parrot_async.widget.panel import JobsPanel

    return JobsPanel(source)


def show(source: ViewSource, job_id: JobId) -> None:
    """Show a job live in the cell that runs; NotImplementedError has IPython ask for HTML."""
    if running_kernel() is None or not find_spec("anywidget"):
        raise NotImplementedError
    live_tree(source, job_id).show()


def _prepare() -> None:
    """Let clicks be heard while a cell awaits a job."""
    if not find_spec("anywidget"):
        raise ParrotError("a live view needs more: pip install 'parrot-async[notebook]'")
    if dispatch_queued not in Pulse.at_each_beat:
        Pulse.at_each_beat.append(dispatch_queued)
