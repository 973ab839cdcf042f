"""One attempt of one job on this worker, from its arrival to its end."""

import asyncio
import ctypes
import inspect
import threading
from collections.abc import Callable, Coroutine, Sequence
from concurrent.futures import Future
from typing import Any, Protocol

from parrot_async.errors import ErrorInfo, ResultExpiredError, SerializationError
from parrot_async.failpoints import reach
from parrot_async.jobs.context import JobContext, current_context
from parrot_async.jobs.futures import all_ended
from parrot_async.jobs.host import Accepted
from parrot_async.jobs.progress import JobProgress
from parrot_async.jobs.slot import JobStopped, hold, wait_without_slot, wait_without_slot_async
from parrot_async.model.events import Continued, Paused, Waiting
from parrot_async.model.models import JobId, JobResult, Usage
from parrot_async.runner.functions import Functions
from parrot_async.runner.outbox import Outbox
from parrot_async.runner.slots import Slots
from parrot_async.transport import results
from parrot_async.transport.messages import Batch, ValueMessage
from parrot_async.transport.outcome import Outcome, error_info
from parrot_async.transport.pickling import Call, dump_value, load_call, load_value, preview
from parrot_async.transport.wire import INLINE, Value

_set_async_exc = ctypes.pythonapi.PyThreadState_SetAsyncExc

ASTRAY = ErrorInfo("lost", "it was hit by what was to stop another job")


class Surroundings(Protocol):
    """What an execution needs of its runner."""

    slots: "Slots[Execution]"
    outbox: Outbox
    functions: Functions
    results_url: str

    def submit(
        self, parent: "Execution", fn: Callable[..., Any], calls: Sequence[Call]
    ) -> "Future[Accepted]":
        """Ask the service for children."""

    def ends(self, execution: "Execution") -> None:
        """Take what is left of an execution's output, before its end is told."""

    def ended(self, execution: "Execution") -> None:
        """Take note that an execution is over."""

    def seats(self, coroutine: Coroutine[Any, Any, Any], execution: "Execution") -> None:
        """Run a coroutine on the jobs' loop, in the execution's place."""


class Execution:
    """One attempt; it is the host of the job's context."""

    def __init__(self, runner: Surroundings, batch: Batch, index: int) -> None:
        """Keep what the batch says of the attempt at this index."""
        self.runner = runner
        self.id = batch["ids"][index]
        self.attempt = batch["attempts"][index]
        self.function_id = batch["functions"][index]
        self.arguments = batch["arguments"][index]
        self.coroutine = batch["coroutines"][index]
        self.grace = batch["graces"][index]
        self.values = batch["values"]
        self.names = batch["names"].get(self.id, {})
        self._state = batch["states"].get(self.id)
        self.context = JobContext(self, self.id, self.attempt)
        self.children: list[tuple[JobId, Future[Outcome]]] = []
        self.dropped = False
        self.started = False
        self.over = False
        self.reason: ErrorInfo | None = None
        self.task: asyncio.Task[Any] | None = None
        self.thread: int | None = None
        self._waits = 0
        self.holds = False
        self.seat: asyncio.AbstractEventLoop | None = None
        self._place: Future[None] | None = None
        self._asked: list[Future[Any]] = []
        self._stopped: Future[None] | None = None
        self.held: Future[None] | None = None
        self._lock = threading.Lock()

    # The host of the job's context.

    @property
    def stopped(self) -> "Future[None]":
        """Gets done when the job is told to stop."""
        if self._stopped is None:
            with self._lock:
                if self._stopped is None:
                    self._stopped = Future()
        return self._stopped

    def free_slot(self, *, paused: bool = False) -> None:
        """Let others have the slot while this job waits, or is paused."""
        self._waits += 1
        if self._waits == 1:
            self.runner.outbox.turned(self, Paused if paused else Waiting)
            if self.parts_with_place():
                self.runner.slots.leave()

    def take_slot(self) -> "Future[None] | None":
        """Queue for a slot again when nothing in this job waits any more."""
        self._waits -= 1
        with self._lock:
            if self._waits or self.holds or self.over:
                return None
            self._place = self.runner.slots.come_back()
            self.holds = self._place is None
        self.runner.outbox.turned(self, Continued)
        return self._place

    def parts_with_place(self) -> bool:
        """Give the place up, once; True where the caller has it to hand on.

        One that was only asked for is withdrawn, or passed on if it has just come.
        """
        with self._lock:
            held, self.holds = self.holds, False
            place, self._place = self._place, None
        if place is not None:
            self.runner.slots.forget(place)
        return held

    def progressed(self, progress: JobProgress) -> None:
        """Have the latest progress sent, at the next flush."""
        self.runner.outbox.progressed(self, progress)

    def spent(self, usage: Usage) -> None:
        """Have the usage sent."""
        self.runner.outbox.spent(self, usage)

    def save(self, state: Any) -> None:
        """Have a state kept for a later attempt; a big one is written here and now."""
        data = dump_value(state)
        if len(data) <= INLINE:
            self.runner.outbox.saved(self, data, None)
            return
        name = f"{self.id}.{self.attempt}.checkpoint.pickle"
        self.runner.outbox.saved(self, None, results.write(self.runner.results_url, name, data))

    def restored(self) -> Any:
        """Return what an earlier attempt saved last; ResultExpiredError where its file is gone."""
        if self._state is None:
            return None
        state = Value(**self._state)
        return load_value(results.read(state.url) if state.url else state.data or b"")

    def submit(self, fn: Callable[..., Any], calls: Sequence[Call]) -> "Future[Accepted]":
        """Ask the service for children of this job."""
        asked = self.runner.submit(self, fn, calls)
        self._asked.append(asked)
        return asked

    # Running.

    def run_in_thread(self) -> bool:
        """Run a sync job to its end; False if it turned out to be async and goes on elsewhere."""
        if not self._begin():
            return True
        self.thread = threading.get_ident()
        token = current_context.set(self.context)
        try:
            try:
                value = self._call()
                if inspect.iscoroutine(value):
                    self._leave_thread()
                    self.runner.seats(value, self)
                    return False
                while (children := self._open_children()) is not None:
                    wait_without_slot(self, children)
            finally:
                self._leave_thread()
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
        self.runner.outbox.started(self)
        reach("started")
        return True

    def _call(self) -> Any:
        self.context.checkpoint()
        args, kwargs = self._load_call()
        return self.runner.functions.load(self.function_id)(*args, **kwargs)

    def _load_call(self) -> Call:
        return load_call(self.arguments, _Values(self.values, self.names))

    def _open_children(self) -> "Future[None] | None":
        """Those that the body left running; it ends after them, and how they end is its affair."""
        futures = [asked for asked in self._asked if not asked.done()]
        futures = futures or [end for _, end in self.children if not end.done()]
        return all_ended(futures) if futures else None

    def _leave_thread(self) -> None:
        """Make sure that no exception that was meant for this job hits the next one."""
        while self.thread is not None:
            try:
                with self._lock:
                    _set_async_exc(ctypes.c_ulong(self.thread), None)
                    self.thread = None
            except JobStopped:  # it hit here: what the body did is done, and counts
                continue

    async def run(self, started: Coroutine[Any, Any, Any] | None = None) -> None:
        """Run an async job to its end, on the jobs' loop."""
        if started is None and not self._begin():
            return
        self.task = asyncio.current_task()
        current_context.set(self.context)
        try:
            self._check_reason()
            await hold(self)
            value = await (started if started is not None else await self._coroutine())
            while (children := self._open_children()) is not None:
                await wait_without_slot_async(self, children)
        except JobStopped:
            self._end_stopped()
        except asyncio.CancelledError as exc:
            self._end_stopped() if self.reason is not None else self._end_raised(exc)
        except BaseException as exc:  # noqa: BLE001 - whatever the user's code raises
            self._end_raised(exc)
        else:
            self._end_returned(value)

    def _check_reason(self) -> None:
        if self.reason is not None:
            raise asyncio.CancelledError

    async def _coroutine(self) -> Any:
        """Call the function; what may block, its import and far arguments, goes to a thread."""
        if self.runner.functions.is_loaded(self.function_id):
            fn = self.runner.functions.load(self.function_id)
        else:
            fn = await asyncio.to_thread(self.runner.functions.load, self.function_id)
        far = any(value["url"] for value in self.values.values())
        args, kwargs = await asyncio.to_thread(self._load_call) if far else self._load_call()
        value = fn(*args, **kwargs)
        return value if inspect.iscoroutine(value) else _done(value)

    # Ending.

    def _end_returned(self, value: Any) -> None:
        self.runner.ends(self)
        try:
            data, url = dump_value(value), None
            if len(data) > INLINE:
                name = f"{self.id}.{self.attempt}.pickle"
                url = results.write(self.runner.results_url, name, data)
            reach("result_written")
            result = JobResult(len(data), preview(value), url)
            self.runner.outbox.completed(self, result, None if url else data)
        except Exception as exc:  # noqa: BLE001 - whatever the value's own code raises
            self._end_raised(exc)
        else:
            self._over()

    def _end_raised(self, exc: BaseException) -> None:
        self.runner.ends(self)
        try:
            data = dump_value(exc)
        except SerializationError:
            data = None
        if data is not None and len(data) > INLINE:
            data = None
        self.runner.outbox.failed(self, error_info(exc, skip=2), data)
        self._over()

    def _end_stopped(self) -> None:
        self.runner.ends(self)
        self.runner.outbox.failed(self, self.reason or ASTRAY, None)
        self._over()

    def fail(self, error: ErrorInfo) -> None:
        """End before the start, or from outside."""
        self.dropped = True
        self.runner.outbox.failed(self, error, None)
        self._over()

    def _over(self) -> None:
        with self._lock:
            over, self.over = self.over, True
        if not over:
            self.runner.ended(self)

    # Stopping.

    def withdraw(self) -> bool:
        """Have it never start here; False where it has, or has ended."""
        with self._lock:
            if self.started or self.dropped:
                return False
            self.dropped = True
        self._over()
        return True

    def stop(self, reason: ErrorInfo) -> bool:
        """Tell the job to stop; True if it had not started, and now never will."""
        if self.over:
            return False
        told = self.reason is not None
        with self._lock:
            self.reason = reason
            self.dropped = not self.started
        if self.dropped:
            self._end_stopped()
            return True
        if not told:
            self.stopped.set_result(None)
        self._cancel_task()
        return False

    def pause(self) -> None:
        """Have the job hold at its next checkpoint."""
        self.held = self.held or Future()

    def resume(self) -> None:
        """Let the job go on."""
        held, self.held = self.held, None
        if held is not None:
            held.set_result(None)

    def _cancel_task(self) -> None:
        if self.task is not None:
            self.task.get_loop().call_soon_threadsafe(self.task.cancel)

    def abandon(self) -> None:
        """Forget the job, whose code may go on, and hand its place on."""
        self.dropped = True
        self._over()
        if self.parts_with_place():
            self.runner.slots.leave()

    def hogs_loop(self) -> bool:
        """Whether it is this job's code that keeps the jobs' loop from turning."""
        return self.task is not None and asyncio.current_task(self.task.get_loop()) is self.task

    def force(self, loop_thread: int | None) -> None:
        """Raise JobStopped in the code that did not stop by itself, wherever it is."""
        with self._lock:
            thread = self.thread if self.thread is not None or not self.hogs_loop() else loop_thread
            if thread is not None and not self.over:
                _set_async_exc(ctypes.c_ulong(thread), ctypes.py_object(JobStopped))
        self._cancel_task()


class _Values(dict[JobId, Any]):
    """Results of other jobs, read when the arguments name them."""

    def __init__(self, values: dict[JobId, ValueMessage], names: dict[JobId, JobId]) -> None:
        super().__init__()
        self._values = values
        self._names = names

    def __bool__(self) -> bool:
        return bool(self._values)

    def __missing__(self, job_id: JobId) -> Any:
        found = self._values.get(self._names.get(job_id, job_id))
        if found is None:
            raise ResultExpiredError(
                f"the result of job {job_id}, an argument, is not kept any more"
            )
        value = Value(**found)
        if value.parts is not None:
            self[job_id] = [self[part] for part in value.parts]
        else:
            self[job_id] = load_value(results.read(value.url) if value.url else value.data or b"")
        return self[job_id]


async def _done(value: Any) -> Any:
    return value
