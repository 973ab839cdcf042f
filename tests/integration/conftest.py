"""One cluster for all tests of the engine, and one with a single slot of each kind."""

from collections.abc import AsyncIterator

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
