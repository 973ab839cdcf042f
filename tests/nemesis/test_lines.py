"""Any number of clients see the same trees through cut lines, held lines and load."""

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import anyio
import pytest

from parrot_async import JobClient, JobHandle, Pools, current_job, job
from parrot_async.client import connection
from parrot_async.cluster import LocalCluster, down, ensure
from parrot_async.errors import DisconnectedError
from parrot_async.model import events
from parrot_async.model.events import Event
from parrot_async.service.journal import watch
from parrot_async.settings.places import data_home
from parrot_async.store import open_store
from tests.nemesis.proxy import Proxy, proxy_to
from tests.nemesis.service import service_at

NAME = "lines"
LIMIT = 60
SIZES = [60_000] * 400
"""Of results that together do not fit into what the system keeps for a line."""


@job(io=1)
async def squares(number: int) -> int:
    current_job().spend(input_tokens=1)
    await anyio.sleep(0.01)
    return number * number


@job(io=1)
async def parent(count: int) -> int:
    total = 0
    for start in range(0, count, 10):
        numbers = range(start, start + 10)
        total += sum(await (await current_job().map(squares, numbers)).results())
    return total


@job(io=1)
async def waits(seconds: float) -> None:
    await anyio.sleep(seconds)


@job(io=1)
async def heavy(size: int) -> bytes:
    return bytes(size)


@pytest.fixture(scope="module")
async def cluster() -> AsyncIterator[LocalCluster]:
    yield await ensure(NAME, Pools(cpu=1, gpu=0, io=32))
    await down(NAME)


@asynccontextmanager
async def far_client(cluster: LocalCluster, proxy: Proxy) -> AsyncIterator[JobClient]:
    address = f"tls://127.0.0.1:{proxy.port}"
    async with JobClient(address, security=cluster.security()) as client:
        yield client


def log_of(handle: JobHandle[int], name: str = NAME) -> list[Event]:
    """What the store has of the tree."""
    store = open_store(f"sqlite:///{data_home() / name / 'jobs.db'}")
    try:
        return [events.load(body) for _, body in store.events(handle.id)]
    finally:
        store.close()


async def cut_now_and_then(proxy: Proxy, seed: int, longest: float = 0.2) -> None:
    chance = random.Random(seed)
    while True:
        await anyio.sleep(chance.uniform(0.1 * longest, longest))
        proxy.cut()


@pytest.mark.parametrize("seed", range(3))
async def test_a_tree_is_seen_without_gaps_or_doubles_through_a_line_that_is_cut(
    cluster: LocalCluster, seed: int
) -> None:
    async with (
        JobClient(name=NAME) as near,
        proxy_to(cluster.address) as proxy,
        far_client(cluster, proxy) as far,
    ):
        handle = await near.submit(parent, 400)
        attached = await far.attach(handle.id)
        cutting = asyncio.ensure_future(cut_now_and_then(proxy, seed))
        with anyio.fail_after(LIMIT):
            seen = [event async for event in attached.events()]
        cutting.cancel()

        with anyio.fail_after(LIMIT):
            assert await attached == await handle == sum(n * n for n in range(400))
        assert proxy.cuts > 0
        assert seen == log_of(handle)[: len(seen)]
        assert seen[-1].kind == "completed"
        assert attached.usage == handle.usage
        assert attached.usage.input_tokens == 400


async def test_what_is_submitted_through_a_line_that_is_cut_is_accepted_once(
    cluster: LocalCluster,
) -> None:
    async with proxy_to(cluster.address) as proxy, far_client(cluster, proxy) as far:
        cutting = asyncio.ensure_future(cut_now_and_then(proxy, 7, longest=0.8))
        with anyio.fail_after(LIMIT):
            handles = [await far.submit(squares, number) for number in range(100)]
            results = await far.gather(handles)
        cutting.cancel()

        assert results == [number * number for number in range(100)]
        for handle in handles:
            kinds = [event.kind for event in log_of(handle)]
            assert kinds.count("submitted") == kinds.count("completed") == 1


async def test_ten_clients_under_load_see_the_same_tree(cluster: LocalCluster) -> None:
    async with AsyncExitStack() as stack:
        clients = [await stack.enter_async_context(JobClient(name=NAME)) for _ in range(10)]
        load = await clients[0].map(squares, range(500))
        handle = await clients[0].submit(parent, 200)

        async def watch_late(number: int) -> list[Event]:
            await anyio.sleep(0.05 * number)
            attached = await clients[number].attach(handle.id)
            return [event async for event in attached.events()]

        with anyio.fail_after(LIMIT):
            seen = await asyncio.gather(*map(watch_late, range(10)))
            await clients[0].gather(load)

    log = log_of(handle)
    assert len(log) > 50
    assert all(one == log[: len(one)] and one[-1].kind == "completed" for one in seen)


async def test_events_go_on_where_somebody_stopped(cluster: LocalCluster) -> None:
    async with JobClient(name=NAME) as client:
        handle = await client.submit(parent, 30)
        first = []
        async for event in handle.events():
            first.append(event)
            if len(first) == 5:
                break

        rest = [event async for event in handle.events(since=5)]
        none = [event async for event in handle.events(since=len(first) + len(rest))]

        assert first + rest == [event async for event in handle.events()]
        assert none == []


async def test_events_keep_their_tree_when_the_handle_is_gone(cluster: LocalCluster) -> None:
    async with JobClient(name=NAME) as client:
        stream = (await client.submit(parent, 50)).events()

        with anyio.fail_after(LIMIT):
            kinds = [event.kind async for event in stream]

    assert kinds[-1] == "completed"


async def test_a_service_that_stays_away_is_given_up(
    cluster: LocalCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "RECONNECT", (0.1, 0.1))
    async with proxy_to(cluster.address) as proxy, far_client(cluster, proxy) as far:
        handle = await far.submit(waits, 3600)
        proxy.refuse()
        proxy.cut()

        with anyio.fail_after(LIMIT), pytest.raises(DisconnectedError, match="is gone"):
            await handle

    async with JobClient(name=NAME) as near:
        await (await near.attach(handle.id)).cancel()


async def test_a_client_that_does_not_read_costs_the_service_little_and_misses_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watch, "MOST_BYTES", 500_000)
    async with AsyncExitStack() as stack:
        scheduler, service = await stack.enter_async_context(service_at(tmp_path))
        proxy = await stack.enter_async_context(proxy_to(scheduler.address))
        near = await stack.enter_async_context(JobClient(scheduler.address))
        far = await stack.enter_async_context(JobClient(f"tcp://127.0.0.1:{proxy.port}"))
        handles = await near.map(heavy.options(depends_on=[await near.submit(waits, 0.3)]), SIZES)
        handle = handles.root
        attached = await far.attach(handle.id)
        (watcher,) = [w for w in service.watch._clients.values() if handle.id in w.roots][1:]

        proxy.hold()
        with anyio.fail_after(LIMIT):
            await handle.wait()
        waiting = watcher._bytes
        proxy.release()
        with anyio.fail_after(LIMIT):
            assert [len(value) for value in await attached] == SIZES
            seen = [event async for event in attached.events()]

        assert waiting <= 500_000
        assert watcher.comm.closed()
        assert seen == [event async for event in handle.events()]
        assert attached.node == handle.node
