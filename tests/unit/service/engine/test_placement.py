"""What every way to the workers promises, checked on Dask's and on the eager client's."""

import asyncio
from collections.abc import AsyncIterator
from types import SimpleNamespace

import pytest

from parrot_async.service.engine.placement import Placement
from parrot_async.transport.messages import Batch, StoredFunction, attempts_of, each_attempt
from tests.unit.service.engine.placements import BATCH, eager, on_dask


@pytest.fixture(params=[on_dask, eager])
async def place(request: pytest.FixtureRequest) -> AsyncIterator[SimpleNamespace]:
    async with request.param() as place:
        yield place


async def test_messages_arrive_in_their_order(place: SimpleNamespace) -> None:
    placement: Placement = place.placement

    placement.start(BATCH, place.worker)
    placement.runner(place.worker).recall(attempts_of([("a", 1)]))
    placement.start(Batch(**{**BATCH, "ids": ("b",)}), place.worker)

    heard = await place.heard.until(3)
    assert [operation for operation, _ in heard] == ["take", "recall", "take"]
    assert heard[0][1] == BATCH
    assert list(each_attempt(heard[1][1])) == [("a", 1)]
    assert heard[2][1]["ids"] == ("b",)


async def test_a_runner_says_what_is_wrong_with_functions(place: SimpleNamespace) -> None:
    found = await place.placement.runner(place.worker).check(
        {"f": StoredFunction(data=b"pickle", code="code")}
    )

    assert found == {"f": "was changed"}
    assert place.heard.asked == {"f": {"data": b"pickle", "code": "code"}}


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
