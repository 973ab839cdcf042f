"""The worker and the client that jobs find: on their own loop, shared, and closed by nobody."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextvars import Context
from typing import Any, TypeVar

import distributed
import pytest
from distributed import Scheduler, Worker

from parrot_async.runner.dask_worker import AsyncJobWorker, DaskContexts, JobWorker, let_secede
from parrot_async.runner.jobs_loop import JobsLoop, close_loop

T = TypeVar("T")


@pytest.fixture
async def worker() -> AsyncIterator[Worker]:
    async with (
        Scheduler(dashboard_address=":0", port=0, host="127.0.0.1") as scheduler,
        Worker(scheduler.address, nthreads=1) as worker,
    ):
        yield worker


@pytest.fixture
async def contexts(worker: Worker) -> AsyncIterator[DaskContexts]:
    contexts = DaskContexts(worker)
    yield contexts
    await contexts.close()


@pytest.fixture
async def jobs_loop(contexts: DaskContexts) -> AsyncIterator[JobsLoop]:
    jobs_loop = JobsLoop()
    jobs_loop.context = contexts.of_loop(jobs_loop.loop)
    yield jobs_loop
    await contexts.close()
    jobs_loop.stop()
    await asyncio.to_thread(close_loop, jobs_loop.loop, jobs_loop.thread)


async def in_a_thread(contexts: DaskContexts, body: Callable[[], T]) -> T:
    """Run a body as a sync job is run."""
    return await asyncio.to_thread(contexts.of_threads.copy().run, body)


async def on_the_loop(jobs_loop: JobsLoop, body: Callable[[], Any]) -> Any:
    """Run a body as an async job is run."""
    ended: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
    home = asyncio.get_running_loop()

    async def run(_: None) -> None:
        try:
            found = await body()
        except Exception as exc:  # noqa: BLE001 - raised to the test
            home.call_soon_threadsafe(ended.set_exception, exc)
        else:
            home.call_soon_threadsafe(ended.set_result, found)

    jobs_loop.start(run, [None])
    return await asyncio.wait_for(ended, 15)


async def test_a_job_finds_its_worker(contexts: DaskContexts, worker: Worker) -> None:
    assert await in_a_thread(contexts, lambda: distributed.get_worker().address) == worker.address


async def test_who_is_no_job_finds_none(contexts: DaskContexts) -> None:
    with pytest.raises(ValueError, match="No worker found"):
        Context().run(distributed.get_worker)


async def test_a_worker_that_is_none_of_dasks_is_not_found() -> None:
    contexts = DaskContexts(object())
    loop = asyncio.get_running_loop()

    assert list(contexts.of_threads) == list(contexts.of_loop(loop)) == []
    await contexts.close()


async def test_sync_jobs_share_a_client_that_none_of_them_closes(contexts: DaskContexts) -> None:
    def closes() -> distributed.Client:
        client = distributed.get_client()
        with client:
            client.close()
        return client

    clients = [await in_a_thread(contexts, closes) for _ in range(2)]

    assert clients[0] is clients[1]
    assert clients[0].status == "running"


async def test_async_jobs_have_a_client_on_their_own_loop(
    contexts: DaskContexts, jobs_loop: JobsLoop
) -> None:
    async def closes() -> tuple[object, object, str]:
        async with distributed.get_client() as client:
            await client.close()
        return client, client.loop.asyncio_loop, client.status

    client, loop, status = await on_the_loop(jobs_loop, closes)
    other = await in_a_thread(contexts, distributed.get_client)

    assert loop is jobs_loop.loop
    assert status == "running"
    assert client is not other


async def test_a_client_answers_before_it_is_connected(jobs_loop: JobsLoop) -> None:
    async def asks_at_once() -> tuple[int, bool]:
        answer = await distributed.get_client().submit(abs, -1)
        async with distributed.Lock("l") as lock:
            return answer, await lock.locked()

    assert await on_the_loop(jobs_loop, asks_at_once) == (1, True)


async def test_the_threads_of_an_async_job_use_its_client(jobs_loop: JobsLoop) -> None:
    async def in_both() -> tuple[object, object, int]:
        theirs = await asyncio.to_thread(distributed.get_client)
        answer = await asyncio.to_thread(lambda: theirs.submit(abs, -1).result())
        return theirs, distributed.get_client(), answer

    theirs, own, answer = await on_the_loop(jobs_loop, in_both)

    assert theirs is own
    assert answer == 1


async def test_a_client_that_has_lost_its_scheduler_is_made_anew(
    contexts: DaskContexts, worker: Worker
) -> None:
    found = JobWorker(worker)
    first = found._make_client(None)
    await first
    await first.end()

    second = found._make_client(None)
    await second

    assert (first.status, second.status) == ("closed", "running")
    await found.close()


async def test_what_a_job_scatters_is_with_its_worker_when_it_goes_on(
    worker: Worker, jobs_loop: JobsLoop
) -> None:
    async def scatters() -> Any:
        return await distributed.get_client().scatter(42, hash=False)

    future = await on_the_loop(jobs_loop, scatters)

    assert future.key in worker.data


async def test_a_worker_that_no_job_asked_for_has_nothing_to_close(worker: Worker) -> None:
    loop = asyncio.get_running_loop()

    assert not JobWorker(worker).is_used
    assert not AsyncJobWorker(worker, loop).is_used


async def test_a_job_may_secede_and_come_back_as_often_as_it_likes(contexts: DaskContexts) -> None:
    def comes_and_goes() -> str:
        let_secede()
        distributed.secede()
        distributed.secede()
        distributed.rejoin()
        with distributed.worker_client() as client:
            return str(client.status)

    assert await in_a_thread(contexts, comes_and_goes) == "running"
