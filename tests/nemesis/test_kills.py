"""Kill -9 at each point of a job's way, of each process that takes part in it."""

from collections.abc import AsyncIterator

import pytest

from parrot_async.faults import POINTS
from tests.nemesis.town import Town, town

VICTIMS = ("client", "worker", "scheduler")
RUNS = 3
NIGHTLY = 20


@pytest.fixture(scope="module")
async def place(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Town]:
    """A cluster that goes on from kill to kill."""
    async with town("nemesis", tmp_path_factory.mktemp("nemesis") / "town") as place:
        yield place


@pytest.mark.parametrize(
    "seed",
    [*range(RUNS), *(pytest.param(n, marks=pytest.mark.nightly) for n in range(RUNS, NIGHTLY))],
)
@pytest.mark.parametrize("victim", VICTIMS)
@pytest.mark.parametrize("point", POINTS)
async def test_no_promise_is_broken(place: Town, victim: str, point: str, seed: int) -> None:
    objections = await place.run(victim, point, seed)

    assert objections == []
