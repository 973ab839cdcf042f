"""The conversation of a view that shows one job and all below it."""

import time
from collections.abc import Callable

from parrot_async.model.models import JobId
from parrot_async.view.conversation import Conversation, Send, Wake, earliest
from parrot_async.view.feeds import TreeFeed
from parrot_async.view.protocol import Act, Done, FromBrowser
from parrot_async.view.source import ViewSource

LINGER = 10.0
"""Seconds after the end until the tree is released: till then something may arrive late."""


class TreeConversation(Conversation):
    """Sends one tree; after its end it keeps what was sent, and releases the tree.

    Runs on: as `Conversation`.
    """

    feed: TreeFeed

    def __init__(
        self,
        source: ViewSource,
        job_id: JobId,
        send: Send,
        wake: Wake,
        on_rerun: Callable[[JobId], None],
    ) -> None:
        """Show a job; `on_rerun` is called with the new id when the whole job runs again."""
        super().__init__(source, send, wake)
        self.release_at = float("inf")
        """When (time.monotonic) the tree is released, once it is over."""
        self._ended_rev = 0
        self._on_rerun = on_rerun
        self.feed = TreeFeed(source, job_id, self.wake)

    @property
    def is_over(self) -> bool:
        """Whether the job has ended."""
        return self.feed.over

    def handle(self, name: str, message: FromBrowser) -> None:
        """Do what a page asked for."""
        if message["t"] == "sight":
            self.feed.set_viewport(message["page"], message["ids"])
        else:
            super().handle(name, message)

    def answer(self, name: str, asked: Act, done: Done) -> None:
        """Tell a page what became of a button; if the whole job runs again, show that run."""
        super().answer(name, asked, done)
        if "id" in done and asked["ids"] == [self.feed.job_id]:
            self.feed = TreeFeed(self.source, done["id"], self.wake)
            self._ended_rev = 0
            self._on_rerun(done["id"])

    def skip(self) -> None:
        """Leave changes for later, but take in the end: the saved output has all of it."""
        if not self.is_over:
            super().skip()
            return
        before = None
        while before != self.feed.rev:
            before = self.feed.rev
            self.feed.advance()

    def next_tick(self) -> float | None:
        """Release the tree some seconds after the last change that came after its end."""
        after = earliest(super().next_tick(), self.feed.pause)
        if not self.is_over or self.feed.is_packed or not self.feed.is_whole:
            return after
        now = time.monotonic()
        if self.feed.rev != self._ended_rev:
            self._ended_rev, self.release_at = self.feed.rev, now + LINGER
        if now < self.release_at:
            return earliest(after, self.release_at - now)
        self.feed.pack()
        return after
