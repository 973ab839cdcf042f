"""A worker that dies again just before it is given up counts as one that comes back."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import anyio
import pytest
from distributed import Scheduler, Worker

from parrot_async import JobClient, job
from parrot_async.service import plugin
from parrot_async.service.plugin import JobService
from parrot_async.wire import SERVICE

RETURNING = 1.0


@job(io=1)
async def quick() -> str:
    return "done"


@asynccontextmanager
async def worker_of(scheduler: Scheduler) -> AsyncIterator[None]:
    async with Worker(scheduler.address, nthreads=1, resources={"io": 1e6}, nanny=None):
        yield


async def test_a_pool_is_given_up_so_long_after_its_latest_loss(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(plugin, "RETURNING", RETURNING)
    service = JobService(f"sqlite:///{tmp_path / 'jobs.db'}", (tmp_path / "results").as_uri())
    async with AsyncExitStack() as stack:
        scheduler = await stack.enter_async_context(
            Scheduler(host="127.0.0.1", dashboard=False, dashboard_address="127.0.0.1:0")
        )
        await scheduler.register_scheduler_plugin(service, name=SERVICE, idempotent=True)
        async with JobClient(scheduler.address) as client:
            async with worker_of(scheduler):
                assert await client.run(quick) == "done"
            async with worker_of(scheduler):
                await anyio.sleep(0.7 * RETURNING)
            handle = await client.submit(quick)
            await anyio.sleep(0.6 * RETURNING)  # the first loss is older than that
            async with worker_of(scheduler):
                with anyio.fail_after(10):
                    assert await handle == "done"
