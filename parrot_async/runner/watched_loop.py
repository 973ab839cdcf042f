"""The jobs' loops of a worker, watched: none ends unseen, and another takes its place."""

import asyncio
import logging
from collections.abc import Callable, Coroutine, Mapping, Sequence
from contextvars import Context

from distributed import Worker

from parrot_async.errors import ErrorInfo
from parrot_async.jobs.context import JobContext, host_of
from parrot_async.model.models import JobId
from parrot_async.runner.execution import Execution
from parrot_async.runner.host import ExecutionHost
from parrot_async.runner.jobs_loop import BROKEN, JobsLoop

logger = logging.getLogger(__name__)


class WatchedLoop:
    """The loop on which a worker runs async jobs at this moment, and those of single attempts.

    An attempt whose job was lost with a loop before gets one of its own: whoever of those that
    shared the loop has broken it, does no harm to the others a second time.

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
        self._apart: dict[Execution, JobsLoop] = {}

    def start(
        self,
        run: Callable[[Execution], Coroutine[object, None, None]],
        executions: Sequence[Execution],
    ) -> None:
        """Run executions on their shared loop, or each on one of its own; from any thread."""
        if any(execution.alone for execution in executions):
            for execution in [each for each in executions if each.alone]:
                # Not in the context of a job which happens to hand its slot on.
                self._apart[execution] = jobs_loop = Context().run(self._new)
                _start_on(jobs_loop, run, [execution])
            executions = [each for each in executions if not each.alone]
        if executions:
            _start_on(self.current, run, executions)

    def of(self, execution: Execution) -> JobsLoop:
        """Return the loop on which an execution runs, or would."""
        return self._apart.get(execution, self.current)

    def ended(self, execution: Execution) -> None:
        """Close the loop of an execution that had one of its own; from that loop."""
        if (jobs_loop := self._apart.pop(execution, None)) is not None:
            jobs_loop.finish()

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
        self._loop.call_soon_threadsafe(self.replace, jobs_loop, ErrorInfo("lost", BROKEN))

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
                self._apart.pop(execution, None)
        if reason.message == BROKEN:
            old.finish()
        else:
            old.abandon()


def _start_on(
    jobs_loop: JobsLoop,
    run: Callable[[Execution], Coroutine[object, None, None]],
    executions: Sequence[Execution],
) -> None:
    for execution in executions:
        execution.loop = jobs_loop.loop
    jobs_loop.start(run, executions)
