"""The time that an attempt may take; it stands still while the job is paused."""

import asyncio
import time
from collections.abc import Callable

from parrot_async.service.engine.state import Run


class Clock:
    """Timeouts of attempts."""

    def __init__(self, timed_out: Callable[[Run], None]) -> None:
        """`timed_out` is called with a run whose time is over."""
        self._timed_out = timed_out
        self._loop = asyncio.get_running_loop()

    def begin(self, run: Run, seconds: float, at: float) -> None:
        """Give an attempt so much time from its start, which its worker's clock says was at `at`.

        That clock may be wrong, or ours; no attempt has run for longer than since it was sent.
        """
        gone = min(max(0.0, time.time() - at), time.monotonic() - run.sent)
        self.start(run, seconds - gone)

    def start(self, run: Run, seconds: float) -> None:
        """Give an attempt so much time from now."""
        run.timer = self._loop.call_later(max(0.0, seconds), self._timed_out, run)

    def hold(self, run: Run) -> None:
        """Let the time stand still, where an attempt has one."""
        if run.stop is None and run.timer is not None:
            run.left = run.timer.when() - self._loop.time()
            run.cancel_timer()

    def go_on(self, run: Run) -> None:
        """Let the time run again, if it stands still."""
        left, run.left = run.left, None
        if run.stop is None and left is not None:
            self.start(run, left)
