"""What Dask sees of our jobs: one long task on each worker that has any."""

import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import anyio
import pytest
from distributed import Client, LocalCluster, Scheduler, Status, Worker

from parrot_async import JobClient, JobStatus, job
from parrot_async.service.placement import OWNER

LIMIT = 20


@job
def wait_for(path: str) -> str:
    while not Path(path).exists():
        time.sleep(0.01)
    return "done"


@pytest.fixture
async def dask() -> AsyncIterator[Client]:
    async with (
        LocalCluster(
            n_workers=1,
            threads_per_worker=1,
            memory_limit=0,  # else Dask would look, and let it go on
            dashboard_address=":0",
            asynchronous=True,
        ) as cluster,
        Client(cluster, asynchronous=True) as client,
    ):
        yield client


def scheduler_of(dask: Client) -> Scheduler:
    return dask.cluster.scheduler  # type: ignore[union-attr,no-any-return]


async def until(holds: Callable[[], object]) -> None:
    with anyio.fail_after(LIMIT):
        while not holds():  # noqa: ASYNC110 - Dask tells nobody
            await anyio.sleep(0.02)


def on_workers(dask: Client) -> list[str]:
    workers = scheduler_of(dask).workers.values()
    return [str(task.key) for worker in workers for task in worker.processing]


async def test_dask_sees_a_busy_worker_while_it_has_jobs(dask: Client, tmp_path: Path) -> None:
    end = tmp_path / "end"
    async with JobClient(cluster=dask.cluster) as client:
        handles = await client.map(wait_for, [str(end)] * 3)
        await until(lambda: handles[0].status is JobStatus.RUNNING)
        seen = on_workers(dask)
        end.touch()
        results = await client.gather(handles)
        await until(lambda: not on_workers(dask))

        assert results == ["done"] * 3
        assert len(seen) == 1
        await until(lambda: not scheduler_of(dask).tasks)


async def test_jobs_go_on_whose_shift_somebody_ended(dask: Client, tmp_path: Path) -> None:
    end = tmp_path / "end"
    async with JobClient(cluster=dask.cluster) as client:
        first = await client.submit(wait_for, str(end))
        await until(lambda: first.status is JobStatus.RUNNING)
        scheduler_of(dask).client_releases_keys(keys=on_workers(dask), client=OWNER)
        await until(lambda: not on_workers(dask))
        second = await client.submit(wait_for, str(end))
        end.touch()

        assert await client.gather(first, second) == ["done", "done"]
        assert [first.node.attempt, second.node.attempt] == [1, 1]


async def test_a_worker_that_is_short_of_memory_starts_nothing(
    dask: Client, tmp_path: Path
) -> None:
    def become(status: Status, dask_worker: Worker) -> None:
        dask_worker.status = status

    end = tmp_path / "end"
    end.touch()
    async with JobClient(cluster=dask.cluster) as client:
        await client.run(wait_for, str(end))
        await dask.run(become, Status.paused)
        handle = await client.submit(wait_for, str(end))
        await anyio.sleep(0.5)
        before = handle.status
        await dask.run(become, Status.running)

        assert await handle == "done"
        assert before is JobStatus.QUEUED
