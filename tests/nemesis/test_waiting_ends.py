"""A parent that runs again while its child's end waits for the store gets the child's value."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import anyio
import pytest

from parrot_async import JobClient, current_job, job
from parrot_async.settings import failpoints
from tests.nemesis.service import scheduler_at, worker_of

LIMIT = 20


@job(io=1)
async def child(seconds: float) -> str:
    await anyio.sleep(seconds)
    return "a value"


@job(io=1)
async def parent(seconds: float) -> str:
    return await current_job().run(child, seconds)


@pytest.fixture
def slow_store() -> Iterator[None]:
    """The next submission takes a second and a half to be written."""
    yield
    failpoints.arm("")


async def test_an_end_that_is_not_durable_yet_is_waited_for(
    slow_store: None, tmp_path: Path
) -> None:
    async with (
        scheduler_at(tmp_path) as (scheduler, _),
        worker_of(scheduler),
        worker_of(scheduler),
        JobClient(scheduler.address) as client,
    ):
        handle = await client.submit(parent, 0.5)
        async for event in handle.events():
            if event.kind == "started" and f"{handle.id}.0" in event.ids:
                break
        failpoints.arm("accepting:1:delay=1.5")
        other = asyncio.ensure_future(client.submit(child, 0))
        await anyio.sleep(0.8)  # the child has ended, and its end waits behind that submission

        await scheduler.remove_worker(handle.node.worker, stimulus_id="the test")

        with anyio.fail_after(LIMIT):
            assert await handle == "a value"
            assert await (await other) == "a value"
        assert handle.node.attempt > 1
        assert len(handle.children) == 1
