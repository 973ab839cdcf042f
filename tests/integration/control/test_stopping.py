"""Cancel and timeout: what was told to stop is gone, its slot is free, nobody else loses."""

import asyncio
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import anyio
import pytest

from parrot_async import JobCancelledError, JobClient, JobHandle, JobStatus, current_job, job
from parrot_async.errors import JobTimeoutError

GRACE = 0.5
LIMIT = GRACE + 5.0
"""Seconds: the grace period, what the runner and the nanny take, and a busy machine."""


@job(grace=GRACE)
def spins() -> None:
    while True:
        pass


@job(grace=GRACE)
def sleeps() -> None:
    time.sleep(3600)


@job(grace=GRACE)
async def awaits() -> None:
    await anyio.sleep(3600)


@job(grace=GRACE)
async def spins_in_a_coroutine() -> None:
    while True:
        pass


@job(grace=GRACE)
async def sleeps_in_a_coroutine() -> None:
    time.sleep(3600)  # noqa: ASYNC251


@job(grace=GRACE)
def ignores_exceptions() -> None:
    while True:
        with suppress(BaseException):
            time.sleep(0.01)


@job(grace=GRACE)
def tracks() -> None:
    for _ in current_job().track(range(10**6)):
        time.sleep(0.01)


@job
def quick(number: int) -> int:
    return number


@job
async def quick_async(number: int) -> int:
    return number


@job
def naps(seconds: float) -> float:
    time.sleep(seconds)
    return seconds


@job
async def naps_async(seconds: float) -> float:
    await anyio.sleep(seconds)
    return seconds


@job
def parent_of(child: Any) -> str:
    children = [current_job().submit(child).result()]
    children.append(current_job().submit(naps, 0.1).result())
    for each in children:
        try:
            each.result()
        except JobTimeoutError:
            return "the child timed out"
    return "no child timed out"


ENDLESS = [spins, sleeps, awaits, spins_in_a_coroutine, sleeps_in_a_coroutine, ignores_exceptions]


async def running(handle: JobHandle[Any]) -> None:
    async for event in handle.events():
        if event.kind == "started" and handle.id in event.ids:
            return


def in_pool(fn: Any, pool: str) -> Any:
    return fn.options(**{pool: 1})


@pytest.mark.parametrize("pool", ["cpu", "io"])
@pytest.mark.parametrize("fn", ENDLESS, ids=lambda fn: fn.__name__)
async def test_an_endless_job_is_gone_after_cancel(client: JobClient, fn: Any, pool: str) -> None:
    handle = await client.submit(in_pool(fn, pool))
    await running(handle)

    with anyio.fail_after(LIMIT):
        await handle.cancel()
        status = await handle.wait()

    assert status is JobStatus.CANCELLED
    with pytest.raises(JobCancelledError):
        await handle
    with anyio.fail_after(LIMIT):  # one more than there are slots, so that each is used
        assert await client.gather(await client.map(in_pool(quick, pool), range(3))) == [0, 1, 2]
        assert await client.run(in_pool(quick_async, pool), 1) == 1


@pytest.mark.parametrize("fn", ENDLESS, ids=lambda fn: fn.__name__)
async def test_an_endless_job_is_gone_after_its_timeout(one_slot: JobClient, fn: Any) -> None:
    handle = await one_slot.submit(fn.options(timeout="300ms"))

    with anyio.fail_after(LIMIT), pytest.raises(JobTimeoutError, match=r"timeout of 0\.3s"):
        await handle

    assert handle.status is JobStatus.FAILED
    assert handle.error is not None
    assert handle.error.kind == "timeout"
    with anyio.fail_after(LIMIT):
        assert await one_slot.run(quick, 1) == 1
        assert await one_slot.run(quick_async, 1) == 1


async def test_an_async_job_is_gone_at_once(client: JobClient) -> None:
    handle = await client.submit(awaits)
    await running(handle)
    began = time.monotonic()

    await handle.cancel()
    await handle.wait()

    assert time.monotonic() - began < GRACE


async def test_a_sync_job_stops_at_its_next_step(client: JobClient) -> None:
    handle = await client.submit(tracks.options(grace=60))
    await running(handle)

    with anyio.fail_after(1):
        await handle.cancel()
        assert await handle.wait() is JobStatus.CANCELLED


async def test_a_queued_job_that_is_cancelled_never_starts(client: JobClient) -> None:
    holding = await client.map(naps, [1.0, 1.0])
    queued = await client.submit(naps, 0.0)

    await queued.cancel()
    status = await queued.wait()

    assert status is JobStatus.CANCELLED
    assert queued.node.attempts == []
    assert await client.gather(holding) == [1.0, 1.0]


@pytest.mark.parametrize("nap", [naps, naps_async])
@pytest.mark.parametrize("fn", [ignores_exceptions, sleeps_in_a_coroutine])
async def test_a_kill_harms_no_other_job(
    client: JobClient, fn: Any, nap: Callable[[float], Any]
) -> None:
    others = await client.map(in_pool(nap, "io"), [0.1 * n for n in range(30)])
    bad = await client.submit(in_pool(fn, "io").options(timeout="200ms"))

    results = await client.gather(others)

    assert results == [0.1 * n for n in range(30)]
    assert await bad.wait() is JobStatus.FAILED


@pytest.mark.parametrize("fn", [sleeps, spins, ignores_exceptions])
async def test_a_parent_survives_the_kill_of_its_child_on_its_own_worker(
    one_slot: JobClient, fn: Any
) -> None:
    handle = await one_slot.submit(parent_of, fn.options(timeout="200ms"))

    with anyio.fail_after(2 * LIMIT):
        assert await handle == "the child timed out"

    assert [child.status for child in handle.children] == [JobStatus.FAILED, JobStatus.COMPLETED]


async def test_a_cancel_reaches_all_below(one_slot: JobClient) -> None:
    handle = await one_slot.submit(parent_of, awaits)
    await running(JobHandle(one_slot._session, f"{handle.id}.0"))

    with anyio.fail_after(LIMIT):
        await handle.cancel()
        await handle.wait()

    states = {node.status for node in handle.tree.walk()}
    assert states <= {JobStatus.CANCELLED, JobStatus.COMPLETED}
    assert handle.status is JobStatus.CANCELLED


async def test_a_timed_out_job_that_is_retried_starts_afresh(client: JobClient) -> None:
    fn = awaits.options(timeout="100ms", retries=2, retry_delay="10ms")

    handle = await client.submit(fn)
    with pytest.raises(JobTimeoutError):
        await handle

    kinds = [attempt.error.kind for attempt in handle.node.attempts or [] if attempt.error]
    assert kinds == ["timeout"] * 3


async def test_a_cancel_at_the_moment_of_completion_leaves_one_end(client: JobClient) -> None:
    for number in range(100):
        handle = await client.submit(quick, number)
        await asyncio.sleep(0.0001 * (number % 50))

        await handle.cancel()
        status = await handle.wait()
        ends = [e async for e in handle.events() if e.kind in {"completed", "cancelled", "failed"}]

        assert status in {JobStatus.COMPLETED, JobStatus.CANCELLED}
        assert [event.kind for event in ends] == [str(status)]


async def test_a_map_is_cancelled_as_a_whole(client: JobClient) -> None:
    handles = await client.map(naps, [0.2] * 300)

    await handles.cancel()
    await handles.root.wait()

    counts = handles.root.node.child_counts or {}
    assert sum(counts.values()) == 300
    assert counts[JobStatus.CANCELLED] > 250
    assert await client.run(quick, 1) == 1
