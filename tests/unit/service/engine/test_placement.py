"""What every way to the workers promises, checked on Dask's and on the eager client's."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from types import SimpleNamespace
from typing import Any

import pytest
from distributed import Scheduler, Status, Worker

from parrot_async.service.dask_placement import OWNER, REST_AFTER, SHIFT, DaskPlacement
from parrot_async.service.engine.placement import Placement
from parrot_async.testing.scheduler import WORKER, EagerPlacement
from parrot_async.transport.wire import CHECK, CONTROL, REST, RUNNER, TAKE, Batch

BATCH = Batch(("a",), (1,), ("f",), (b"arguments",), (False,), (5.0,), {}, {}, {})
GONE = "tcp://127.0.0.1:1"


class Heard:
    """A worker's end of the stream: what arrives is written down."""

    def __init__(self) -> None:
        self.messages: list[tuple[str, dict[str, Any]]] = []
        self.handlers: dict[str, Callable[..., Any]] = {CHECK: self.check}
        self.asked: dict[str, Any] = {}

    def hear(self, operation: str, **message: Any) -> None:
        self.messages.append((operation, message))

    async def check(self, functions: dict[str, Any]) -> dict[str, str]:
        self.asked = functions
        return {"f": "was changed"}

    async def until(self, count: int) -> list[tuple[str, dict[str, Any]]]:
        """Return what has arrived, once there are so many."""
        async with asyncio.timeout(5):
            while len(self.messages) < count:  # noqa: ASYNC110 - the stream tells nobody
                await asyncio.sleep(0.005)
        return self.messages


class Shifts:
    """In the place of a runner: shifts that end when they are told to."""

    def __init__(self) -> None:
        self.ends: dict[str, asyncio.Event] = {}

    async def shift(self, key: str) -> None:
        await self.ends.setdefault(key, asyncio.Event()).wait()


@asynccontextmanager
async def on_dask() -> AsyncIterator[SimpleNamespace]:
    """Yield a placement in Dask's scheduler, with a worker without a nanny in this process."""
    heard, shifts = Heard(), Shifts()
    async with (
        Scheduler(protocol="inproc", dashboard=False, dashboard_address=":0") as scheduler,
        Worker(scheduler.address, nthreads=1) as worker,
    ):
        placement = DaskPlacement(scheduler)
        worker.plugins[RUNNER] = shifts

        def rest(key: str) -> None:
            heard.hear(REST, key=key)
            shifts.ends.setdefault(key, asyncio.Event()).set()

        worker.stream_handlers.update(
            {
                TAKE: lambda batch: heard.hear(TAKE, batch=batch),
                CONTROL: lambda **message: heard.hear(CONTROL, **message),
                REST: rest,
            }
        )
        worker.handlers[CHECK] = heard.check
        placement.worker_joined(worker.address)
        yield SimpleNamespace(
            placement=placement,
            worker=worker.address,
            heard=heard,
            scheduler=scheduler,
            dask_worker=worker,
        )
        for key in [key for key in scheduler.tasks if str(key).startswith(SHIFT)]:
            placement.shift_over(str(key))


@asynccontextmanager
async def eager() -> AsyncIterator[SimpleNamespace]:
    """Yield the eager client's placement."""
    heard = Heard()
    yield SimpleNamespace(placement=EagerPlacement(heard), worker=WORKER, heard=heard)


@pytest.fixture(params=[on_dask, eager])
async def place(request: pytest.FixtureRequest) -> AsyncIterator[SimpleNamespace]:
    async with request.param() as place:
        yield place


@pytest.fixture
async def dask() -> AsyncIterator[SimpleNamespace]:
    async with on_dask() as place:
        yield place


async def test_messages_arrive_in_their_order(place: SimpleNamespace) -> None:
    placement: Placement = place.placement

    placement.start(BATCH, place.worker)
    placement.control(place.worker, recall=[("a", 1)])
    placement.start(BATCH._replace(ids=("b",)), place.worker)

    heard = await place.heard.until(3)
    assert [operation for operation, _ in heard] == [TAKE, CONTROL, TAKE]
    assert Batch(*heard[0][1]["batch"]) == BATCH
    assert [tuple(attempt) for attempt in heard[1][1]["recall"]] == [("a", 1)]
    assert Batch(*heard[2][1]["batch"]).ids == ("b",)


async def test_a_runner_says_what_is_wrong_with_functions(place: SimpleNamespace) -> None:
    found = await place.placement.check(place.worker, {"f": (b"pickle", "code")})

    assert found == {"f": "was changed"}
    assert [tuple(asked) for asked in place.heard.asked.values()] == [(b"pickle", "code")]


async def test_a_worker_that_runs_takes_jobs(place: SimpleNamespace) -> None:
    assert place.placement.takes(place.worker)


async def test_a_worker_that_nobody_would_restart_is_not_killed(place: SimpleNamespace) -> None:
    place.placement.kill(place.worker)
    await asyncio.sleep(0.05)

    assert not place.placement.can_kill(place.worker)
    assert place.placement.takes(place.worker)


async def test_an_idle_worker_may_be_told_to_rest(place: SimpleNamespace) -> None:
    place.placement.start(BATCH, place.worker)

    place.placement.rest(place.worker)
    place.placement.start(BATCH, place.worker)

    assert len(await place.heard.until(2)) == 2


async def test_a_worker_that_is_gone_takes_nothing_and_costs_nothing(
    dask: SimpleNamespace,
) -> None:
    dask.placement.control(GONE, recall=[("a", 1)])
    dask.placement.kill(GONE)

    assert not dask.placement.takes(GONE)
    assert not dask.placement.can_kill(GONE)


async def test_a_paused_worker_takes_nothing(dask: SimpleNamespace) -> None:
    dask.scheduler.workers[dask.worker].status = Status.paused

    assert not dask.placement.takes(dask.worker)


async def test_dask_knows_that_a_worker_is_busy_until_it_rests(dask: SimpleNamespace) -> None:
    dask.placement.start(BATCH, dask.worker)
    dask.placement.start(BATCH, dask.worker)
    shifts = [key for key in dask.scheduler.tasks if str(key).startswith(SHIFT)]
    busy = dask.scheduler.workers[dask.worker].processing

    dask.placement.rest(dask.worker)
    heard = await dask.heard.until(3)

    assert len(shifts) == 1
    assert [task.key for task in busy] in ([], shifts)
    assert heard[2] == (REST, {"key": shifts[0]})


async def test_what_comes_soon_is_of_the_same_shift(dask: SimpleNamespace) -> None:
    dask.placement.start(BATCH, dask.worker)
    dask.placement.rest(dask.worker)

    dask.placement.start(BATCH, dask.worker)
    await asyncio.sleep(REST_AFTER + 0.1)

    assert [operation for operation, _ in dask.heard.messages] == [TAKE, TAKE]


async def test_dask_forgets_a_shift_that_is_over(dask: SimpleNamespace) -> None:
    dask.placement.start(BATCH, dask.worker)
    (key,) = [key for key in dask.scheduler.tasks if str(key).startswith(SHIFT)]

    dask.placement.shift_over(key)
    dask.placement.start(BATCH, dask.worker)

    later = [str(key) for key in dask.scheduler.tasks if str(key).startswith(SHIFT)]
    assert dask.scheduler.clients[OWNER].wants_what
    assert key not in {task.key for task in dask.scheduler.clients[OWNER].wants_what}
    assert len(set(later) - {key}) == 1
