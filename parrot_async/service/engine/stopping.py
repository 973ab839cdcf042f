"""How jobs are stopped: by a cancel, a timeout, the end of their parent, and at last by force."""

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence

from parrot_async.errors import ErrorInfo
from parrot_async.model.models import JobId
from parrot_async.service.engine.dispatch import Dispatch
from parrot_async.service.engine.ending import Ending
from parrot_async.service.engine.state import IN_FLIGHT, TrackedJob
from parrot_async.service.journal.ends import End
from parrot_async.service.journal.journal import Journal


class Stopping:
    """Tells jobs to stop, and kills those that do not within their grace.

    Runs on: the scheduler's loop.
    """

    def __init__(
        self,
        jobs: Mapping[JobId, TrackedJob],
        journal: Journal,
        dispatch: Dispatch,
        ending: Ending,
        *,
        killed: Callable[[TrackedJob, End, Sequence[TrackedJob]], None],
    ) -> None:
        """Share the service's parts; `jobs` are all that have not ended.

        `killed` is called with a job whose attempt was ended by force, how it ended, and the jobs
        that lost their worker with it.
        """
        self._jobs = jobs
        self._journal = journal
        self._dispatch = dispatch
        self._ending = ending
        self._killed = killed
        self._loop = asyncio.get_running_loop()

    def cancel(self, job_id: JobId) -> bool:
        """Stop a job and all below it. Returns False where it has ended already."""
        job = self._jobs.get(job_id)
        if job is None:
            return False
        self._journal.cancel_requested(job_id)
        self.stop(job, ErrorInfo("cancelled", "it was cancelled"))
        return True

    def time_out(self, job: TrackedJob) -> None:
        """Stop a job whose attempt has run for longer than it may."""
        seconds = job.node.spec.timeout
        self.stop(job, ErrorInfo("timeout", f"it ran longer than its timeout of {seconds:g}s"))

    def stop(self, job: TrackedJob, reason: ErrorInfo) -> None:
        """End a job for this reason: at once, or when its code lets go or is killed."""
        # The first reason stands, so that a job says why it was stopped at all. A timeout alone may
        # be followed by a retry: somebody who cancels meanwhile must not see the job start again.
        if job.state == "ended" or (job.stop is not None and job.stop.kind != "timeout"):
            return
        job.stop = reason
        if job.state in IN_FLIGHT:
            job.cancel_timer()
            self._dispatch.tell_to_stop(job, reason)
            job.timer = self._loop.call_later(job.node.spec.grace, self._kill, job)
        elif job.state == "draining":
            # Its own end waits for its children, and is not told to anybody yet. Who cancelled it
            # was told "yes", so it must not complete; other reasons change nothing about its end.
            if reason.kind == "cancelled":
                job.end = End(time.time(), error=reason)
        else:
            self._dispatch.remove(job)
            self._ending.finish(job, End(time.time(), error=reason))
        self._ending.stop_children(job)

    def _kill(self, job: TrackedJob) -> None:
        """End a job whose code does not let go, by its worker's death where that is allowed."""
        if job.state not in IN_FLIGHT or job.stop is None:
            return
        end = End(time.time(), error=job.stop)
        self._journal.attempt_failed(job.id, job.attempt, end)
        worker, attempt = job.worker, job.attempt
        self._dispatch.remove(job)
        beside = self._dispatch.kill(worker, (job.id, attempt))
        self._killed(job, end, beside)
