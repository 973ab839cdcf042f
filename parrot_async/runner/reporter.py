"""What a worker reports to the service: what its outbox collects, and what its attempts are."""

import asyncio
import logging
import time
from collections.abc import Mapping
from contextvars import Context

from distributed import Worker

from parrot_async.jobs.context import JobContext, host_of
from parrot_async.model.models import JobId, LogLine
from parrot_async.runner.execution import Execution
from parrot_async.runner.host import ExecutionHost
from parrot_async.runner.loop_watch import Blocking
from parrot_async.runner.outbox import Attempted, Outbox
from parrot_async.settings import failpoints
from parrot_async.settings.failpoints import reach
from parrot_async.transport.api import Arguments, Operation, reports_stub
from parrot_async.transport.messages import attempts_of
from parrot_async.transport.wire import pack

logger = logging.getLogger(__name__)


class Reporter:
    """Sends one worker's reports to the service, in order.

    Runs on: the worker's loop; `keep`, `blocked` and all of `outbox` but its flush on any thread.
    """

    def __init__(self, executions: Mapping[tuple[JobId, int], Execution], worker: Worker) -> None:
        """`executions` are all of the worker that are not over, by job id and attempt."""
        self._executions = executions
        self._worker = worker
        self._loop = asyncio.get_running_loop()
        self.reports = reports_stub(self._tell)
        self.outbox = Outbox(self._wake, worker.address, self._spoiled)

    def _tell(self, operation: Operation, arguments: Arguments) -> None:
        """Report to the service; Dask adds which worker it is."""
        told = {name: value for name, value in arguments.items() if name != "worker"}
        self._worker.batched_stream.send({"op": operation.wire_name, **told})

    def flush_soon(self) -> None:
        """Send what has happened until now, from any thread."""
        self._wake(0.0)

    def _wake(self, seconds: float) -> None:
        self._loop.call_soon_threadsafe(self._flush_after, seconds, context=Context())

    def _flush_after(self, seconds: float) -> None:
        if seconds > 0:
            self._loop.call_later(seconds, self._flush)
        else:
            self._flush()

    def _flush(self) -> None:
        records = self.outbox.flush()
        if records and not self._worker.batched_stream.closed():
            if failpoints.armed:
                reach("reporting")
            self.reports.happened(self._worker.address, [pack(record) for record in records])

    def keep(self, context: JobContext, line: LogLine) -> None:
        """Send a line of a job's output with the next flush."""
        if isinstance(host := host_of(context), ExecutionHost):
            self.outbox.logged(host, line)

    def blocked(self, blocking: Blocking) -> None:
        """Say on the node of the job, and in this worker's log, what holds up all async jobs."""
        text = f"blocks every async job of this worker at {blocking.place}"
        found = [e for e in list(self._executions.values()) if e.body.runs(blocking.task)]
        logger.warning("%s %s", found[0].id if found else "a task that a job started", text)
        line = LogLine(time.time(), "WARNING", f"this job {text}: `await asyncio.to_thread(...)`")
        for execution in found:
            self.outbox.logged(execution.host, line)

    def _spoiled(self, attempt: Attempted) -> None:
        """Stop an attempt that has ended because what it did could not be sent."""
        if (execution := self._executions.get((attempt.id, attempt.attempt))) is not None:
            execution.stop_astray()

    def resign(self, fault: str) -> None:
        """Report that this process can run nothing any more, after what happened until now."""
        self._flush()
        self.reports.unfit(self._worker.address, fault)

    def list_attempts(self, number: int) -> None:
        """Report which attempts there are, after all that has happened until now."""
        # An attempt that ends meanwhile is listed, or its end goes out before the list.
        there = list(self._executions.values())
        # The service takes a slot for full whose job it has not heard to wait.
        self.outbox.repeat_slots()
        try:
            self._flush()
        except Exception:
            logger.exception("could not send what has happened on this worker")
        running = attempts_of((e.id, e.attempt) for e in there if e.started)
        queued = attempts_of((e.id, e.attempt) for e in there if not e.started)
        self.reports.attempts(self._worker.address, number, running, queued)
