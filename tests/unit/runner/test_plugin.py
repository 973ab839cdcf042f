"""The runner without Dask: a worker that only has what the runner asks of one."""

import asyncio
import pickle
import sys
import threading
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from types import SimpleNamespace
from typing import Any, cast

import pytest
from distributed import Status, Worker

from parrot_async.errors import ErrorInfo
from parrot_async.model import events
from parrot_async.runner.jobs_loop import BLOCKED, close_loop
from parrot_async.runner.plugin import Runner
from parrot_async.transport.api import (
    Arguments,
    Operation,
    RunnerApi,
    RunnerReports,
    operations,
    runner_stub,
)
from parrot_async.transport.messages import attempts_of
from parrot_async.transport.pickling import dump_function
from parrot_async.transport.wire import unpack
from tests.unit.runner.attempts import batch

REPORTS = operations(RunnerReports)

blocking, unblocked = threading.Event(), threading.Event()


async def block_the_loop() -> None:
    blocking.set()
    until = time.monotonic() + 20
    while not unblocked.is_set() and time.monotonic() < until:
        pass


class BareWorker:
    """A worker without a scheduler: what the runner sends stays here."""

    interval = 0.0
    local_directory = ""
    address = "worker"

    def __init__(self, slots: int) -> None:
        self.state = SimpleNamespace(nthreads=slots, total_resources={}, tasks={})
        self.status = Status.running
        self.batched_stream = self
        self.scheduler = self
        self.stream_handlers: dict[str, Callable[..., None]] = {}
        self.handlers: dict[str, Callable[..., Any]] = {}
        self.pickles: dict[str, bytes] = {}
        self.sent: list[dict[str, Any]] = []
        self.runner = runner_stub(self.call)

    def send(self, message: dict[str, Any]) -> None:
        self.sent.append(message)

    def closed(self) -> bool:
        return False

    def call(self, operation: Operation, arguments: Arguments) -> Any:
        """Call the runner, as the service does."""
        heard = self.handlers if operation.answers else self.stream_handlers
        return heard[operation.wire_name](**arguments)

    async def parrot_function(self, function_id: str) -> bytes:
        return self.pickles[function_id]

    async def run(self, *functions: Callable[..., Any], is_async: bool = False) -> None:
        """Send the runner a batch."""
        for fn in functions:
            self.pickles.update([await asyncio.to_thread(dump_function, fn)])
        self.runner.take(await asyncio.to_thread(batch, *functions, is_async=is_async))

    def events(self) -> list[events.Event]:
        """What was sent to the service."""
        happened = [one for one in self.sent if one["op"] == REPORTS["happened"].wire_name]
        records = [packed for one in happened for packed in one["records"]]
        return [events.load(unpack(packed).body) for packed in records]

    def ends(self) -> dict[str, ErrorInfo | None]:
        """The jobs whose end was sent, and their errors."""
        found: dict[str, ErrorInfo | None] = {}
        for event in self.events():
            if isinstance(event, events.Completed):
                found.update(dict.fromkeys(event.ids))
            elif isinstance(event, events.AttemptFailed):
                found.update(zip(event.ids, event.errors, strict=True))
        return found

    async def ended(self, *ids: str) -> dict[str, ErrorInfo | None]:
        """Wait for the ends of jobs."""
        async with asyncio.timeout(10):
            while not set(ids) <= self.ends().keys():  # noqa: ASYNC110 - a list tells nobody
                await asyncio.sleep(0.002)
        return self.ends()


@pytest.fixture
def worker() -> BareWorker:
    return BareWorker(slots=1)


@asynccontextmanager
async def running_on(worker: BareWorker) -> AsyncIterator[Runner]:
    """A runner that is set up, and leaves no loop and no thread behind."""
    runner = Runner("memory://results")
    await runner.setup(cast("Worker", worker))
    first = runner._jobs_loop
    try:
        yield runner
    finally:
        unblocked.set()
        last = runner._jobs_loop
        await runner.teardown(cast("Worker", worker))
        if first is not last:
            await asyncio.to_thread(close_loop, first.loop, first.thread)
        async with asyncio.timeout(10):
            while not last.loop.is_closed():  # noqa: ASYNC110 - it tells nobody
                await asyncio.sleep(0.002)


@pytest.fixture
async def runner(worker: BareWorker) -> AsyncIterator[Runner]:
    async with running_on(worker) as runner:
        yield runner


def test_only_the_settings_travel_to_a_worker() -> None:
    again = pickle.loads(pickle.dumps(Runner("s3://bucket/results")))  # noqa: S301 - our own

    assert vars(again) == {"results_url": "s3://bucket/results"}


@pytest.mark.usefixtures("runner")
async def test_a_new_runner_tells_its_labels_and_its_slots(worker: BareWorker) -> None:
    hello = worker.sent[0]

    assert hello["op"] == REPORTS["worker_ready"].wire_name
    assert (hello["labels"], hello["slots"]) == (["cpu", "io"], 1)
    assert worker.handlers.keys() == {operations(RunnerApi)["check"].wire_name}


async def test_a_runner_leaves_the_streams_as_they_were() -> None:
    before = sys.stdout, sys.stderr

    async with running_on(BareWorker(slots=1)):
        during = sys.stdout

    assert during is not before[0]
    assert (sys.stdout, sys.stderr) == before


@pytest.mark.usefixtures("runner")
@pytest.mark.parametrize("is_async", [False, True])
async def test_a_batch_runs_to_its_end_in_one_slot(worker: BareWorker, is_async: bool) -> None:
    def fail() -> None:
        raise ValueError("broken")

    await worker.run(int, fail, str, is_async=is_async)
    ends = await worker.ended("a", "b", "c")

    assert (ends["a"], ends["c"]) == (None, None)
    assert ends["b"] is not None
    assert ends["b"].type_name == "ValueError"


@pytest.mark.usefixtures("runner")
async def test_a_sync_function_that_returns_a_coroutine_keeps_its_slot(worker: BareWorker) -> None:
    async def later() -> int:
        await asyncio.sleep(0.01)
        return 1

    def call() -> Any:
        return later()

    await worker.run(call, int)
    ends = await worker.ended("a", "b")

    assert ends == {"a": None, "b": None}


@pytest.mark.usefixtures("runner")
async def test_a_function_that_the_service_does_not_have_fails_its_job_alone(
    worker: BareWorker,
) -> None:
    both = await asyncio.to_thread(batch, int, str)
    worker.pickles.update([await asyncio.to_thread(dump_function, str)])

    worker.runner.take(both)
    ends = await worker.ended("a", "b")

    assert ends["a"] is not None
    assert ends["a"].type_name == "KeyError"
    assert ends["b"] is None


@pytest.mark.usefixtures("runner")
async def test_a_worker_that_is_short_of_memory_starts_nothing_until_dask_lets_it(
    worker: BareWorker,
) -> None:
    worker.status = Status.paused
    await worker.run(int)
    await asyncio.sleep(0.05)
    during = worker.ends()

    worker.status = Status.running
    ends = await worker.ended("a")

    assert during == {}
    assert ends == {"a": None}


async def test_what_a_job_prints_is_sent_with_it() -> None:
    def speak() -> None:
        sys.stdout.write("half a ")
        sys.stdout.write("line, and then some")

    worker = BareWorker(slots=1)

    async with running_on(worker):
        await worker.run(speak)
        await worker.ended("a")

    logged = [event for event in worker.events() if isinstance(event, events.Logged)]
    assert [line.text for event in logged for line in event.lines] == ["half a line, and then some"]


async def test_a_shift_lasts_until_the_worker_may_rest(runner: Runner, worker: BareWorker) -> None:
    worker.state.tasks["shift"] = object()
    shift = asyncio.create_task(runner.shift("shift"))
    await asyncio.sleep(0.01)
    during = shift.done()

    worker.runner.rest(key="shift")
    await asyncio.wait_for(shift, 5)

    assert not during


async def test_a_shift_that_has_not_begun_ends_as_it_begins(
    runner: Runner, worker: BareWorker
) -> None:
    worker.state.tasks["shift"] = object()

    worker.runner.rest(key="shift")
    worker.runner.rest(key="unknown")

    await asyncio.wait_for(runner.shift("shift"), 5)


async def test_a_loop_that_a_job_blocks_is_replaced_and_its_other_jobs_are_lost() -> None:
    unblocked.clear()
    worker = BareWorker(slots=3)

    async with running_on(worker):
        await worker.run(partial(asyncio.sleep, 3600), block_the_loop, is_async=True)
        await asyncio.to_thread(blocking.wait, 10)
        worker.runner.abandon(attempts_of([("b", 1)]))
        lost = (await worker.ended("a"))["a"]
        worker.sent.clear()
        await worker.run(int, is_async=True)
        after = await worker.ended("a")

    assert lost == ErrorInfo("lost", BLOCKED)
    assert after == {"a": None}
