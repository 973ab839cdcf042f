"""Jobs that no worker can run: they wait for a while, since a worker may come back, and then fail.

A wait begins when the job became ready or, where that was later, when a worker of its pool left.
"""

import asyncio
import time
from collections.abc import Callable, Mapping

from parrot_async.errors import ErrorInfo
from parrot_async.model.models import JobId
from parrot_async.service.engine.dispatch import Dispatch
from parrot_async.service.engine.ending import Ending
from parrot_async.service.engine.state import TrackedJob
from parrot_async.service.journal.ends import End

LOOK_AGAIN = 0.25
"""Seconds between two looks at all ready jobs, at least."""


class Unschedulable:
    """Fails ready jobs that no worker can run, when they have waited for long enough.

    Runs on: the scheduler's loop.
    """

    def __init__(
        self,
        jobs: Mapping[JobId, TrackedJob],
        dispatch: Dispatch,
        ending: Ending,
        gives_up_at: Callable[[str, float], float],
    ) -> None:
        """`gives_up_at(pool, since)` returns when a wait that began at `since` is over.

        Both are times of the loop.
        """
        self._jobs = jobs
        self._dispatch = dispatch
        self._ending = ending
        self._gives_up_at = gives_up_at
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None

    def watch(self, job: TrackedJob) -> None:
        """Look at a job that has become ready again when its time is over."""
        if not job.node.spec.wait_for_workers and self._dispatch.missing(job):
            self._look_at(self._ends_at(job))

    def worker_left(self) -> None:
        """Look at all ready jobs again: some may have lost the last worker that could run them."""
        self._look_at(self._loop.time() + LOOK_AGAIN)

    def _ends_at(self, job: TrackedJob) -> float:
        return self._gives_up_at(job.node.spec.pool, job.ready_since)

    def _look_at(self, at: float) -> None:
        if self._timer is not None and self._timer.when() <= at:
            return
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._loop.call_at(at, self._look)

    def _look(self) -> None:
        """Fail all jobs whose time is over, and look again when the next one's is."""
        self._timer = None
        now = self._loop.time()
        soonest = float("inf")
        for job in [job for job in self._jobs.values() if job.state == "ready"]:
            if job.node.spec.wait_for_workers or (lacking := self._dispatch.missing(job)) is None:
                continue
            ends_at = self._ends_at(job)
            if ends_at <= now:
                error = ErrorInfo("unschedulable", lacking)
                self._ending.finish(job, End(time.time(), error=error))
            else:
                soonest = min(soonest, ends_at)
        if soonest < float("inf"):
            self._look_at(max(soonest, now + LOOK_AGAIN))
