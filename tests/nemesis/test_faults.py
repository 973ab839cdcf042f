"""Faults other than a killed process, at points of a job's way: no promise is broken."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.nemesis import oversleeping
from tests.nemesis.cluster import Cluster, lived_in
from tests.nemesis.faults import FAULTS
from tests.nemesis.oversleeping import LONG, SHORT, Pair, pair_on
from tests.postgres import Server

EACH_TIME = {
    "event lost": (("reporting", 1), ("reporting", 2)),
    "loop ended": (("started", 0), ("result_written", 0), ("child_done", 1)),
    "process with children": (("started", 0), ("child_done", 0)),
    "clock forward": (("accepted", 0), ("ending", 0), ("started", 0), ("child_done", 0)),
    "clock back": (("accepted", 0), ("ending", 0), ("started", 0), ("child_done", 0)),
}
"""Points and seeds of every run of the tests; at night there are all points, and more seeds."""
NIGHTLY = 20
LONG_STOPS = 2
"""Seeds for which a service is stopped for a minute, at each point."""
AT_NIGHT = pytest.mark.nightly

pytestmark = pytest.mark.slow


def cases() -> list[object]:
    """Return what is done each time, and what only at night."""
    all_of_them = [
        (name, point, seed)
        for name, fault in FAULTS.items()
        for point in fault.points
        for seed in range(NIGHTLY)
    ]
    return [
        pytest.param(*case, marks=() if case[1:] in EACH_TIME[case[0]] else AT_NIGHT)
        for case in all_of_them
    ]


@pytest.fixture(scope="module")
async def cluster(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Cluster]:
    async with lived_in(Cluster("faults", tmp_path_factory.mktemp("faults") / "one")) as cluster:
        yield cluster


@pytest.fixture(scope="module")
async def pair(
    postgres_server: Server, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Pair]:
    with postgres_server.database():
        async with pair_on(postgres_server, Path(tmp_path_factory.mktemp("pair"))) as pair:
            yield pair


@pytest.mark.parametrize(("name", "point", "seed"), cases())
async def test_no_promise_is_broken(cluster: Cluster, name: str, point: str, seed: int) -> None:
    assert await FAULTS[name].run(cluster, point, seed) == []


async def test_no_promise_is_broken_by_a_service_that_was_stopped(pair: Pair) -> None:
    assert await pair.run("ended", 0, SHORT) == []


@pytest.mark.nightly
@pytest.mark.timeout(300)
@pytest.mark.parametrize("seed", range(LONG_STOPS))
@pytest.mark.parametrize("point", oversleeping.POINTS)
async def test_no_promise_is_broken_by_a_minute_of_sleep(pair: Pair, point: str, seed: int) -> None:
    assert await pair.run(point, seed, LONG) == []
