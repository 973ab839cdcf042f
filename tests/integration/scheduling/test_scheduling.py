"""What cannot run says so, queues hold their limits, nobody waits behind a slow job for nothing."""

import time
from pathlib import Path

import anyio
import pytest

from parrot_async import JobClient, JobStatus, Pools, Queue, current_job, job
from parrot_async.cluster import down
from parrot_async.errors import OptionsError, UnschedulableError


def count_in(folder: str | Path) -> int:
    return sum(1 for _ in Path(folder).iterdir())


@job
def one() -> int:
    return 1


@job
async def overlap(folder: str, name: int) -> int:
    """Says how many ran at once, itself included."""
    mark = anyio.Path(folder, str(name))
    await mark.touch()
    count = count_in(folder)
    await anyio.sleep(0.05)
    await mark.unlink()
    return count


@job(queue="two at once")
async def parent_in_queue(folder: str) -> int:
    return max(await (await current_job().map(overlap_in_queue, [folder] * 3, range(3))).results())


@job(queue="two at once")
async def overlap_in_queue(folder: str, name: int) -> int:
    return await overlap(folder, name)


@job
def mostly_quick(seconds: float) -> float:
    time.sleep(seconds)
    return time.time()


async def test_a_gpu_job_without_a_gpu_fails_in_seconds(client: JobClient) -> None:
    with anyio.fail_after(8), pytest.raises(UnschedulableError, match="no worker offers 'gpu'"):
        await client.run(one.options(gpu=1))


async def test_a_job_of_an_own_label_fails_naming_it(client: JobClient) -> None:
    fn = one.options(resources={"tpu": 1})

    with anyio.fail_after(8), pytest.raises(UnschedulableError, match=r"tpu.*this cluster has"):
        await client.run(fn)


async def test_more_slots_than_there_are_fail(client: JobClient) -> None:
    with anyio.fail_after(8), pytest.raises(UnschedulableError, match="3 slots of 'cpu'"):
        await client.run(one.options(cpu=3))


async def test_a_job_of_two_slots_runs_alone(client: JobClient) -> None:
    handles = [await client.submit(one.options(cpu=2)) for _ in range(5)]

    assert await client.gather(handles) == [1] * 5
    assert await client.run(one) == 1


async def test_a_job_may_wait_for_workers(client: JobClient) -> None:
    handle = await client.submit(one.options(gpu=1, wait_for_workers=True))

    await anyio.sleep(5)

    assert handle.status is JobStatus.QUEUED
    await handle.cancel()
    assert await handle.wait() is JobStatus.CANCELLED


async def test_an_unschedulable_child_is_told_to_its_parent(client: JobClient) -> None:
    @job
    async def asks() -> None:
        await current_job().run(one.options(gpu=1))

    with anyio.fail_after(8), pytest.raises(UnschedulableError, match="gpu"):
        await client.run(asks)


async def test_an_unknown_queue_is_refused_naming_the_known(client: JobClient) -> None:
    with pytest.raises(OptionsError, match=r"no queue 'fsat'.*default, embeddings, fast"):
        await client.submit(one.options(queue="fsat"))


async def test_a_queue_of_a_child_that_is_unknown_is_refused(client: JobClient) -> None:
    @job
    async def asks() -> None:
        await current_job().run(one.options(queue="fsat"))

    with pytest.raises(OptionsError, match="no queue 'fsat'"):
        await client.run(asks)


async def test_a_queue_holds_its_limit(client: JobClient, tmp_path: Path) -> None:
    await client.set_queue(Queue(name="three at once", limit=3))
    fn = overlap.options(queue="three at once")

    counts = await client.gather(await client.map(fn, [str(tmp_path)] * 30, range(30)))

    assert max(counts) == 3


async def test_a_limit_that_grows_lets_more_in(client: JobClient, tmp_path: Path) -> None:
    await client.set_queue(Queue(name="grows", limit=1))
    handles = await client.map(overlap.options(queue="grows"), [str(tmp_path)] * 40, range(40))

    await client.set_queue(Queue(name="grows", limit=5))

    assert max(await client.gather(handles)) > 1


async def test_a_cancelled_job_does_not_block_its_queue(client: JobClient, tmp_path: Path) -> None:
    await client.set_queue(Queue(name="one at once", limit=1))
    fn = overlap.options(queue="one at once")
    handles = await client.map(fn, [str(tmp_path)] * 10, range(10))

    for handle in handles[2:9]:
        await handle.cancel()
    await client.gather(handles, return_exceptions=True)

    assert handles[9].status is JobStatus.COMPLETED


async def test_a_parent_that_waits_does_not_count_in_its_queue(
    client: JobClient, tmp_path: Path
) -> None:
    await client.set_queue(Queue(name="two at once", limit=2))

    counts = await client.gather(await client.map(parent_in_queue, [str(tmp_path)] * 4))

    assert max(counts) <= 2


async def test_a_queue_gives_its_timeout_and_priority(client: JobClient) -> None:
    await client.set_queue(Queue(name="hasty", timeout=0.2, priority=7))

    handle = await client.submit(mostly_quick.options(queue="hasty", grace=0.1), 60)

    assert await handle.wait() is JobStatus.FAILED
    assert handle.error is not None
    assert handle.error.kind == "timeout"
    assert handle.node.priority == 7


async def test_a_larger_priority_starts_sooner(one_slot: JobClient) -> None:
    await one_slot.run(one)
    first = await one_slot.submit(mostly_quick, 0.5)
    low = await one_slot.submit(mostly_quick.options(priority=-10), 0.0)
    high = await one_slot.submit(mostly_quick.options(priority=10), 0.0)

    assert await first < await high < await low


async def test_quick_jobs_do_not_wait_behind_a_slow_one_of_their_kind(client: JobClient) -> None:
    await client.gather(await client.map(mostly_quick, [0.0] * 200))
    began = time.time()

    handles = await client.map(mostly_quick, [4.0, *[0.001] * 400])
    ends = await client.gather(handles[1:])

    assert max(ends) - began < 3


async def test_jobs_that_come_before_the_workers_wait_for_them() -> None:
    async with JobClient(name="early", pools=Pools(cpu=1, gpu=0, io=1)) as client:
        assert await client.run(one) == 1
    await down("early")
