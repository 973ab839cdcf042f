"""One attempt of one job on this worker, from its arrival to its end."""

import asyncio
import ctypes
import threading
from collections.abc import Callable, Coroutine, Sequence
from concurrent.futures import Future
from typing import Any, Protocol

from parrot_async import results
from parrot_async.children import (
    Child,
    Children,
    JobStopped,
    all_ended,
    wait_without_slot,
    wait_without_slot_async,
)
from parrot_async.context import JobContext, _current
from parrot_async.errors import SerializationError
from parrot_async.models import ErrorInfo, JobId, JobResult, Usage
from parrot_async.outcome import error_info
from parrot_async.runner.outbox import Outbox
from parrot_async.runner.slots import Slots
from parrot_async.values import Call, dump_value, load_call, load_value, preview
from parrot_async.wire import INLINE, Value

_set_async_exc = ctypes.pythonapi.PyThreadState_SetAsyncExc


class Surroundings(Protocol):
    """What an execution needs of its runner."""

    slots: "Slots[Execution]"
    outbox: Outbox
    results_url: str

    def function(self, function_id: str) -> Callable[..., Any]:
        """Return a function that has arrived with its batch; the first call may import it."""

    def submit(
        self, parent: "Execution", fn: Callable[..., Any], calls: Sequence[Call]
    ) -> "Future[Children[Any]]":
        """Ask the service for children."""

    def ended(self, execution: "Execution") -> None:
        """Take note that an execution is over."""

    def seats(self, coroutine: Coroutine[Any, Any, Any], execution: "Execution") -> None:
        """Run a coroutine on the jobs' loop, in the execution's place."""


class Execution:
    """One attempt; it is the host of the job's context."""

    def __init__(
        self,
        runner: Surroundings,
        job_id: JobId,
        attempt: int,
        function_id: str,
        arguments: bytes,
        coroutine: bool,
        grace: float,
        values: dict[JobId, Value],
    ) -> None:
        """Keep what the batch says of this attempt."""
        self.runner = runner
        self.id = job_id
        self.attempt = attempt
        self.function_id = function_id
        self.arguments = arguments
        self.coroutine = coroutine
        self.grace = grace
        self.values = values
        self.context = JobContext(self, job_id, attempt)
        self.children: list[Child[Any]] = []
        self.dropped = False
        self.started = False
        self.over = False
        self.abandoned = False
        self.reason: ErrorInfo | None = None
        self.task: asyncio.Task[Any] | None = None
        self.thread: int | None = None
        self._waits = 0
        self._placeless = False
        self._place: Future[None] | None = None
        self._stopped: Future[None] | None = None
        self._lock = threading.Lock()

    # The host of the job's context.

    @property
    def stopped(self) -> "Future[None]":
        """Gets done when the job is told to stop."""
        if self._stopped is None:
            with self._lock:
                self._stopped = self._stopped or Future()
        return self._stopped

    def give_back(self) -> None:
        """Let others have the slot while this job waits."""
        self._waits += 1
        if self._waits == 1:
            self._placeless = True
            self.runner.outbox.waits(self, True)
            self.runner.slots.leave()

    def take_again(self) -> "Future[None] | None":
        """Queue for a slot again when nothing in this job waits any more."""
        self._waits -= 1
        if self._waits or not self._placeless:
            return None
        self._placeless = False
        self.runner.outbox.waits(self, False)
        self._place = self.runner.slots.come_back()
        return self._place

    def progressed(self, context: JobContext) -> None:
        """Have the latest progress sent, at the next flush."""
        self.runner.outbox.progressed(self)

    def spent(self, context: JobContext, usage: Usage) -> None:
        """Have the usage sent."""
        self.runner.outbox.spent(self, usage)

    def submit(self, fn: Callable[..., Any], calls: Sequence[Call]) -> "Future[Children[Any]]":
        """Ask the service for children of this job."""
        return self.runner.submit(self, fn, calls)

    # Running.

    def run_in_thread(self) -> bool:
        """Run a sync job to its end; False if it turned out to be async and goes on elsewhere."""
        self._begin()
        self.thread = threading.get_ident()
        token = _current.set(self.context)
        try:
            try:
                value = self._call()
                if asyncio.iscoroutine(value):
                    self.thread = None
                    self.runner.seats(value, self)
                    return False
                if (children := self._open_children()) is not None:
                    wait_without_slot(self, children)
            finally:
                self._leave_thread()
        except JobStopped:
            self._end_stopped()
        except BaseException as exc:
            self._end_raised(exc)
        else:
            self._end_returned(value)
        finally:
            _current.reset(token)
        return True

    def _begin(self) -> None:
        self.started = True
        self.runner.outbox.started(self)
        if self.reason is not None:
            self.stopped.set_result(None)

    def _call(self) -> Any:
        self.context.checkpoint()
        args, kwargs = self._load_call()
        return self.runner.function(self.function_id)(*args, **kwargs)

    def _load_call(self) -> Call:
        values = {
            job_id: load_value(results.read(value.url) if value.url else value.data or b"")
            for job_id, value in self.values.items()
        }
        return load_call(self.arguments, values)

    def _open_children(self) -> "Future[None] | None":
        """Those that the body left running; it ends after them, and how they end is its affair."""
        open_ones = [child.future for child in self.children if not child.future.done()]
        return all_ended(open_ones) if open_ones else None

    def _leave_thread(self) -> None:
        """Make sure that no exception that was meant for this job hits the next one."""
        with self._lock:
            if self.thread is not None:
                _set_async_exc(ctypes.c_ulong(self.thread), None)
            self.thread = None

    async def run(self, started: Coroutine[Any, Any, Any] | None = None) -> None:
        """Run an async job to its end, on the jobs' loop."""
        if started is None:
            self._begin()
        self.task = asyncio.current_task()
        _current.set(self.context)
        try:
            if self.reason is not None:
                raise asyncio.CancelledError
            value = await (started if started is not None else await self._coroutine())
            if (children := self._open_children()) is not None:
                await wait_without_slot_async(self, children)
        except (asyncio.CancelledError, JobStopped) as exc:
            self._end_stopped() if self.reason is not None else self._end_raised(exc)
        except BaseException as exc:
            self._end_raised(exc)
        else:
            self._end_returned(value)

    async def _coroutine(self) -> Any:
        """Call the function; what may block, its import and far arguments, goes to a thread."""
        fn = await asyncio.to_thread(self.runner.function, self.function_id)
        far = any(value.url for value in self.values.values())
        args, kwargs = await asyncio.to_thread(self._load_call) if far else self._load_call()
        value = fn(*args, **kwargs)
        return value if asyncio.iscoroutine(value) else _done(value)

    # Ending.

    def _end_returned(self, value: Any) -> None:
        try:
            data = dump_value(value)
            if len(data) > INLINE:
                name = f"{self.id}.{self.attempt}.pickle"
                url = results.write(self.runner.results_url, name, data)
                result = JobResult(len(data), preview(value), url)
                self.runner.outbox.completed(self, result, None)
            else:
                self.runner.outbox.completed(self, JobResult(len(data), preview(value)), data)
        except Exception as exc:
            self._end_raised(exc)
        else:
            self._over()

    def _end_raised(self, exc: BaseException) -> None:
        try:
            data = dump_value(exc)
        except SerializationError:
            data = None
        if data is not None and len(data) > INLINE:
            data = None
        self.runner.outbox.failed(self, error_info(exc, skip=2), data)
        self._over()

    def _end_stopped(self) -> None:
        reason = self.reason or ErrorInfo("cancelled", "the job was stopped")
        self.runner.outbox.failed(self, reason, None)
        self._over()

    def _over(self) -> None:
        if not self.abandoned:
            self.over = True
            self.runner.ended(self)

    def keeps_place(self) -> bool:
        """Whether it ended with a slot to hand on; one that it only waits for is withdrawn."""
        if self._placeless or self.abandoned:
            return False
        if self._place is not None and not self._place.done():
            self.runner.slots.forget(self._place)
            return False
        return True

    # Stopping.

    def stop(self, reason: ErrorInfo) -> bool:
        """Tell the job to stop; True if it had not started, and now never will."""
        if self.reason is not None or self.over:
            return False
        self.reason = reason
        if not self.started:
            self.dropped = True
            self._end_stopped()
            return True
        if not self.stopped.done():
            self.stopped.set_result(None)
        self._cancel_task()
        return False

    def _cancel_task(self) -> None:
        if self.task is not None:
            self.task.get_loop().call_soon_threadsafe(self.task.cancel)

    def abandon(self) -> bool:
        """Forget the job, whose code goes on; True if it held a slot until now."""
        held = self.keeps_place()
        self.over = self.abandoned = True
        return held

    def force(self, loop_thread: int | None) -> None:
        """Raise JobStopped in the code that did not stop by itself, wherever it is."""
        with self._lock:
            thread = self.thread
            if thread is None and self.task is not None:
                hogs = asyncio.current_task(self.task.get_loop()) is self.task
                thread = loop_thread if hogs else None
            if thread is not None and not self.over:
                _set_async_exc(ctypes.c_ulong(thread), ctypes.py_object(JobStopped))
        self._cancel_task()


async def _done(value: Any) -> Any:
    return value
