"""One cluster for all tests of the engine, and one with a single slot of each kind."""

import shutil
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from parrot_async import JobClient, Pools
from parrot_async.cluster import down


@pytest.fixture(scope="session")
async def engine() -> AsyncIterator[str]:
    """Name of a cluster with two cpu slots and 64 io slots."""
    async with JobClient(name="engine", pools=Pools(cpu=2, gpu=0, io=64)):
        yield "engine"
    await down("engine")


@pytest.fixture(scope="session")
async def narrow() -> AsyncIterator[str]:
    """Name of a cluster with one cpu slot and one io slot."""
    async with JobClient(name="narrow", pools=Pools(cpu=1, gpu=0, io=1)):
        yield "narrow"
    await down("narrow")


@pytest.fixture
async def client(engine: str) -> AsyncIterator[JobClient]:
    """A client of the shared cluster."""
    async with JobClient(name=engine) as client:
        yield client


@pytest.fixture
async def one_slot(narrow: str) -> AsyncIterator[JobClient]:
    """A client of the cluster with one slot of each kind."""
    async with JobClient(name=narrow) as client:
        yield client


@pytest.fixture(scope="module")
def postgres() -> Iterator[str]:
    """DSN of the embedded server of the tests' own PARROT_HOME, which is gone afterwards."""
    import psycopg

    from parrot_async.ingest.vectors.server import ensure_server, stop_server

    address = ensure_server()
    with psycopg.connect(address) as client:
        (data,) = client.execute("show data_directory").fetchall()[0]
    yield address
    stop_server()
    # As root it lies outside of PARROT_HOME, where pytest would not clear it away.
    shutil.rmtree(Path(data).parent)
