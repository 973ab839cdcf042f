"""What every live view has in common: one comm, and what is said on it."""

import time
from collections import deque
from collections.abc import Container
from functools import cache
from typing import Protocol
from uuid import uuid4

import anywidget
import traitlets
from IPython.display import display

from parrot_async.model.models import JobId
from parrot_async.view.actions import act
from parrot_async.view.looking import Looking
from parrot_async.view.protocol import (
    Act,
    Beat,
    Delta,
    Done,
    Full,
    Hello,
    Snapshot,
    ToBrowser,
    ToKernel,
)
from parrot_async.view.script import script, styles
from parrot_async.view.source import ViewSource
from parrot_async.widget.clicks import hear_clicks, running_kernel
from parrot_async.widget.saved import Bundle, Twin
from parrot_async.widget.ticking import TICKER

BEAT = 4.0
"""Seconds of silence after which a view in sight says that the kernel is alive."""
SAVE = 10.0
"""Seconds between two times that the inert twin is brought up to date."""
UNSEEN = 1.0
"""Seconds until a view that nobody sees looks whether it is over, for its end is saved."""
PATIENCE = 0.05
"""Seconds that a cell may wait for what its views have to show."""
SAVING = 1.0
"""The same, where a job has just ended: the notebook may be saved now."""


class Feed(Protocol):
    """Rows, and what has changed of them since they were told."""

    rev: int

    @property
    def touched(self) -> Container[JobId]:
        """What the latest delta was about, all above it included."""

    @property
    def is_whole(self) -> bool:
        """Whether nothing is held back for later."""

    def snapshot(self) -> Snapshot:
        """All that the browsers have been told until now."""

    def advance(self) -> Delta | None:
        """What has changed since the last time."""

    def leave(self) -> None:
        """Leave the changes for later, and be woken at the next."""


class View(anywidget.AnyWidget):
    """A live view; all is sent by the ticking thread, so that no callback ever waits."""

    _esm = script()
    _css = styles()
    snapshot = traitlets.Any().tag(sync=True, to_json=lambda _, view: view.feed.snapshot())

    _is_made = False
    """The feed has `wake` called from other threads before the rest of the view is there."""

    def __init__(self, source: ViewSource, feed: Feed) -> None:
        """Show what the feed has."""
        self.source = source
        self.feed = feed
        self.looking = Looking(source, self.wake)
        self._words: deque[ToKernel] = deque()
        self._answers: deque[tuple[Act, Done]] = deque()
        self._seen = False
        self._spoke_at = 0.0
        self._saved_rev = 0
        self.save_at = time.monotonic() + SAVE
        self.twin = Twin(f"parrot-{uuid4().hex}")
        super().__init__()
        self.on_msg(self._hear)
        hear_clicks(self.comm)
        flush_after_cells()
        self._is_made = True
        self.wake()

    # What a kind of view says of itself.

    @property
    def is_over(self) -> bool:
        """Whether there will be nothing more to say."""
        return False

    @property
    def trouble(self) -> str:
        """Why what is shown may be old; empty as long as all is well."""
        return self.source.lost

    @property
    def is_urgent(self) -> bool:
        """Whether the notebook should not be saved before the next tick."""
        return False

    @property
    def is_saved(self) -> bool:
        """Whether a saved notebook would have what the browsers have been told."""
        return self._saved_rev == self.feed.rev

    def inert(self) -> Bundle:
        """The view as it is now, in forms that need no kernel."""
        raise NotImplementedError

    # On the thread of the cell.

    def show(self) -> None:
        """Display it in the cell that runs, and its inert twin below it."""
        data, metadata = self._repr_mimebundle_() or ({}, {})
        display(data, metadata=metadata, raw=True)
        if self.feed.rev and self.feed.is_whole:
            self.twin.show(self.inert())
        else:
            # There are many: made on the ticking thread, since the kernel's loop must not wait.
            self.twin.show({"text/plain": repr(self)})
            self._saved_rev, self.save_at = 0, 0.0
            TICKER.wake(self)

    def _ipython_display_(self) -> None:
        self.show()

    # From any thread.

    def wake(self) -> None:
        """Say that something has changed."""
        if self._is_made:
            TICKER.wake(self, 0.0 if self._seen else UNSEEN)

    def _hear(self, _: object, word: ToKernel, __: object) -> None:
        self._words.append(word)
        TICKER.wake(self)

    def _answered(self, asked: Act, done: Done) -> None:
        self._answers.append((asked, done))
        TICKER.wake(self)

    # On the ticking thread.

    def tick(self) -> float | None:
        """Do what was asked, send what has changed; returns when to be called again."""
        if self.comm is None:
            return None
        while self._words:
            self.obey(self._words.popleft())
        while self._answers:
            self.answer(*self._answers.popleft())
        if self._seen:
            self.update()
        else:
            self.pass_over()
        if not self.is_saved and (self.feed.is_whole or not self._seen):
            self._save()
        return self._next()

    def obey(self, word: ToKernel) -> None:
        """Do what a browser asked for."""
        if word["t"] == "hello":
            self._seen = True
            self._greet(word)
        elif word["t"] == "seen":
            self._seen = word["on"]
        elif word["t"] == "look":
            self.looking.at(word["id"])
        elif word["t"] == "act":
            act(self.source, word, self._answered)

    def answer(self, asked: Act, done: Done) -> None:  # noqa: ARG002 - for those who override it
        """Say what became of a press."""
        self._say(done)

    def update(self) -> None:
        """Send what has changed."""
        self.advance(self.feed)
        about = self.looking.details()
        if about is not None:
            self._say(about)

    def pass_over(self) -> None:
        """Nobody looks: have what has changed told later."""
        self.feed.leave()

    def advance(self, feed: Feed, of: JobId | None = None) -> None:
        """Send what has changed of one feed; all of it, where nothing was sent before."""
        before, delta = feed.rev, feed.advance()
        if feed.rev != before:
            self.looking.touch(feed.touched)
            if not before or delta is None:
                self.send_all(feed, of)
            else:
                self._say(delta if of is None else {**delta, "of": of})

    def send_all(self, feed: Feed, of: JobId | None = None) -> None:
        """Send all rows of a feed."""
        full: Full = {"t": "full", "snapshot": feed.snapshot()}
        if of is not None:
            full["of"] = of
        self._say(full)

    def feed_of(self, root_id: JobId | None) -> Feed | None:
        """The feed that a hello is about."""
        return self.feed if root_id is None else None

    def _greet(self, hello: Hello) -> None:
        feed = self.feed_of(hello.get("of"))
        if feed is not None and feed.rev and not hello["rev"]:
            self.send_all(feed, hello.get("of"))
        else:
            self._beat()

    def _beat(self) -> None:
        beat: Beat = {"t": "beat", "at": time.time(), "rev": self.feed.rev}
        if self.trouble:
            beat["lost"] = self.trouble
        self._say(beat)

    def _say(self, words: ToBrowser) -> None:
        self._spoke_at = time.monotonic()
        self.send(words)

    def _save(self) -> None:
        """Put it where a saved notebook keeps it: at the end, and now and then before.

        A page that looks has the present already, and saves that.
        """
        now = time.monotonic()
        if self.is_over and not self._seen:
            self.send_state("snapshot")
        if self.is_over or now >= self.save_at:
            self._saved_rev, self.save_at = self.feed.rev, now + SAVE
            self.twin.update(self.inert())

    def _next(self) -> float | None:
        """Beat if it is time for that; when to be called again."""
        if not self._seen:
            return None
        if self.is_over:
            return self.looking.pause
        silent = time.monotonic() - self._spoke_at
        if silent >= BEAT:
            self._beat()
            silent = 0.0
        details = self.looking.pause
        return BEAT - silent if details is None else min(BEAT - silent, details)


@cache
def flush_after_cells() -> None:
    """Have the page show the present when a cell ends: a notebook may be saved then."""
    kernel = running_kernel()
    if kernel is not None:
        kernel.shell.events.register("post_run_cell", _flush)


def _flush(_: object) -> None:
    TICKER.flush(PATIENCE, SAVING)
