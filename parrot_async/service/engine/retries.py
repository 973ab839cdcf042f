"""What follows an attempt that ended without a result: another attempt, or the job's end."""

import asyncio
import random
import time
from collections.abc import Callable, Mapping

from parrot_async.errors import ErrorInfo, JobTimeoutError, error_name
from parrot_async.model.models import JobId, JobStatus, RetryPolicy
from parrot_async.service.engine.ending import Ending
from parrot_async.service.engine.state import TrackedJob
from parrot_async.service.journal.ends import End
from parrot_async.service.journal.journal import Journal

MOST_UNSTARTED = 10
"""How often a job may be lost with a worker that had not said that it began with it."""

TIMEOUT_NAMES = tuple(error_name(base) for base in JobTimeoutError.__mro__)


class Retries:
    """Gives jobs their next attempt, after a delay.

    Runs on: the scheduler's loop.
    """

    def __init__(
        self,
        jobs: Mapping[JobId, TrackedJob],
        journal: Journal,
        ending: Ending,
        *,
        make_ready: Callable[[TrackedJob], None],
    ) -> None:
        """Share the service's parts; `make_ready` is called with jobs whose delay is over."""
        self._jobs = jobs
        self._journal = journal
        self._ending = ending
        self._make_ready = make_ready
        self._loop = asyncio.get_running_loop()

    def attempt_over(self, job: TrackedJob, end: End) -> None:
        """Retry a job, or end it."""
        job.cancel_timer()
        if job.stop is not None:
            # How code reacts to being stopped (it raises, it dies with its worker) says nothing:
            # what counts is why it was stopped, which also decides whether there is a retry.
            end = End(end.at, error=job.stop)
        if end.error is not None and may_retry(job, end.error):
            self._retry(job, end.error)
        else:
            self._ending.finish(job, end)

    def _retry(self, job: TrackedJob, error: ErrorInfo) -> None:
        """Queue a job again; children of an attempt that failed, and still run, are stopped."""
        delay = 0.0
        if error.kind != "lost":
            delay = backoff(job.node.spec.retry, job.failed)
            job.failed += 1
            self._ending.stop_children(job)
        job.stop = None
        job.unclaimed = self.children_to_find(job, failed_too=error.kind == "lost")
        self._journal.requeued(job.id, time.time() + delay)
        job.to("backoff")
        self.wait(job, delay)

    def wait(self, job: TrackedJob, seconds: float) -> None:
        """Start a job that is in backoff after so many seconds."""
        job.timer = self._loop.call_later(seconds, self._ready_again, job)

    def _ready_again(self, job: TrackedJob) -> None:
        job.timer = None
        if job.state == "backoff":
            self._make_ready(job)

    def children_to_find(self, job: TrackedJob, failed_too: bool) -> dict[str, list[JobId]]:
        """Return the children that the next attempt need not run again, by fingerprint.

        These are the completed ones and those that still run; with `failed_too`, for a parent that
        was lost with its worker, the failed ones as well.
        """
        # Failed children did not make a lost parent fail: it would have gone on with their errors.
        # And a child that is killed because it does not stop may take its parent's worker along:
        # were it run again, it would do so for ever.
        found: dict[str, list[JobId]] = {}
        wanted = {JobStatus.COMPLETED, JobStatus.FAILED} if failed_too else {JobStatus.COMPLETED}
        for child_id, fingerprint in (job.prints or {}).items():
            child = self._jobs.get(child_id)
            goes_on = child is not None and (child.stop is None or failed_too)
            if goes_on or self._journal.status(child_id) in wanted:
                found.setdefault(fingerprint, []).append(child_id)
        return found


def may_retry(job: TrackedJob, error: ErrorInfo) -> bool:
    """Return whether the job's policy gives it another attempt after this error."""
    policy = job.node.spec.retry
    if error.kind == "lost":
        return job.lost <= policy.lost and job.unstarted <= MOST_UNSTARTED
    wanted = not policy.on or _is_retryable(policy, error)
    return error.kind in ("exception", "timeout") and wanted and job.failed < policy.retries


def _is_retryable(policy: RetryPolicy, error: ErrorInfo) -> bool:
    """Return what the worker says, which has the classes; without that, whether names agree."""
    if error.retryable is not None:
        return error.retryable
    names = TIMEOUT_NAMES if error.kind == "timeout" else error.bases
    return bool(set(policy.on) & set(names))


def backoff(policy: RetryPolicy, failed: int) -> float:
    """Return the seconds until the next attempt: exponential, equal jitter, see `RetryPolicy`."""
    delay = min(policy.longest, policy.first * 2.0 ** min(failed, 64))
    return delay / 2 + random.uniform(0, delay / 2)  # noqa: S311 - no secret
