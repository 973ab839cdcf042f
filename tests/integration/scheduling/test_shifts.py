"""What Dask sees of our jobs, one long task on each worker that has any, and does to workers."""

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import anyio
import pytest
from distributed import Client, LocalCluster, Scheduler, Status, Worker

from parrot_async import JobClient, JobStatus, job
from parrot_async.service.dask_placement import OWNER
from parrot_async.transport.wire import RUNNER, SERVICE
from tests.integration.waiting import until

LIMIT = 20


@job
def wait_for(path: str) -> str:
    while not Path(path).exists():
        time.sleep(0.01)
    return "done"


@job
def where(path: str) -> int:
    """Waits for the file; returns the number of its process."""
    wait_for(path)
    return os.getpid()


@job
def length(data: bytes) -> int:
    return len(data)


@job
def dies_first(mark: str) -> str:
    """Takes its worker along, the first time."""
    if not Path(mark).exists():
        Path(mark).touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return "done"


@job
def deaf(mark: str) -> None:
    """Listens to nobody, not even to an exception."""
    Path(mark).touch()
    while True:
        try:
            time.sleep(60)
        except BaseException:  # noqa: BLE001, S112
            continue


@asynccontextmanager
async def a_cluster(workers: int) -> AsyncIterator[Client]:
    async with (
        LocalCluster(
            n_workers=workers,
            threads_per_worker=1,
            memory_limit=0,  # else Dask would look, and let it go on
            dashboard_address=":0",
            asynchronous=True,
        ) as cluster,
        Client(cluster, asynchronous=True) as client,
    ):
        yield client


@pytest.fixture
async def dask() -> AsyncIterator[Client]:
    async with a_cluster(1) as client:
        yield client


@pytest.fixture
async def two() -> AsyncIterator[Client]:
    """Two workers of one slot each."""
    async with a_cluster(2) as client:
        yield client


def scheduler_of(dask: Client) -> Scheduler:
    return dask.cluster.scheduler  # type: ignore[union-attr,no-any-return]


def become(status: Status, dask_worker: Worker) -> None:
    dask_worker.status = status


def quietly_paused(dask_worker: Worker) -> None:
    """Pause a worker before its scheduler knows."""
    dask_worker._status = Status.paused


def shifts_of(dask_worker: Worker) -> int:
    return len(dask_worker.plugins[RUNNER]._shifts) + len(dask_worker.state.tasks)  # type: ignore[attr-defined]


def address_of(dask: Client, pid: int) -> str:
    workers = scheduler_of(dask).workers.values()
    return next(worker.address for worker in workers if worker.pid == pid)


def said(dask_worker: Worker) -> str:
    return str(dask_worker.batched_stream.recent_message_log)


def on_workers(dask: Client) -> list[str]:
    workers = scheduler_of(dask).workers.values()
    return [str(task.key) for worker in workers for task in worker.processing]


async def test_dask_sees_a_busy_worker_while_it_has_jobs(dask: Client, tmp_path: Path) -> None:
    end = tmp_path / "end"
    async with JobClient(cluster=dask.cluster) as client:
        handles = await client.map(wait_for, [str(end)] * 3)
        await until(lambda: handles[0].status is JobStatus.RUNNING, LIMIT)
        seen = on_workers(dask)
        end.touch()
        results = await client.gather(handles)
        await until(lambda: not on_workers(dask), LIMIT)

        assert results == ["done"] * 3
        assert len(seen) == 1
        await until(lambda: not scheduler_of(dask).tasks, LIMIT)


async def test_jobs_go_on_whose_shift_somebody_ended(dask: Client, tmp_path: Path) -> None:
    end = tmp_path / "end"
    async with JobClient(cluster=dask.cluster) as client:
        first = await client.submit(wait_for, str(end))
        await until(lambda: first.status is JobStatus.RUNNING, LIMIT)
        scheduler_of(dask).client_releases_keys(keys=on_workers(dask), client=OWNER)
        await until(lambda: not on_workers(dask), LIMIT)
        second = await client.submit(wait_for, str(end))
        end.touch()

        assert await client.gather(first, second) == ["done", "done"]
        assert [first.node.attempt, second.node.attempt] == [1, 1]
        with anyio.fail_after(LIMIT):
            while any((await dask.run(shifts_of)).values()):  # noqa: ASYNC110
                await anyio.sleep(0.05)


async def test_neither_side_keeps_what_it_has_sent(dask: Client) -> None:
    async with JobClient(cluster=dask.cluster) as client:
        await client.gather(await client.map(length, [bytes(1000)] * 100))

    (line,) = scheduler_of(dask).stream_comms.values()
    sent = [str(line.recent_message_log), *(await dask.run(said)).values()]
    assert not any("parrot" in some for some in sent)


async def test_a_worker_that_is_short_of_memory_starts_nothing(
    dask: Client, tmp_path: Path
) -> None:
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


async def test_jobs_go_to_the_worker_that_is_not_short_of_memory(
    two: Client, tmp_path: Path
) -> None:
    end = tmp_path / "end"
    end.touch()
    async with JobClient(cluster=two.cluster) as client:
        short = address_of(two, await client.run(where, str(end)))
        await two.run(become, Status.paused, workers=[short])
        pids = await client.gather(await client.map(where, [str(end)] * 4))
        busy = {address_of(two, pid) for pid in pids}
        await two.run(become, Status.running)

        assert len(busy) == 1
        assert short not in busy


async def test_a_job_that_came_to_a_worker_short_of_memory_goes_to_another(
    two: Client, tmp_path: Path
) -> None:
    end = tmp_path / "end"
    end.touch()
    async with JobClient(cluster=two.cluster) as client:
        handles = await client.map(where, [str(end)] * 2)
        short = address_of(two, await handles[0])
        await client.gather(handles)
        await two.run(quietly_paused, workers=[short])
        end.unlink()
        handles = await client.map(where, [str(end)] * 2)
        await anyio.sleep(0.5)
        await two.run(become, Status.paused, workers=[short])
        end.touch()
        pids = await client.gather(handles)
        await two.run(become, Status.running)

        assert short not in {address_of(two, pid) for pid in pids}


async def test_jobs_of_a_retired_worker_run_elsewhere(two: Client, tmp_path: Path) -> None:
    end = tmp_path / "end"
    async with JobClient(cluster=two.cluster) as client:
        handles = await client.map(wait_for, [str(end)] * 6)
        await until(lambda: sum(h.status is JobStatus.RUNNING for h in handles) == 2, LIMIT)
        await two.retire_workers([next(iter(scheduler_of(two).workers))])
        end.touch()

        assert await client.gather(handles) == ["done"] * 6


async def test_dask_may_close_only_workers_without_jobs(two: Client, tmp_path: Path) -> None:
    end = tmp_path / "end"
    async with JobClient(cluster=two.cluster) as client:
        handle = await client.submit(where, str(end))
        await until(lambda: handle.status is JobStatus.RUNNING, LIMIT)
        scheduler_of(two).client_releases_keys(keys=on_workers(two), client=OWNER)
        await until(lambda: not on_workers(two), LIMIT)
        closable = scheduler_of(two).workers_to_close(n=2)
        end.touch()
        pid = await handle

        assert len(closable) == 1
        assert closable != [address_of(two, pid)]


async def test_jobs_outlive_a_restart_of_all_workers(dask: Client, tmp_path: Path) -> None:
    end = tmp_path / "end"
    async with JobClient(cluster=dask.cluster) as client:
        handles = await client.map(wait_for, [str(end)] * 3)
        await until(lambda: handles[0].status is JobStatus.RUNNING, LIMIT)
        await dask.restart()
        end.touch()

        assert await client.gather(handles) == ["done"] * 3
        assert [handle.node.attempt for handle in handles] == [2, 1, 1]


async def test_clients_that_come_at_once_share_one_service(dask: Client, tmp_path: Path) -> None:
    clients = [JobClient(cluster=dask.cluster) for _ in range(3)]
    await asyncio.gather(*(client.__aenter__() for client in clients))
    try:
        with anyio.fail_after(LIMIT):
            handles = [
                await client.submit(dies_first, str(tmp_path / str(i)))
                for i, client in enumerate(clients)
            ]
            results = [await handle for handle in handles]
    finally:
        for client in clients:
            await client.aclose()

    assert results == ["done"] * 3


async def test_a_worker_goes_that_its_nanny_could_not_kill(two: Client, tmp_path: Path) -> None:
    end, mark = tmp_path / "end", tmp_path / "mark"
    end.touch()
    async with JobClient(cluster=two.cluster) as client:
        handle = await client.submit(deaf.options(grace=0.2), str(mark))
        await until(lambda: mark.exists() and handle.status is JobStatus.RUNNING, LIMIT)
        workers = scheduler_of(two).workers
        workers[handle.node.worker].nanny = "tcp://127.0.0.1:9"

        await handle.cancel()

        await until(lambda: handle.node.worker not in workers, LIMIT)
        assert await handle.wait() is JobStatus.CANCELLED
        assert await client.run(wait_for, str(end)) == "done"


async def test_a_worker_of_another_version_gets_no_jobs(
    dask: Client, caplog: pytest.LogCaptureFixture
) -> None:
    async with JobClient(cluster=dask.cluster):
        service = scheduler_of(dask).extensions[SERVICE]
        before = service._dispatch.slots_of("tcp://other")

        service.worker_ready("tcp://other", ["cpu"], 4)

        assert before == service._dispatch.slots_of("tcp://other") == 0
        assert "tcp://other gets no jobs" in caplog.text
