"""The runner: a Dask worker plugin that takes batches, runs them in slots and tells the service."""

import asyncio
import gc
import logging
from collections.abc import Callable, Collection, Coroutine, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import Context
from functools import partial
from typing import Any

from distributed import Status, Worker, WorkerPlugin

from parrot_async.errors import ErrorInfo, FunctionChangedError
from parrot_async.jobs.context import JobContext
from parrot_async.jobs.futures import mapped
from parrot_async.jobs.host import AcceptedChildren
from parrot_async.jobs.request import groups_of_calls, pack_function
from parrot_async.jobs.spec import check_call
from parrot_async.model.models import JobId
from parrot_async.runner import threads
from parrot_async.runner.checking import check
from parrot_async.runner.children import ChildFutures
from parrot_async.runner.countdown import Countdown
from parrot_async.runner.dask_worker import DaskContexts, let_secede
from parrot_async.runner.device import POOL, Device
from parrot_async.runner.execution import Execution
from parrot_async.runner.functions import LoadedFunctions
from parrot_async.runner.host import ExecutionHost
from parrot_async.runner.host_process import HostProcess
from parrot_async.runner.jobs_loop import BLOCKED, JobsLoop
from parrot_async.runner.leftovers import Leftovers
from parrot_async.runner.loop_watch import LoopWatch
from parrot_async.runner.output import Output
from parrot_async.runner.reporter import Reporter
from parrot_async.runner.shifts import Shifts
from parrot_async.runner.slots import Slots
from parrot_async.runner.watched_loop import WatchedLoop
from parrot_async.settings.failpoints import reach
from parrot_async.transport.api import (
    VERSION,
    Arguments,
    Operation,
    RunnerApi,
    handlers,
    operations,
    service_stub,
)
from parrot_async.transport.import_paths import ignore_path
from parrot_async.transport.messages import (
    Attempts,
    Batch,
    OutcomeMessage,
    Stop,
    StoredFunction,
    attempts_of,
    each_attempt,
    error_of,
)
from parrot_async.transport.outcome import Outcome, error_info
from parrot_async.transport.pickling import Call
from parrot_async.transport.raised import dump_error
from parrot_async.transport.wire import RUNNER, all_beside, tune

DEFAULT_LABELS = ["cpu", "io"]
"""Of a worker that was started without `--resources`."""
FORCE_EARLY = 0.3
"""Seconds before the end of the grace period, at which the service has the worker killed."""
PAUSED_INTERVAL = 0.1
"""Seconds between two checks whether Dask still pauses this worker, as its memory is short."""
FORCE_AGAIN = 1.0
"""Seconds between two attempts to stop code by an exception."""

LEFT = frozenset({Status.closing, Status.closed, Status.failed})
"""States of a worker that has left its scheduler, or does now."""

logger = logging.getLogger(__name__)


class Runner(WorkerPlugin):
    """Runs attempts on one worker.

    Runs on: the worker's loop; `_start`, `run_on_loop`, `ended`, `submit` on any thread.
    """

    name = RUNNER
    idempotent = True
    owns_process = True

    def __init__(self, results_url: str) -> None:
        """`results_url` is the folder of values too big to travel."""
        self.results_url = results_url

    # Life of the plugin.

    async def setup(self, worker: Worker) -> None:
        """Take over the worker: label it, listen, and tell the service that it is ready."""
        # What was imported until now stays for ever: the garbage collector may skip it.
        gc.freeze()
        self.worker = worker
        self._loop = asyncio.get_running_loop()
        self._service = service_stub(self._ask)
        self.functions = LoadedFunctions(self._service.function)
        self._executions: dict[tuple[JobId, int], Execution] = {}
        self._batches: dict[Execution, Countdown] = {}
        self._children = ChildFutures()
        self._shifts = Shifts(worker)
        self._arriving: set[asyncio.Task[None]] = set()
        self._reporter = Reporter(self._executions, worker)
        self._reports, self.outbox = self._reporter.reports, self._reporter.outbox
        self.slots = Slots(worker.state.nthreads, self._start)
        self._threads = ThreadPoolExecutor(100_000, thread_name_prefix="parrot-job")
        self._contexts = DaskContexts(worker)
        self._loops = WatchedLoop(self._executions, worker, self._contexts.of_loop)
        self._output = Output(self._reporter.keep)
        self._output.install()
        self._loop_watch = LoopWatch(lambda: self._jobs_loop, self._reporter.blocked)
        self._leftovers = Leftovers(self._output, self.slots, puts_back=self.owns_process)
        threads.install()
        tune(worker.batched_stream)
        for name, operation in operations(RunnerApi).items():
            heard = worker.handlers if operation.answers else worker.stream_handlers
            heard.update(handlers(RunnerApi, self, [name]))
        ignore_path(worker.local_directory)
        labels = list(worker.state.total_resources) or DEFAULT_LABELS
        self.device = Device() if POOL in labels else None
        self._process = HostProcess(worker)
        self._reports.worker_ready(worker.address, labels, self.slots.count, VERSION)

    @property
    def _jobs_loop(self) -> JobsLoop:
        return self._loops.current

    async def teardown(self, worker: Worker) -> None:  # noqa: ARG002 - Dask's own hook
        """Restore the worker's streams and loggers, and stop what runs."""
        for task in self._arriving:
            task.cancel()
        threads.remove()
        self._output.remove()
        self._loop_watch.stop()
        await self._contexts.close()
        self._leave_loop()
        for execution in list(self._executions.values()):
            execution.host.end_processes()
        await self._process.close()
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _leave_loop(self) -> None:
        """Close the jobs' loop; what is left on it is not cancelled, which would be told."""
        self._jobs_loop.close()

    def __getstate__(self) -> dict[str, object]:
        """Pickle the settings only: the rest is made on the worker."""
        return {"results_url": self.results_url}

    # Batches.

    async def shift(self, key: str) -> None:
        """Wait until the service ends the shift."""
        await self._shifts.last(key)

    def rest(self, key: str) -> None:
        """End a shift; one that Dask has not begun yet will end as it begins."""
        self._shifts.end(key)

    def take(self, batch: Batch) -> None:
        """Queue a batch for slots; its last end is sent at once."""
        executions = [Execution(self, batch, index) for index in range(len(batch["ids"]))]
        wanted = frozenset(batch["functions"])
        self.functions.hold(wanted)
        countdown = Countdown(len(executions), partial(self._batch_over, wanted))
        for execution in executions:
            self._executions[execution.id, execution.attempt] = execution
            self._batches[execution] = countdown
        if self.functions.lacks(wanted) or batch["edited"] or self._is_paused():
            task = self._loop.create_task(self._prepare(executions))
            self._arriving.add(task)
            task.add_done_callback(self._arriving.discard)
        else:
            self.slots.add(executions)

    def _batch_over(self, functions: Collection[str]) -> None:
        self.functions.release(functions)
        self._reporter.flush_soon()

    def _is_paused(self) -> bool:
        """Whether Dask starts nothing on this worker, as its memory is short."""
        return self.worker.status is Status.paused

    async def _prepare(self, executions: list[Execution]) -> None:
        """Get the functions, wait until the worker may start jobs, and queue the executions."""
        missing = await self.functions.fetch(execution.call.function_id for execution in executions)
        for execution in executions:
            if (error := missing.get(execution.call.function_id)) and not execution.over:
                execution.fail(error)
        for one in {e.call.function_id for e in executions} - missing.keys():
            await self._check_modules(one, [e for e in executions if e.call.function_id == one])
        while self._is_paused():  # noqa: ASYNC110 - Dask tells nobody when that is over
            await asyncio.sleep(PAUSED_INTERVAL)
        self.slots.add(executions)

    async def _check_modules(self, function_id: str, executions: list[Execution]) -> None:
        """Give attempts back whose modules this process has in another version, or end them."""
        edited = any(e.takes_edited for e in executions)
        refuses = partial(self.functions.refuses, function_id, edited=edited)
        try:
            why = await asyncio.to_thread(refuses)
        except FunctionChangedError as exc:
            for execution in executions:
                execution.fail(error_info(exc), dump_error(exc))
            return
        if why is not None:
            withdrawn = attempts_of((e.id, e.attempt) for e in executions if e.withdraw())
            self._reports.outdated(self.worker.address, function_id, withdrawn, why)

    async def _ask(self, operation: Operation, arguments: Arguments) -> Any:
        """Ask the service."""
        return await getattr(self.worker.scheduler, operation.wire_name)(**arguments)

    def _start(self, executions: list[Execution]) -> None:
        """Start executions that have taken a slot each."""
        if not self._has_worker():
            return
        coroutines = [execution for execution in executions if execution.is_async]
        if coroutines:
            self._loops.start(self._run, coroutines)
        for execution in executions:
            if not execution.is_async:
                self._start_thread(execution)

    def _start_thread(self, execution: Execution) -> None:
        try:
            # Not in the context of a job which happens to free the slot.
            Context().run(self._threads.submit, self._run_in_thread, execution)
        except RuntimeError as exc:  # as many threads as the machine has, left by jobs
            execution.fail(ErrorInfo("lost", f"its worker could start no thread: {exc}"))
            self._loop.call_soon_threadsafe(execution.abandon)

    def _run_in_thread(self, execution: Execution | None) -> None:
        """Run sync executions in this thread, one after the other, as long as there is one."""
        let_secede()
        while execution is not None:
            if execution.is_async:
                self._start([execution])
                return
            if not self._run_one(execution) or not self._is_fit_after(execution):
                return
            if not execution.host.give_up_slot():
                return
            execution = self.slots.hand_on() if self._has_worker() else None

    def _has_worker(self) -> bool:
        """Whether this is still a worker: what it ran without one, nobody would hear of."""
        return self._loop.is_running() and self.worker.status not in LEFT

    def _run_one(self, execution: Execution) -> bool:
        """Run a sync execution in a context of its own; False if it goes on elsewhere."""
        try:
            self._leftovers.begin(execution.host)
            return self._contexts.of_threads.copy().run(execution.run_in_thread)
        except BaseException as exc:  # this thread goes on, and the slot is handed on
            logger.exception("job %s was hit outside of its body", execution.id)
            if not execution.over:
                execution.fail(error_info(exc, ours=True))
            return True
        finally:
            self._leftovers.end(execution.host.context)

    def run_on_loop(self, coroutine: Coroutine[object, None, Any], execution: Execution) -> None:
        """Run the rest of an execution, a coroutine, on the jobs' loop, in the same slot."""
        self._loops.start(partial(self._run, started=coroutine), [execution])

    async def _run(
        self, execution: Execution, started: Coroutine[object, None, Any] | None = None
    ) -> None:
        self._leftovers.begin(execution.host)
        await execution.run(started)
        self._leftovers.end(execution.host.context)
        if execution.failed and self.device is not None:
            # This task may have a cancel on its way yet: it must not await anything.
            Context().run(self._threads.submit, self._free_slot, execution)
        else:
            self._free_slot(execution)
        self._loops.ended(execution)

    def _free_slot(self, execution: Execution) -> None:
        if self._is_fit_after(execution) and execution.host.give_up_slot():
            self.slots.free()

    def _is_fit_after(self, execution: Execution) -> bool:
        """Whether the worker can run another attempt; where it cannot, it is to be replaced."""
        if self.device is None or not execution.failed:
            return True
        fault = self.device.fault(execution.grace, is_shared=self.slots.taken > 1)
        if fault is not None:
            self._loop.call_soon_threadsafe(self._reporter.resign, fault)
        return fault is None

    def close_output(self, context: JobContext) -> None:
        """Keep what a job wrote last, and put back what it changed, before its end is told."""
        self._output.close_job(context)
        self._leftovers.end(context)

    def ended(self, execution: Execution) -> None:
        """Forget an execution that is over, and count its batch down."""
        self._children.forget(execution.host)
        self._executions.pop((execution.id, execution.attempt), None)
        self._batches.pop(execution).down()

    # What comes in.

    def stop(self, stops: Sequence[Stop]) -> None:
        """Have attempts stop, at their next checkpoint or by force before their grace is over."""
        for stop in stops:
            execution = self._executions.get((stop["id"], stop["attempt"]))
            reason = ErrorInfo(stop["kind"], stop["message"])
            if execution is not None and not execution.stop(reason):
                at = max(execution.grace - FORCE_EARLY, execution.grace / 2)
                self._loop.call_later(at, self._force, execution)

    def pause(self, attempts: Attempts) -> None:
        """Return what has not started; what runs holds at its next checkpoint."""
        for execution in self._found(attempts):
            execution.host.pause()
        self.recall(attempts)

    def resume(self, attempts: Attempts) -> None:
        """Let attempts that hold go on."""
        for execution in self._found(attempts):
            execution.host.resume()

    def _force(self, execution: Execution) -> None:
        if not execution.over:
            execution.force(self._loops.of(execution).thread.ident)
            self._loop.call_later(FORCE_AGAIN, self._force, execution)

    def abandon(self, attempts: Attempts) -> None:
        """Hand on the slots of code that cannot be stopped; its threads may go on."""
        for execution in self._found(attempts):
            if execution.body.blocks_loop():
                blocked = ErrorInfo("lost", BLOCKED)
                self._loops.replace(self._loops.of(execution), blocked, execution)
            execution.abandon()

    def recall(self, attempts: Attempts) -> None:
        """Return what has not started, so that an idle worker can have it."""
        withdrawn = attempts_of((e.id, e.attempt) for e in self._found(attempts) if e.withdraw())
        self._reports.returned(self.worker.address, withdrawn)

    def _found(self, attempts: Attempts) -> Iterator[Execution]:
        for name in each_attempt(attempts):
            if (execution := self._executions.get(name)) is not None:
                yield execution

    def list_attempts(self, number: int) -> None:
        """Report which attempts there are, after all that has happened until now."""
        self._reporter.list_attempts(number)

    async def check(self, functions: Mapping[str, StoredFunction]) -> dict[str, str]:
        """Return what is wrong with functions that were submitted long ago, by their ids."""
        return await check(functions)

    # Children.

    def submit(
        self, parent: ExecutionHost, fn: Callable[..., Any], calls: Sequence[Call]
    ) -> "Future[AcceptedChildren]":
        """Ask the service for children of a running job, from any thread."""
        for call in calls[:1]:
            check_call(fn, call)
        function_id, data = pack_function(fn)
        groups = all_beside(groups_of_calls(fn, calls, function_id))
        asking = self._service.children(parent.id, parent.attempt, groups, {function_id: data})
        asked = asyncio.run_coroutine_threadsafe(asking, self._loop)
        return mapped(asked, lambda ids: self._children.add(parent, ids, self._cancel))

    def children_ended(self, outcomes: Sequence[OutcomeMessage]) -> None:
        """Tell the bodies of parents how children of theirs ended."""
        for ended in outcomes:
            data, error = ended["data"], ended["error"]
            info = None if error is None else error_of(error)
            value = None if data is None else bytes(data)
            self._child_ended(Outcome(ended["id"], value, ended["url"], info))

    def _child_ended(self, outcome: Outcome) -> None:
        reach("child_done")
        self._children.ended(outcome, self._is_running)

    def _is_running(self, job_id: JobId) -> bool:
        return any(job_id == running for running, _ in list(self._executions))

    def _cancel(self, job_id: JobId) -> None:
        if self._children.has(job_id):
            asyncio.run_coroutine_threadsafe(self._service.cancel([job_id]), self._loop)
