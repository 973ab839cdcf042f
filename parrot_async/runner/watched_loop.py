"""The jobs' loop of a worker, watched: it never ends unseen, and another takes its place."""

import asyncio
import logging
from collections.abc import Callable, Mapping
from contextvars import Context

from distributed import Worker

from parrot_async.errors import ErrorInfo
from parrot_async.jobs.context import JobContext, host_of
from parrot_async.model.models import JobId
from parrot_async.runner.execution import Execution
from parrot_async.runner.host import ExecutionHost
from parrot_async.runner.jobs_loop import JobsLoop

BLOCKED = ErrorInfo("lost", "another job blocked the event loop that it ran on")
BROKEN = ErrorInfo("lost", "the event loop that it ran on broke")

logger = logging.getLogger(__name__)


class WatchedLoop:
    """The loop on which a worker runs async jobs at this moment.

    Runs on: the worker's loop; `_stray` and `_broken` on the thread of the jobs' loop.
    """

    def __init__(
        self,
        executions: Mapping[tuple[JobId, int], Execution],
        worker: Worker,
        context_of: Callable[[asyncio.AbstractEventLoop], Context],
    ) -> None:
        """Start the first loop; the worker leaves where no other can take its place.

        `executions` are all of the worker that are not over, by job id and attempt. `context_of`
        returns what the jobs on a loop find in their contexts.
        """
        self._context_of = context_of
        self._executions = executions
        self._worker = worker
        self._loop = asyncio.get_running_loop()
        self.current = self._new()

    def _new(self) -> JobsLoop:
        jobs_loop = JobsLoop(self._stray, self._broken)
        jobs_loop.context = self._context_of(jobs_loop.loop)
        return jobs_loop

    def _stray(self, job: JobContext | None, exc: BaseException) -> None:
        """End the job whose task or callback stopped the jobs' loop, or tried to."""
        host = None if job is None else host_of(job)
        if isinstance(host, ExecutionHost):
            execution = self._executions.get((host.id, host.attempt))
            if execution is not None:
                execution.fail_astray(exc)

    def _broken(self, jobs_loop: JobsLoop) -> None:
        self._loop.call_soon_threadsafe(self.replace, jobs_loop, BROKEN)

    def replace(self, old: JobsLoop, reason: ErrorInfo, blocking: Execution | None = None) -> None:
        """Go on with a new loop; what the old one can run no more ends with the reason.

        The `blocking` execution is left to the caller.
        """
        if self.current is old:
            try:
                self.current = self._new()
            except (OSError, RuntimeError):
                logger.exception("no event loop for async jobs can be made: this worker leaves")
                self._closing = asyncio.ensure_future(
                    self._worker.close(reason="parrot-no-loop")
                )  # its nanny starts another
                return
        for execution in [e for e in list(self._executions.values()) if e.loop is old.loop]:
            if execution is not blocking:
                execution.fail(reason)
                execution.abandon()
        old.abandon()
