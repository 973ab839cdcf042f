"""One thread brings all live views up to date, at most ten times a second, and else sleeps."""

import atexit
import logging
import threading
import time
from typing import Protocol

TICK = 0.1
"""Seconds between two rounds."""

logger = logging.getLogger(__name__)


class Ticking(Protocol):
    """What is brought up to date on the ticking thread; it must not wait."""

    @property
    def is_urgent(self) -> bool:
        """Whether a cell should not end before it; called on any thread, holding nothing."""

    def tick(self) -> float | None:
        """Send what is due; returns after how many seconds to be called though not woken."""


class Ticker:
    """The thread "parrot-views", which starts with the first view that is woken."""

    def __init__(self) -> None:
        """Have nothing to do yet."""
        lock = threading.RLock()
        self._changed = threading.Condition(lock)
        self._pressed = threading.Condition(lock)
        """What ends a rest; that more has become due does not."""
        self._due: dict[Ticking, float] = {}
        self._thread: threading.Thread | None = None
        self._hurries = self._works = self._stopped = False

    def wake(self, view: Ticking, after: float = 0.0) -> None:
        """Have a view called in the next round, or in so many seconds; from any thread."""
        at = time.monotonic() + after
        with self._changed:
            self._due[view] = min(at, self._due.get(view, at))
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="parrot-views", daemon=True)
                self._thread.start()
                atexit.register(self.stop)
            self._changed.notify_all()

    def flush(self, patience: float, if_urgent: float) -> None:
        """Call all that is due now or later at once, and wait for that, at most so many seconds."""
        with self._changed:
            due = list(self._due)
        most = if_urgent if any(view.is_urgent for view in due) else patience
        with self._changed:
            if self._due or self._works:
                self._due = dict.fromkeys(self._due, 0.0)
                self._hurries = True
                self._changed.notify_all()
                self._pressed.notify_all()
                self._changed.wait_for(lambda: not (self._hurries or self._works), most)

    def stop(self) -> None:
        """End the thread; what is not sent by then never is."""
        with self._changed:
            self._stopped = True
            self._changed.notify_all()
            self._pressed.notify_all()

    def _run(self) -> None:
        while not self._stopped:
            for view in self._ready():
                self._call(view)
            self._rest()

    def _ready(self) -> list[Ticking]:
        """Wait until something is due, and take it."""
        with self._changed:
            while not (self._stopped or self._hurries):
                now = time.monotonic()
                if any(at <= now for at in self._due.values()):
                    break
                self._changed.wait(min(self._due.values()) - now if self._due else None)
            now = time.monotonic()
            ready = [view for view, at in self._due.items() if at <= now]
            for view in ready:
                del self._due[view]
            self._hurries, self._works = False, True
            return ready

    def _call(self, view: Ticking) -> None:
        try:
            after = view.tick()
        except Exception:
            # The other views go on; this one is called again when something wakes it.
            logger.exception("a live view could not be brought up to date")
        else:
            if after is not None:
                self.wake(view, after)

    def _rest(self) -> None:
        with self._changed:
            self._works = False
            self._changed.notify_all()
            self._pressed.wait_for(lambda: self._hurries or self._stopped, TICK)


TICKER = Ticker()
