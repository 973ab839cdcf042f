"""What is said between one live view and the pages that show it; how it travels is not known."""

import time
from collections import deque
from collections.abc import Callable, Collection
from functools import partial
from typing import Protocol

from parrot_async.model.models import JobId
from parrot_async.view.actions import act
from parrot_async.view.details import DetailsOnDemand
from parrot_async.view.protocol import (
    Act,
    Beat,
    Delta,
    Done,
    FromBrowser,
    Full,
    Hello,
    Snapshot,
    ToBrowser,
)
from parrot_async.view.source import ViewSource

BEAT = 4.0
"""Seconds of silence after which a page in sight is told that its view is alive."""
UNSEEN = 1.0
"""Seconds until a view that no page has in sight is brought up to date after a change."""

Send = Callable[[Collection[str], ToBrowser], None]
"""Sends one message to the pages of these names; called on the ticking thread, must not block."""
Wake = Callable[[float], None]
"""Has `tick` called in so many seconds; called on any thread."""


class Feed(Protocol):
    """Rows, and what has changed in them since they were sent."""

    rev: int

    @property
    def is_whole(self) -> bool:
        """Whether no row is held back for later."""

    def snapshot(self) -> Snapshot:
        """Return all that the pages have been sent until now."""

    def advance(self) -> Delta | None:
        """Return what has changed since the last call; None if nothing has, or all is new."""

    def leave(self) -> None:
        """Leave the changes for later; the next change wakes the view."""


class Page:
    """One page of a conversation."""

    def __init__(self, details: DetailsOnDemand) -> None:
        """Start out of sight: a page says hello when it is drawn."""
        self.details = details
        self.is_seen = False
        self.sent_at = 0.0
        """When (time.monotonic) it was sent something last."""


class Conversation:
    """Answers the pages of one live view, and sends those in sight what has changed.

    Messages wait in an inbox, so that nothing that is called from outside ever blocks. Pages have
    names that the caller chooses: a notebook has one for all its windows, which share a comm.

    Runs on: any thread calls `hear`, `leave` and `wake`; all else runs on the ticking thread.
    """

    feed: Feed

    def __init__(self, source: ViewSource, send: Send, wake: Wake) -> None:
        """Start without a page; a subclass makes the feed."""
        self.source = source
        self.is_seen = False
        """Whether any page has the view in sight."""
        self._send = send
        self._wake = wake
        self._inbox: deque[tuple[str, FromBrowser | None]] = deque()
        self._answers: deque[tuple[str, Act, Done]] = deque()
        self._pages: dict[str, Page] = {}

    # What a kind of view says of itself.

    @property
    def is_over(self) -> bool:
        """Whether nothing more will be sent by itself."""
        return False

    @property
    def trouble(self) -> str:
        """Why what the pages show may be old; empty as long as all is well."""
        return self.source.lost

    # From any thread.

    def hear(self, page: str, message: FromBrowser) -> None:
        """Put a page's message into the inbox."""
        self._inbox.append((page, message))
        self._wake(0.0)

    def leave(self, page: str) -> None:
        """Forget a page that was closed."""
        self._inbox.append((page, None))
        self._wake(0.0)

    def wake(self) -> None:
        """Note that something has changed: it is sent soon if a page has the view in sight."""
        self._wake(0.0 if self.is_seen else UNSEEN)

    def _answered(self, page: str, asked: Act, done: Done) -> None:
        self._answers.append((page, asked, done))
        self._wake(0.0)

    # On the ticking thread.

    def tick(self) -> float | None:
        """Do what was asked, and send what has changed.

        Returns the seconds until the next call, None if only `wake` brings one.
        """
        while self._inbox:
            self._take(*self._inbox.popleft())
        while self._answers:
            self.answer(*self._answers.popleft())
        if self.is_seen:
            self.update()
        else:
            self.skip()
        return self.next_tick()

    def _take(self, name: str, message: FromBrowser | None) -> None:
        """Take one message out of the inbox."""
        if message is None:
            self._pages.pop(name, None)
        else:
            if name not in self._pages:
                self._pages[name] = Page(DetailsOnDemand(self.source, self.wake))
            self.handle(name, message)
        self.is_seen = any(page.is_seen for page in self._pages.values())

    def handle(self, name: str, message: FromBrowser) -> None:
        """Do what a page asked for; what is no message of this kind of view is ignored."""
        page = self._pages[name]
        if message["t"] == "hello":
            page.is_seen = True
            self._greet(name, message)
        elif message["t"] == "seen":
            page.is_seen = message["on"]
        elif message["t"] == "look":
            page.details.show(message["id"])
        elif message["t"] == "act":
            act(self.source, message, partial(self._answered, name))

    def answer(self, name: str, asked: Act, done: Done) -> None:  # noqa: ARG002 - for subclasses
        """Tell a page what became of the button that it pressed."""
        self.send((name,), done)

    def update(self) -> None:
        """Send what has changed to the pages in sight."""
        self.advance(self.feed)
        for name in self._in_sight():
            details = self._pages[name].details.take()
            if details is not None:
                self.send((name,), details)

    def skip(self) -> None:
        """Leave what has changed for later: no page has the view in sight."""
        self.feed.leave()

    def advance(self, feed: Feed, of: JobId | None = None) -> None:
        """Send what has changed in a feed, or all its rows if no delta leads there."""
        before, delta = feed.rev, feed.advance()
        if feed.rev == before:
            return
        if not before or delta is None:
            self.send_all(self._in_sight(), feed, of)
        else:
            self.send(self._in_sight(), delta if of is None else {**delta, "of": of})

    def send_all(self, names: Collection[str], feed: Feed, of: JobId | None = None) -> None:
        """Send all rows of a feed."""
        full: Full = {"t": "full", "snapshot": feed.snapshot()}
        if of is not None:
            full["of"] = of
        self.send(names, full)

    def feed_of(self, root_id: JobId | None) -> Feed | None:
        """Return the feed that a hello is about, None if the view does not show that tree."""
        return self.feed if root_id is None else None

    def next_tick(self) -> float | None:
        """Send a beat to who heard nothing for long; returns as `tick` does."""
        if not self.is_seen:
            return None
        pauses = [self._pages[name].details.pause for name in self._in_sight()]
        return earliest(None if self.is_over else self._beat_if_silent(), *pauses)

    def send(self, names: Collection[str], message: ToBrowser) -> None:
        """Send one message to some pages."""
        now = time.monotonic()
        for name in names:
            self._pages[name].sent_at = now
        self._send(names, message)

    def _in_sight(self) -> list[str]:
        return [name for name, page in self._pages.items() if page.is_seen]

    def _greet(self, name: str, hello: Hello) -> None:
        feed = self.feed_of(hello.get("of"))
        if feed is not None and feed.rev and not hello["rev"]:
            self.send_all((name,), feed, hello.get("of"))
        else:
            self._beat((name,))

    def _beat(self, names: Collection[str]) -> None:
        beat: Beat = {"t": "beat", "at": time.time(), "rev": self.feed.rev}
        if self.trouble:
            beat["lost"] = self.trouble
        self.send(names, beat)

    def _beat_if_silent(self) -> float:
        """Send a beat to the pages that are due; returns the seconds until the next one is."""
        now, names = time.monotonic(), self._in_sight()
        due = [name for name in names if now - self._pages[name].sent_at >= BEAT]
        if due:
            self._beat(due)
        return BEAT - max(now - self._pages[name].sent_at for name in names)


def earliest(*pauses: float | None) -> float | None:
    """Return the shortest of some pauses; None if there is none."""
    return min((pause for pause in pauses if pause is not None), default=None)
