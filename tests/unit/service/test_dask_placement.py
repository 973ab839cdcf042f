"""Dask knows which workers are busy, and is asked which of them take jobs."""

import asyncio
from collections.abc import AsyncIterator
from types import SimpleNamespace

import pytest
from distributed import Status

from parrot_async.service.dask_placement import OWNER, REST_AFTER, SHIFT
from parrot_async.transport.messages import attempts_of
from tests.unit.service.engine.placements import BATCH, on_dask

GONE = "tcp://127.0.0.1:1"


@pytest.fixture
async def dask() -> AsyncIterator[SimpleNamespace]:
    async with on_dask() as place:
        yield place


async def test_a_worker_that_is_gone_takes_nothing_and_costs_nothing(
    dask: SimpleNamespace,
) -> None:
    dask.placement.runner(GONE).recall(attempts_of([("a", 1)]))
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
    assert heard[2] == ("rest", shifts[0])


async def test_what_comes_soon_is_of_the_same_shift(dask: SimpleNamespace) -> None:
    dask.placement.start(BATCH, dask.worker)
    dask.placement.rest(dask.worker)

    dask.placement.start(BATCH, dask.worker)
    await asyncio.sleep(REST_AFTER + 0.1)

    assert [operation for operation, _ in dask.heard.messages] == ["take", "take"]


async def test_dask_forgets_a_shift_that_is_over(dask: SimpleNamespace) -> None:
    dask.placement.start(BATCH, dask.worker)
    (key,) = [key for key in dask.scheduler.tasks if str(key).startswith(SHIFT)]

    dask.placement.shift_over(key)
    dask.placement.start(BATCH, dask.worker)

    later = [str(key) for key in dask.scheduler.tasks if str(key).startswith(SHIFT)]
    assert dask.scheduler.clients[OWNER].wants_what
    assert key not in {task.key for task in dask.scheduler.clients[OWNER].wants_what}
    assert len(set(later) - {key}) == 1
