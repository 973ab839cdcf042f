"""The timeouts of attempts, which stand still while their jobs are held."""

import asyncio
import time
from collections.abc import Callable

from parrot_async.service.engine.state import TrackedJob


class Timeouts:
    """Calls back when an attempt has run for longer than it may.

    Runs on: the scheduler's loop.
    """

    def __init__(self, timed_out: Callable[[TrackedJob], None]) -> None:
        """`timed_out` is called with a job whose time is over."""
        self._timed_out = timed_out
        self._loop = asyncio.get_running_loop()

    def begin(self, job: TrackedJob, seconds: float, at: float) -> None:
        """Give an attempt so many seconds from its start, at `at` by its worker's clock."""
        # That clock may be wrong, or ours; no attempt has run for longer than since it was sent.
        gone = min(max(0.0, time.time() - at), time.monotonic() - job.sent)
        self.start(job, seconds - gone)

    def start(self, job: TrackedJob, seconds: float) -> None:
        """Give an attempt so many seconds from now."""
        job.timer = self._loop.call_later(max(0.0, seconds), self._timed_out, job)

    def hold(self, job: TrackedJob) -> None:
        """Stop the time of a job that is held, where its attempt has a timeout."""
        if job.stop is None and job.timer is not None:
            job.time_left = job.timer.when() - self._loop.time()
            job.cancel_timer()

    def resume(self, job: TrackedJob) -> None:
        """Let the time of a job run again, where it stands still."""
        left, job.time_left = job.time_left, None
        if job.stop is None and left is not None:
            self.start(job, left)
