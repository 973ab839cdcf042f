"""Many clients of one service: what one submits the others see, and it outlives them all."""

import anyio
import pytest

from parrot_async import JobClient, JobStatus, current_job, job
from parrot_async.errors import JobNotFoundError


@job
async def waits(seconds: float) -> str:
    await anyio.sleep(seconds)
    return "waited"


@job
async def parent(seconds: float) -> list[str]:
    return await (await current_job().map(waits, [seconds] * 3)).results()


@job
def fails() -> None:
    raise LookupError("on purpose")


async def test_another_client_sees_the_same_tree(client: JobClient, engine: str) -> None:
    handle = await client.submit(parent, 0.3)

    async with JobClient(name=engine) as other:
        attached = await other.attach(handle.id)
        assert await attached == ["waited"] * 3
        await handle.wait()

        assert [n.id for n in attached.tree.walk()] == [n.id for n in handle.tree.walk()]
        assert [n.status for n in attached.tree.walk()] == [n.status for n in handle.tree.walk()]


async def test_work_goes_on_without_its_client(engine: str, client: JobClient) -> None:
    async with JobClient(name=engine) as first:
        job_id = (await first.submit(parent, 0.3)).id

    handle = await client.attach(job_id)

    assert await handle == ["waited"] * 3


async def test_an_end_that_was_long_ago_is_found_with_its_value(
    engine: str, client: JobClient
) -> None:
    async with JobClient(name=engine) as first:
        good, bad = await first.submit(waits, 0), await first.submit(fails)
        await good.wait()
        await bad.wait()
        ids = good.id, bad.id

    handles = [await client.attach(job_id) for job_id in ids]

    assert await handles[0] == "waited"
    with pytest.raises(LookupError, match="on purpose"):
        await handles[1]


async def test_a_child_may_be_attached_to(client: JobClient, engine: str) -> None:
    handle = await client.submit(parent, 0)
    await handle

    async with JobClient(name=engine) as other:
        child = await other.attach(f"{handle.id}.1")

        assert await child == "waited"


async def test_attaching_amid_many_events_misses_none(client: JobClient, engine: str) -> None:
    handles = await client.map(waits, [0.001 * (n % 50) for n in range(500)])

    async with JobClient(name=engine) as other:
        root = await other.attach(handles.root.id)
        with anyio.fail_after(20):
            assert await root == ["waited"] * 500

        assert {node.status for node in root.tree.walk()} == {JobStatus.COMPLETED}


async def test_another_client_may_cancel(client: JobClient, engine: str) -> None:
    handle = await client.submit(waits, 3600)

    async with JobClient(name=engine) as other:
        await (await other.attach(handle.id)).cancel()

    assert await handle.wait() is JobStatus.CANCELLED


async def test_jobs_lists_the_newest_first(client: JobClient) -> None:
    first = await client.submit(waits, 0)
    await first
    second = await client.submit(fails)
    await second.wait()

    rows = await client.jobs(limit=2)
    failed = await client.jobs("failed", limit=1)
    of_function = await client.jobs(function=rows[1].function, limit=1)

    assert [(row.id, row.status) for row in rows] == [
        (second.id, "failed"),
        (first.id, "completed"),
    ]
    assert [row.id for row in failed] == [second.id]
    assert [row.id for row in of_function] == [first.id]


async def test_an_unknown_job_is_not_found(client: JobClient) -> None:
    with pytest.raises(JobNotFoundError, match="nojob"):
        await client.attach("nojob")


async def test_a_handle_knows_its_job_as_soon_as_it_is_there(client: JobClient) -> None:
    handle = await client.submit(waits, 0)

    assert handle.node.title == "waits"
    assert not handle.node.children
