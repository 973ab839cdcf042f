"""One attempt of one job on this worker, from its arrival to its end."""

import asyncio
import inspect
import threading
from collections.abc import Coroutine
from dataclasses import replace
from typing import Any, Protocol

from parrot_async.errors import ErrorInfo
from parrot_async.jobs.context import JobContext, current_context
from parrot_async.jobs.slot import JobStopped, hold, wait_without_slot, wait_without_slot_async
from parrot_async.model.models import JobResult
from parrot_async.runner.body import RunningBody
from parrot_async.runner.call import AttemptCall
from parrot_async.runner.functions import LoadedFunctions
from parrot_async.runner.host import ExecutionHost, HostRunner
from parrot_async.runner.process_hooks import leave_forked_process
from parrot_async.settings.failpoints import reach
from parrot_async.transport.messages import Batch
from parrot_async.transport.outcome import error_info
from parrot_async.transport.pickling import dump_value
from parrot_async.transport.previews import preview
from parrot_async.transport.raised import body_error, dump_error

ASTRAY = ErrorInfo("lost", "it was hit by what was to stop another job")


class ExecutionRunner(HostRunner, Protocol):
    """What an execution needs of its runner."""

    functions: LoadedFunctions

    def close_output(self, context: JobContext) -> None:
        """Keep what a job wrote last, before its end is told."""

    def ended(self, execution: "Execution") -> None:
        """Forget an execution that is over."""

    def run_on_loop(self, coroutine: Coroutine[object, None, Any], execution: "Execution") -> None:
        """Run the rest of an execution, a coroutine, on the jobs' loop, in the same slot."""


class Execution:
    """One attempt: it runs the body once, unless it is stopped before, and tells how that ended.

    Runs on: a thread of its own or the jobs' loop; the worker's loop withdraws and stops it.
    """

    __slots__ = (
        "_lock",
        "alone",
        "attempt",
        "body",
        "call",
        "dropped",
        "failed",
        "grace",
        "host",
        "id",
        "is_async",
        "loop",
        "over",
        "reason",
        "runner",
        "started",
        "takes_edited",
    )

    def __init__(self, runner: ExecutionRunner, batch: Batch, index: int) -> None:
        """Keep what the batch says of the attempt at this index."""
        self.runner = runner
        self.id = batch["ids"][index]
        self.attempt = batch["attempts"][index]
        self.is_async = batch["coroutines"][index]
        self.grace = batch["graces"][index]
        self.takes_edited = self.id in batch["edited"]
        self.alone = self.id in batch["alone"]
        self.call = AttemptCall(runner.functions, batch, index)
        self.host = ExecutionHost(runner, self.id, self.attempt, batch["states"].get(self.id))
        self.loop: asyncio.AbstractEventLoop | None = None
        """The jobs' loop on which it runs, if it runs on one."""
        self.dropped = False
        self.started = False
        self.failed = False
        """Whether it has ended in another way than by a result."""
        self.over = False
        self.reason: ErrorInfo | None = None
        self._lock = threading.Lock()
        self.body = RunningBody(self._lock)

    def take_slot(self) -> None:
        """Note that it has a slot."""
        self.host.has_slot = True

    # Running.

    def run_in_thread(self) -> bool:
        """Run a sync job to its end; False if it turned out to be async and goes on elsewhere."""
        if not self._begin():
            return True
        self.body.enter_thread()
        token = current_context.set(self.host.context)
        try:
            try:
                self.host.context.checkpoint()
                value = self.call.make()
                if inspect.iscoroutine(value):
                    self.body.leave_thread()
                    self.runner.run_on_loop(value, self)
                    return False
                # The end waits for children that the body left; how they end is the body's affair.
                while (children := self.host.open_children()) is not None:
                    wait_without_slot(self.host, children)
            finally:
                self.body.leave_thread()
                leave_forked_process()
        except JobStopped:
            self._end_stopped()
        except BaseException as exc:  # noqa: BLE001 - whatever the user's code raises
            self._end_raised(exc)
        else:
            self._end_returned(value)
        finally:
            current_context.reset(token)
        return True

    def _begin(self) -> bool:
        """Note the start; False where it was told to stop before, and has ended so."""
        with self._lock:
            if self.dropped:
                return False
            self.started = True
        self.runner.outbox.started(self.host)
        reach("started")
        return True

    async def run(self, started: Coroutine[object, None, Any] | None = None) -> None:
        """Run an async job to its end, on the jobs' loop; `started` is a body that was called."""
        if started is None and not self._begin():
            return
        self.body.enter_task()
        current_context.set(self.host.context)
        try:
            self._raise_if_stopped()
            await hold(self.host)
            try:
                value = await (started if started is not None else await self.call.start())
            finally:
                leave_forked_process()
            while (children := self.host.open_children()) is not None:
                await wait_without_slot_async(self.host, children)
        except JobStopped:
            self._end_stopped()
        except asyncio.CancelledError as exc:
            self._end_stopped() if self.reason is not None else self._end_raised(exc)
        except BaseException as exc:  # noqa: BLE001 - whatever the user's code raises
            self._end_raised(exc)
        else:
            self._end_returned(value)

    def _raise_if_stopped(self) -> None:
        # What told it to stop came when there was no task yet that could be cancelled.
        if self.reason is not None:
            raise asyncio.CancelledError

    # Ending.

    def _end_returned(self, value: Any) -> None:
        self.runner.close_output(self.host.context)
        if self.over:
            return
        try:
            data = dump_value(value)
            inline, url = self.host.store(data, ".pickle")
            reach("result_written")
            result = JobResult(len(data), preview(value), url)
        except BaseException as exc:  # noqa: BLE001 - whatever the value's own code raises
            self._end_raised(exc)
        else:
            self.runner.outbox.completed(self.host, result, inline)
            self._end()

    def _end_raised(self, exc: BaseException) -> None:
        self.runner.close_output(self.host.context)
        if self.over:
            return
        exc = body_error(exc)
        info = error_info(exc, self.call.retry_on())
        self.runner.outbox.failed(self.host, info, dump_error(exc))
        self._end_unsuccessful()

    def _end_stopped(self) -> None:
        self.runner.close_output(self.host.context)
        if not self.over:
            self.runner.outbox.failed(self.host, self.reason or ASTRAY, None)
        self._end_unsuccessful()

    def fail(self, error: ErrorInfo, data: bytes | None = None) -> None:
        """End it with an error that its body did not raise, before its start or from outside.

        `data` is the pickled exception, if there is one.
        """
        self.dropped = True
        self.runner.outbox.failed(self.host, error, data)
        self._end_unsuccessful()

    def _end_unsuccessful(self) -> None:
        """End it, and all processes that it started; a successful attempt may leave some."""
        self.failed = True
        self.host.end_processes()
        self._end()

    def fail_astray(self, exc: BaseException) -> None:
        """End it with what escaped from a task or a callback that its body started."""
        info = error_info(exc)
        said = f"in a task or callback of it: {info.type_name}: {info.message}"
        self.fail(replace(info, message=said))
        self.stop_astray()

    def stop_astray(self) -> None:
        """Stop its body, whose end is told already, and hand its slot on."""
        self.host.stop()
        self.body.cancel()
        self.abandon()

    def _end(self) -> None:
        with self._lock:
            over, self.over = self.over, True
        if not over:
            self.host.close()
            self.runner.ended(self)

    # Stopping.

    def withdraw(self) -> bool:
        """Never start it here; False where it has started, or has ended."""
        with self._lock:
            if self.started or self.dropped:
                return False
            self.dropped = True
        self._end()
        return True

    def stop(self, reason: ErrorInfo) -> bool:
        """Tell the job to stop; True if it had not started, and now never will."""
        if self.over:
            return False
        with self._lock:
            self.reason = reason
            self.dropped = not self.started
        if self.dropped:
            self._end_stopped()
            return True
        self.host.stop()
        self.body.cancel()
        return False

    def force(self, loop_thread: int | None) -> None:
        """End the processes of code that did not stop by itself, and raise JobStopped in it."""
        self.host.end_processes()  # it may wait for one of them, which lets no exception in
        with self._lock:
            if not self.over:
                self.body.interrupt(loop_thread)
        self.body.cancel()

    def abandon(self) -> None:
        """Forget the job, whose code may go on, and hand its slot on."""
        self.dropped = True
        self._end_unsuccessful()
        if self.host.give_up_slot():
            self.runner.slots.free()
