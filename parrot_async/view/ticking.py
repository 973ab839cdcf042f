"""One thread brings all live views up to date, at most ten times a second, and sleeps otherwise."""

import atexit
import logging
import threading
import time
from typing import Protocol

TICK = 0.1
"""Seconds between two rounds."""

logger = logging.getLogger(__name__)


class Ticking(Protocol):
    """What the ticking thread brings up to date; it must not block."""

    @property
    def is_urgent(self) -> bool:
        """Whether a flush waits longer for it; called on any thread, without a lock held."""

    def tick(self) -> float | None:
        """Send what is due.

        Returns the seconds until the next call, None if only `wake` brings one.
        """


class Ticker:
    """The thread "parrot-views", which starts when the first view is woken.

    Runs on: any thread calls `wake`, `flush` and `stop`; the methods below them run on its own.
    """

    def __init__(self) -> None:
        """Start with nothing to do."""
        lock = threading.RLock()
        self._changed = threading.Condition(lock)
        self._hurried = threading.Condition(lock)
        """Ends a rest between two rounds; a new due time does not."""
        self._due: dict[Ticking, float] = {}
        self._thread: threading.Thread | None = None
        self._hurries = self._works = self._stopped = False

    def wake(self, view: Ticking, after: float = 0.0) -> None:
        """Schedule a call of a view in the next round, or in `after` seconds; from any thread."""
        at = time.monotonic() + after
        with self._changed:
            self._due[view] = min(at, self._due.get(view, at))
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="parrot-views", daemon=True)
                self._thread.start()
                atexit.register(self.stop)
            self._changed.notify_all()

    def flush(self, patience: float, if_urgent: float) -> None:
        """Call at once all views that are due, now or later, and wait until that is done.

        It waits at most `patience` seconds, or `if_urgent` seconds if a view is urgent.
        """
        with self._changed:
            due = list(self._due)
        # Asked without the lock: a view may hold a lock of its own while it wakes us.
        most = if_urgent if any(view.is_urgent for view in due) else patience
        with self._changed:
            if self._due or self._works:
                self._due = dict.fromkeys(self._due, 0.0)
                self._hurries = True
                self._changed.notify_all()
                self._hurried.notify_all()
                self._changed.wait_for(lambda: not (self._hurries or self._works), most)

    def stop(self) -> None:
        """End the thread; what was not sent by then is never sent."""
        with self._changed:
            self._stopped = True
            self._changed.notify_all()
            self._hurried.notify_all()

    # On the thread "parrot-views".

    def _run(self) -> None:
        while not self._stopped:
            for view in self._take_ready():
                self._call(view)
            self._rest()

    def _take_ready(self) -> list[Ticking]:
        """Wait until a view is due; returns all that are."""
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
        """Wait until the next round may begin: a flush does not wait for that."""
        with self._changed:
            self._works = False
            self._changed.notify_all()
            self._hurried.wait_for(lambda: self._hurries or self._stopped, TICK)


TICKER = Ticker()
