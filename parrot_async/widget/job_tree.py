"""`JobTreeView`: the live view of one job and all below it."""

from parrot_async.model.models import JobId
from parrot_async.view.feeds import TreeFeed
from parrot_async.view.source import ViewSource
from parrot_async.view.ticking import TICKER
from parrot_async.view.tree_conversation import TreeConversation
from parrot_async.widget.saved import Bundle, tree_bundle
from parrot_async.widget.view import PATIENCE, View

_views: dict[tuple[ViewSource, JobId], "JobTreeView"] = {}


class JobTreeView(View):
    """Rows that follow a job, with buttons: `handle.widget()`, or `handle` alone in a cell.

    Displayed in a cell, it has a saved output below it, which is seen when no kernel runs.
    """

    conversation: TreeConversation

    def __init__(self, source: ViewSource, job_id: JobId) -> None:
        """Show a job; nothing is sent before a browser asks for it."""
        self.conversation = TreeConversation(
            source, job_id, self.send_to_pages, self.wake, self._show_rerun
        )
        self._key = (source, job_id)
        # Make the first rows now if that is quick: the snapshot is sent when the comm opens.
        TICKER.wake(self.feed)
        TICKER.flush(PATIENCE, PATIENCE)
        super().__init__()

    @property
    def feed(self) -> TreeFeed:
        """The rows of the job that is shown now."""
        return self.conversation.feed

    @property
    def is_urgent(self) -> bool:
        """Whether the job has ended, and that is not saved yet."""
        return self.feed.over and not (self.feed.sent_over and self.is_saved)

    def static_bundle(self) -> Bundle:
        """Return the tree as it is now, in forms that need no kernel."""
        return tree_bundle(self.feed.tree, self.feed.job_id)

    def close(self) -> None:
        """Remove the view from all pages; the next `handle.widget()` makes a new one."""
        _views.pop(self._key, None)
        super().close()

    def _show_rerun(self, job_id: JobId) -> None:
        """Become the view of the job that is shown from now on."""
        _views.pop(self._key, None)
        self._key = (self._key[0], job_id)
        _views[self._key] = self

    def __repr__(self) -> str:
        """Name the job."""
        return f"<live view of job {self.feed.job_id}>"


def job_tree(source: ViewSource, job_id: JobId) -> JobTreeView:
    """Return the view of a job: each job has one, however often it is displayed."""
    view = _views.get((source, job_id))
    if view is None:
        view = _views[source, job_id] = JobTreeView(source, job_id)
    return view
