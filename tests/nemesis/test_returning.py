"""A worker that dies again just before it is given up counts as one that comes back."""

from pathlib import Path

import anyio
import pytest

from parrot_async import JobClient, job
from parrot_async.service import plugin
from tests.nemesis.service import scheduler_at, worker_of

RETURNING = 1.0


@job(io=1)
async def quick() -> str:
    return "done"


async def test_a_pool_is_given_up_so_long_after_its_latest_loss(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(plugin, "RETURNING", RETURNING)
    async with scheduler_at(tmp_path) as (scheduler, _), JobClient(scheduler.address) as client:
        async with worker_of(scheduler):
            assert await client.run(quick) == "done"
        async with worker_of(scheduler):
            await anyio.sleep(0.7 * RETURNING)
        handle = await client.submit(quick)
        await anyio.sleep(0.6 * RETURNING)  # the first loss is older than that
        async with worker_of(scheduler):
            with anyio.fail_after(10):
                assert await handle == "done"
