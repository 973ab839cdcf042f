"""What the live views of a notebook have in common: traits, one comm, display and saving."""

import time
from collections.abc import Collection
from functools import cache
from uuid import uuid4

import anywidget
import traitlets
from IPython.display import display

from parrot_async.view.conversation import Conversation
from parrot_async.view.protocol import FromBrowser, ToBrowser
from parrot_async.view.script import script, styles
from parrot_async.view.ticking import TICKER
from parrot_async.widget.kernel import accept_during_cells, running_kernel
from parrot_async.widget.saved import Bundle, SavedOutput

SAVE = 10.0
"""Seconds between two updates of the saved output."""
PATIENCE = 0.05
"""Seconds that a cell may wait at its end for what its views have to show."""
SAVING = 1.0
"""The same if a job has just ended: the notebook may be saved now."""
WINDOWS = "windows"
"""The one page of a conversation here: a comm reaches all windows of a notebook at once."""


class View(anywidget.AnyWidget):
    """A live view; the ticking thread sends everything, so that no callback ever waits.

    Runs on: the cell's thread makes and shows it; any thread wakes it; the ticking thread calls
    `tick`.
    """

    _esm = script()
    _css = styles()
    snapshot = traitlets.Any().tag(
        sync=True, to_json=lambda _, view: view.conversation.feed.snapshot()
    )

    conversation: Conversation
    _is_made = False
    """False while the conversation is there already, and may call `wake`, but the rest is not."""

    def __init__(self) -> None:
        """Open the comm; a subclass has made the conversation before."""
        self._saved_rev = 0
        self._save_at = time.monotonic() + SAVE
        self._saved = SavedOutput(f"parrot-{uuid4().hex}")
        super().__init__()
        self.on_msg(self._hear)
        accept_during_cells(self.comm)
        flush_after_cells()
        self._is_made = True
        self.conversation.wake()

    # What a kind of view says of itself.

    @property
    def is_urgent(self) -> bool:
        """Whether the notebook should not be saved before the next tick."""
        return False

    def static_bundle(self) -> Bundle:
        """Return the view as it is now, in forms that need no kernel."""
        raise NotImplementedError

    # On the cell's thread.

    def show(self) -> None:
        """Display the view in the cell that runs, and its saved output below it."""
        data, metadata = self._repr_mimebundle_() or ({}, {})
        display(data, metadata=metadata, raw=True)
        if self.conversation.feed.rev and self.conversation.feed.is_whole:
            self._saved.show(self.static_bundle())
        else:
            # A big tree: made on the ticking thread, since the kernel's loop must not wait.
            self._saved.show({"text/plain": repr(self)})
            self._saved_rev, self._save_at = 0, 0.0
            TICKER.wake(self)

    def _ipython_display_(self) -> None:
        self.show()

    # From any thread.

    def wake(self, after: float = 0.0) -> None:
        """Have `tick` called in so many seconds."""
        if self._is_made:
            TICKER.wake(self, after)

    def _hear(self, _: object, message: FromBrowser, __: object) -> None:
        self.conversation.hear(WINDOWS, message)

    @property
    def is_saved(self) -> bool:
        """Whether a saved notebook has all that the browsers have been sent."""
        return self._saved_rev == self.conversation.feed.rev

    # On the ticking thread.

    def tick(self) -> float | None:
        """Let the conversation go on, and save what came of it; returns as `Ticking.tick` does."""
        if self.comm is None:
            return None
        after = self.conversation.tick()
        if not self.is_saved and (self.conversation.feed.is_whole or not self.conversation.is_seen):
            self._save()
        return after

    def send_to_pages(self, _: Collection[str], message: ToBrowser) -> None:
        """Send a message to all windows."""
        self.send(message)

    def _save(self) -> None:
        """Update what a saved notebook keeps: at the end, and now and then before.

        A page that has the view in sight saves what it shows.
        """
        now, is_over = time.monotonic(), self.conversation.is_over
        if is_over and not self.conversation.is_seen:
            self.send_state("snapshot")
        if is_over or now >= self._save_at:
            self._saved_rev, self._save_at = self.conversation.feed.rev, now + SAVE
            self._saved.update(self.static_bundle())


@cache
def flush_after_cells() -> None:
    """Have the page show the present when a cell ends: a notebook may be saved then."""
    kernel = running_kernel()
    if kernel is not None:
        kernel.shell.events.register("post_run_cell", _flush)


def _flush(_: object) -> None:
    TICKER.flush(PATIENCE, SAVING)
