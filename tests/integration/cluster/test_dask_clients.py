"""Clusters and clients of Dask's that are open already: a JobClient takes any of them."""

import asyncio
import logging
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

import pytest
from distributed import Client, LocalCluster, SpecCluster, Status

from parrot_async import JobClient, job
from parrot_async.errors import ClusterError

LOCAL = {"threads_per_worker": 1, "dashboard_address": ":0"}


@job
def double(number: int) -> int:
    return 2 * number


@asynccontextmanager
async def local(**options: object) -> AsyncIterator[LocalCluster]:
    async with LocalCluster(n_workers=1, asynchronous=True, **LOCAL, **options) as cluster:
        yield cluster


@pytest.fixture
def traces() -> Iterator[list[str]]:
    """What Dask's loggers of this process warn of."""
    said: list[str] = []

    class Keeps(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            said.append(record.getMessage())

    keeps = Keeps(logging.WARNING)
    logging.getLogger("distributed").addHandler(keeps)
    yield said
    logging.getLogger("distributed").removeHandler(keeps)


async def test_an_asynchronous_client_with_tls_lets_a_job_client_in() -> None:
    async with (
        local(security=True) as cluster,
        Client(cluster, asynchronous=True) as dask,
        JobClient(dask) as client,
        JobClient(cluster=dask) as other,
    ):
        results = [await client.run(double, 1), await other.run(double, 2)]

        assert client.address == other.address == cluster.scheduler_address
        assert client.address.startswith("tls://")

    assert results == [2, 4]


async def test_a_client_that_blocks_lets_a_job_client_in() -> None:
    dask = await asyncio.to_thread(Client, n_workers=1, **LOCAL)
    try:
        async with JobClient(dask) as client:
            result = await client.run(double, 21)
    finally:
        await asyncio.to_thread(dask.close)

    assert result == 42
    with pytest.raises(ClusterError, match="the Client is closed: start another"):
        await JobClient(dask)


async def test_a_cluster_of_threads_serves() -> None:
    async with local(processes=False) as cluster, JobClient(cluster) as client:
        assert await client.run(double, 21) == 42


async def test_a_cluster_object_says_whether_it_is_started() -> None:
    cluster = SpecCluster(asynchronous=True)
    client = JobClient(cluster)
    with pytest.raises(ClusterError, match="the SpecCluster is not started: `await` it"):
        await client

    await cluster._close()

    assert cluster.status is Status.closed
    with pytest.raises(ClusterError, match="the SpecCluster is closed"):
        await client


async def test_a_client_that_was_not_awaited_says_so() -> None:
    async with local() as cluster:
        dask = Client(cluster, asynchronous=True)
        with pytest.raises(ClusterError, match="the Client is not started: `await` it"):
            await JobClient(dask)

        async with await dask, JobClient(dask) as client:
            assert await client.run(double, 21) == 42


async def test_a_job_client_opens_without_a_trace_in_the_notebook(traces: list[str]) -> None:
    async with local() as cluster:
        for _ in range(2):
            async with JobClient(cluster) as client:
                await client.run(double, 1)

    assert traces == []


async def test_many_that_open_at_once_leave_no_trace(traces: list[str]) -> None:
    async with local() as cluster:
        clients = await asyncio.gather(*(JobClient(cluster).open() for _ in range(4)))
        results = await asyncio.gather(*(client.run(double, 1) for client in clients))
        await asyncio.gather(*(client.aclose() for client in clients))

    assert results == [2] * 4
    assert traces == []


async def test_workers_that_come_while_a_client_opens_leave_no_trace(traces: list[str]) -> None:
    async with local() as cluster:
        cluster.scale(3)
        async with JobClient(cluster) as client:
            await cluster
            results = await client.gather(await client.map(double, range(20)))

    assert results == [2 * number for number in range(20)]
    assert traces == []


async def test_a_client_opens_after_dask_has_restarted_its_workers() -> None:
    async with local() as cluster, Client(cluster, asynchronous=True) as dask:
        async with JobClient(dask) as client:
            await client.run(double, 1)
        await dask.restart()
        known = await dask.get_metadata(["parrot"])
        async with JobClient(dask) as client:
            result = await client.run(double, 2)

    assert known is not None
    assert result == 4
