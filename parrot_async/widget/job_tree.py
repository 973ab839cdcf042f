"""`JobTree`: the live view of one job and all below it."""

import time

from parrot_async.model.models import JobId
from parrot_async.view.feeds import TreeFeed
from parrot_async.view.protocol import Act, Done, ToKernel
from parrot_async.view.source import ViewSource
from parrot_async.widget.saved import Bundle, tree_bundle
from parrot_async.widget.ticking import TICKER
from parrot_async.widget.view import PATIENCE, View

_made: dict[tuple[ViewSource, JobId], "JobTree"] = {}


class JobTree(View):
    """Rows that follow a job, with buttons: `handle.widget()`, or `handle` alone in a cell.

    Displayed in a cell, it has an inert twin below it, which is seen where there is no kernel.
    """

    feed: TreeFeed

    def __init__(self, source: ViewSource, job_id: JobId) -> None:
        """Show a job; nothing is sent before a browser asks for it."""
        feed = TreeFeed(source, job_id, self.wake)
        TICKER.wake(feed)
        TICKER.flush(PATIENCE, PATIENCE)
        super().__init__(source, feed)

    @property
    def is_over(self) -> bool:
        """Whether the job has ended."""
        return self.feed.over

    @property
    def is_urgent(self) -> bool:
        """Whether the job has ended, and that was not saved."""
        return self.feed.over and not (self.feed.said_over and self.is_saved)

    def inert(self) -> Bundle:
        """The tree as it is now, in forms that need no kernel."""
        return tree_bundle(self.feed.tree, self.feed.job_id)

    def obey(self, word: ToKernel) -> None:
        """Do what a browser asked for."""
        if word["t"] == "sight":
            self.feed.see(word["page"], word["ids"])
        else:
            super().obey(word)

    def answer(self, asked: Act, done: Done) -> None:
        """Say what became of a press; where the whole job runs again, show that run from now on."""
        super().answer(asked, done)
        if "id" in done and asked["ids"] == [self.feed.job_id]:
            _made.pop((self.source, self.feed.job_id), None)
            _made[self.source, done["id"]] = self
            self.feed = TreeFeed(self.source, done["id"], self.wake)

    def pass_over(self) -> None:
        """Nobody looks: have the end told by what is saved, which is all of it."""
        if self.is_over:
            self._run_up()
        else:
            super().pass_over()

    def _run_up(self) -> None:
        before = None
        while before != self.feed.rev:
            before = self.feed.rev
            self.feed.advance()
            self.looking.touch(self.feed.touched)

    def _next(self) -> float | None:
        """Let the tree go a while after its end: till then something may come late."""
        after = _earlier(super()._next(), self.feed.pause)
        if not self.is_over or self.feed.is_packed or not self.feed.is_whole:
            return after
        left = self.save_at - time.monotonic()
        if left <= 0:
            self.feed.pack()
            return after
        return _earlier(left, after)

    def close(self) -> None:
        """Be gone from the page; another `handle.widget()` is a new one."""
        _made.pop((self.source, self.feed.job_id), None)
        super().close()

    def __repr__(self) -> str:
        """Say what it is of."""
        return f"<live view of job {self.feed.job_id}>"


def _earlier(one: float | None, other: float | None) -> float | None:
    return min((after for after in (one, other) if after is not None), default=None)


def job_tree(source: ViewSource, job_id: JobId) -> JobTree:
    """The view of a job: each has one, however often it is displayed."""
    made = _made.get((source, job_id))
    if made is None:
        made = _made[source, job_id] = JobTree(source, job_id)
    return made
