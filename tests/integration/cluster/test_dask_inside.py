"""What people of Dask do inside a task works inside a job, on a cluster with a single slot too."""

import asyncio
import operator
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import anyio
import distributed
import pytest
from dask import bag
from dask.delayed import delayed
from distributed import Client, LocalCluster

from parrot_async import JobClient, current_job
from parrot_async.errors import JobError, SerializationError

LIMIT = 30


@pytest.fixture(scope="module", params=["processes", "threads"])
async def cluster(request: pytest.FixtureRequest) -> AsyncIterator[LocalCluster]:
    """One worker with one slot: where anything held it twice, nothing would go on."""
    async with LocalCluster(
        n_workers=1,
        threads_per_worker=1,
        processes=request.param == "processes",
        dashboard_address=":0",
        asynchronous=True,
    ) as cluster:
        yield cluster


@pytest.fixture(scope="module")
async def notebook(cluster: LocalCluster) -> AsyncIterator[Client]:
    """The Dask client that a notebook has open."""
    async with Client(cluster, asynchronous=True) as client:
        yield client


@pytest.fixture(scope="module")
async def client(notebook: Client) -> AsyncIterator[JobClient]:
    async with JobClient(notebook) as client:
        yield client


async def ran(client: JobClient, fn: Callable[..., Any], *args: object) -> Any:
    with anyio.fail_after(LIMIT):
        return await client.run(fn, *args)


# Sync bodies.


def asks(number: int = -42) -> int:
    found: int = distributed.get_client().submit(abs, number).result(timeout=15)
    return found


def closes_what_it_asks() -> int:
    with distributed.get_client() as inner:
        found: int = inner.submit(abs, -42).result(timeout=15)
    inner.close()
    return found


def asks_as_a_task_does() -> list[int]:
    with distributed.worker_client() as inner:
        return inner.gather(inner.map(abs, [-1, -2]))  # type: ignore[no-any-return]


def leaves_the_threads() -> int:
    inner = distributed.get_client()
    future = inner.submit(abs, -42)
    distributed.secede()
    found: int = future.result(timeout=15)
    distributed.rejoin()
    return found


def waits_for_all() -> list[int]:
    futures = distributed.get_client().map(abs, [-3, -2, -1])
    distributed.wait(futures, timeout=15)
    return sorted(future.result() for future in distributed.as_completed(futures))


def scatters() -> int:
    inner = distributed.get_client()
    found: int = inner.submit(sum, inner.scatter([40, 2])).result(timeout=15)
    return found


def computes() -> int:
    return delayed(abs)(-42).compute()  # type: ignore[no-any-return]


def asks_in_a_thread() -> int:
    with ThreadPoolExecutor(1) as threads:
        return threads.submit(asks).result()


def asks_on_a_loop_of_its_own() -> int:
    async def main() -> int:
        return await asyncio.to_thread(asks)

    return asyncio.run(main())


def works_for() -> str:
    return distributed.get_worker().address


@pytest.mark.parametrize(
    ("body", "found"),
    [
        (asks, 42),
        (closes_what_it_asks, 42),
        (asks_as_a_task_does, [1, 2]),
        (leaves_the_threads, 42),
        (waits_for_all, [1, 2, 3]),
        (scatters, 42),
        (computes, 42),
        (asks_in_a_thread, 42),
        (asks_on_a_loop_of_its_own, 42),
    ],
)
async def test_a_sync_job_uses_dask(
    client: JobClient, body: Callable[[], object], found: object
) -> None:
    assert await ran(client, body) == found
    assert await ran(client, asks) == 42  # and leaves it as it was


# Async bodies.


async def awaits() -> int:
    return await distributed.get_client().submit(abs, -42)  # type: ignore[no-any-return]


async def closes_what_it_awaits() -> int:
    async with distributed.get_client() as inner:
        found: int = await inner.submit(abs, -42)
    await inner.close()
    return found


async def awaits_as_a_task_does() -> list[int]:
    with distributed.worker_client() as inner:
        return await inner.gather(inner.map(abs, [-1, -2]))  # type: ignore[no-any-return]


async def awaits_all() -> list[int]:
    futures = distributed.get_client().map(abs, [-3, -2, -1])
    await distributed.wait(futures)
    return sorted([await future async for future in distributed.as_completed(futures)])


async def scatters_and_awaits() -> int:
    inner = await distributed.get_client()
    return await inner.submit(sum, await inner.scatter([40, 2]))  # type: ignore[no-any-return]


async def computes_and_awaits() -> int:
    return await distributed.get_client().compute(delayed(abs)(-42))  # type: ignore[no-any-return]


async def awaits_a_thread() -> int:
    return await asyncio.to_thread(asks)


async def computes_in_a_thread() -> int:
    return await asyncio.to_thread(computes)


@pytest.mark.parametrize(
    ("body", "found"),
    [
        (awaits, 42),
        (closes_what_it_awaits, 42),
        (awaits_as_a_task_does, [1, 2]),
        (awaits_all, [1, 2, 3]),
        (scatters_and_awaits, 42),
        (computes_and_awaits, 42),
        (awaits_a_thread, 42),
        (computes_in_a_thread, 42),
    ],
)
async def test_an_async_job_uses_dask(
    client: JobClient, body: Callable[[], object], found: object
) -> None:
    assert await ran(client, body) == found
    assert await ran(client, awaits) == 42


async def test_a_job_finds_the_worker_that_it_runs_on(
    client: JobClient, cluster: LocalCluster
) -> None:
    async def finds() -> str:
        return distributed.get_worker().address

    (worker,) = cluster.scheduler_info["workers"]

    assert await ran(client, works_for) == await ran(client, finds) == worker


async def test_dasks_clients_of_many_jobs_do_not_wait_for_each_other(client: JobClient) -> None:
    async def holds(name: str) -> str:
        async with distributed.Lock("shared"):
            await asyncio.sleep(0.02)
        return name

    async def holds_both() -> list[str]:
        return list(await asyncio.gather(holds("a"), holds("b")))

    assert await ran(client, holds_both) == ["a", "b"]


async def test_what_dasks_tasks_do_for_a_job_is_not_the_jobs(client: JobClient) -> None:
    def asks_who() -> tuple[str, str]:
        inner = distributed.get_client()
        scattered = inner.scatter([0, 1])
        future = inner.submit(lambda _: current_job().id, scattered, pure=False)
        return current_job().id, future.result(timeout=15)

    mine, theirs = await ran(client, asks_who)

    assert mine
    assert theirs == ""


# What travels.


class Counter:
    def __init__(self) -> None:
        self.count = 0

    def add(self) -> int:
        self.count += 1
        return self.count


def sets(variable: Any) -> int:
    variable.set(42)
    return variable.get()  # type: ignore[no-any-return]


async def sets_and_awaits(variable: Any) -> int:
    await variable.set(42)
    return await variable.get()  # type: ignore[no-any-return]


def puts(queue: Any) -> int:
    queue.put(42)
    return queue.get()  # type: ignore[no-any-return]


async def puts_and_awaits(queue: Any) -> int:
    await queue.put(42)
    return await queue.get()  # type: ignore[no-any-return]


def raises_flag(event: Any) -> bool:
    event.set()
    return event.wait(timeout=15)  # type: ignore[no-any-return]


async def raises_flag_and_awaits(event: Any) -> bool:
    await event.set()
    return await event.wait(timeout=15)  # type: ignore[no-any-return]


def enters(lock: Any) -> bool:
    with lock:
        return True


async def enters_and_awaits(lock: Any) -> bool:
    async with lock:
        return True


def adds(actor: Any) -> bool:
    return actor.add().result() > 0  # type: ignore[no-any-return]


async def adds_and_awaits(actor: Any) -> bool:
    return await actor.add() > 0  # type: ignore[no-any-return]


def works_out(collection: Any) -> int:
    return int(collection.compute())


KINDS: dict[str, tuple[Callable[[], Any], list[Callable[[Any], Any]]]] = {
    "variable": (lambda: distributed.Variable("v"), [sets, sets_and_awaits]),
    "queue": (lambda: distributed.Queue("q"), [puts, puts_and_awaits]),
    "event": (lambda: distributed.Event("e"), [raises_flag, raises_flag_and_awaits]),
    "lock": (lambda: distributed.Lock("l"), [enters, enters_and_awaits]),
    "semaphore": (lambda: distributed.Semaphore(1, "s"), [enters, enters_and_awaits]),
    "delayed": (lambda: delayed(operator.neg)(-42), [works_out]),
    "bag": (lambda: bag.from_sequence([40, 2]).sum(), [works_out]),
}


@pytest.mark.parametrize("kind", KINDS)
async def test_what_dask_knows_by_a_name_works_as_an_argument_and_in_a_closure(
    client: JobClient, notebook: Client, kind: str
) -> None:
    make, uses = KINDS[kind]
    made = make()

    def closure_of(use: Callable[[Any], Any]) -> Callable[[], Any]:
        if asyncio.iscoroutinefunction(use):

            async def awaits_it() -> Any:
                return await use(made)

            return awaits_it
        return lambda: use(made)

    found = [await ran(client, use, made) for use in uses]
    found += [await ran(client, closure_of(use)) for use in uses]

    assert all(value in (42, True) for value in found), found


async def test_an_actor_answers_a_job(client: JobClient, notebook: Client) -> None:
    actor = await notebook.submit(Counter, actor=True)

    assert await ran(client, adds, actor)
    assert await ran(client, adds_and_awaits, actor)


@pytest.mark.parametrize("kind", ["future", "persisted", "client", "cluster"])
async def test_what_would_arrive_without_its_meaning_is_refused_at_submit(
    client: JobClient, notebook: Client, cluster: LocalCluster, kind: str
) -> None:
    make: Callable[[], Any] = {
        "future": lambda: notebook.submit(abs, -1),
        "persisted": lambda: notebook.persist(delayed(abs)(-1)),
        "client": lambda: notebook,
        "cluster": lambda: cluster,
    }[kind]
    refused = make()

    with pytest.raises(SerializationError, match=f"argument 1, of type {type(refused).__name__}"):
        await client.submit(works_out, refused)
    with pytest.raises(SerializationError, match="uses the variable 'refused', of type"):
        await client.submit(lambda: works_out(refused))


async def test_a_future_is_no_result(client: JobClient) -> None:
    def returns_a_future() -> object:
        return distributed.get_client().submit(abs, -1)

    with pytest.raises(SerializationError, match="the value of a Dask future is in the memory"):
        await ran(client, returns_a_future)


async def test_a_job_on_our_own_cluster_uses_dask_too(one_slot: JobClient) -> None:
    assert await ran(one_slot, asks) == 42
    assert await ran(one_slot, awaits) == 42


def has_a_cluster_of_its_own() -> tuple[int, int, bool]:
    options: dict[str, Any] = {"n_workers": 1, "processes": False, "dashboard_address": ":0"}
    with LocalCluster(**options) as own, Client(own) as inner:
        answer = inner.submit(abs, -42).result(timeout=15)
        return answer, computes(), distributed.get_client() is inner


async def test_a_job_may_have_a_cluster_of_its_own(client: JobClient, one_slot: JobClient) -> None:
    assert await ran(client, has_a_cluster_of_its_own) == (42, 42, True)
    assert await ran(one_slot, has_a_cluster_of_its_own) == (42, 42, True)
    assert await ran(client, asks) == await ran(one_slot, asks) == 42


async def test_an_async_body_that_would_block_all_others_is_told(client: JobClient) -> None:
    async def computes_on_the_loop() -> int:
        return computes()

    with pytest.raises((RuntimeError, JobError), match="asynchronous Client"):
        await ran(client, computes_on_the_loop)
