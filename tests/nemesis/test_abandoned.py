"""A client that dies between two pieces of a map leaves nothing that waits for ever."""

from pathlib import Path

import anyio
import pytest

from parrot_async import JobClient, JobStatus, job
from parrot_async.jobs.request import groups_of_piece, map_root, new_id
from parrot_async.model.models import JobId
from parrot_async.service.custody import abandoned
from parrot_async.transport.pickling import dump_function
from tests.nemesis.service import service_at

LIMIT = 20


@job(io=1)
async def number(n: int) -> int:
    return n


async def submit_half(client: JobClient) -> JobId:
    """Submit the root of a map and the first of its two pieces."""
    function_id, data = dump_function(number)
    root_id = new_id()
    first = groups_of_piece(number, [((0,), {}), ((1,), {})], function_id, root_id, 0)
    await client._submission._send(
        root_id, [map_root(number, 4, root_id), *first], {function_id: data}
    )
    return root_id


async def test_a_map_that_its_client_left_half_submitted_is_cancelled(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(abandoned, "EVERY", 0.05)
    monkeypatch.setattr(abandoned, "GONE", 0.3)
    async with service_at(tmp_path) as (scheduler, _), JobClient(scheduler.address) as other:
        async with JobClient(scheduler.address) as client:
            root_id = await submit_half(client)
            await anyio.sleep(0.6)
            left = await other.attach(root_id)
            while_there = left.status

        with anyio.fail_after(LIMIT):
            status = await left.wait()

        assert while_there is JobStatus.WAITING_FOR_CHILDREN
        assert status is JobStatus.CANCELLED
        assert left.error is not None
        assert "before it had submitted all" in left.error.message
        assert await (await other.attach(f"{root_id}.1")) == 1


async def test_a_map_in_pieces_is_left_alone_while_its_client_is_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(abandoned, "EVERY", 0.01)
    monkeypatch.setattr(abandoned, "GONE", 0.0)
    async with service_at(tmp_path) as (scheduler, _), JobClient(scheduler.address) as client:
        handles = await client.map(number, range(1200))

        with anyio.fail_after(LIMIT):
            assert await client.gather(handles) == list(range(1200))


async def test_recovery_cancels_a_map_that_nobody_will_complete(tmp_path: Path) -> None:
    async with service_at(tmp_path) as (scheduler, _), JobClient(scheduler.address) as client:
        root_id = await submit_half(client)

    async with service_at(tmp_path) as (scheduler, _), JobClient(scheduler.address) as client:
        with anyio.fail_after(LIMIT):
            (handle,) = await client.recover()
            status = await handle.wait()

    assert handle.id == root_id
    assert status is JobStatus.CANCELLED
