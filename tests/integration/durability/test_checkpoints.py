"""Checkpoints with a state: a later attempt goes on from what an earlier one saved last."""

import os
import signal
import time
from typing import Any

import anyio
import pytest

from parrot_async import JobClient, JobStatus, current_job, job
from parrot_async.cluster import down
from parrot_async.errors import InterruptedJobError, SerializationError
from parrot_async.transport.wire import INLINE
from tests.integration.interrupting import POOLS, kill_all

LIMIT = 30.0
PAUSED = JobStatus.PAUSED


@job(retries=1, retry_delay="10ms")
def counts_then_fails(count: int) -> Any:
    here = current_job()
    for number in range(count):
        here.checkpoint(number)
        if here.restored is None and number == count - 3:
            raise LookupError("the first time")
    return here.restored


@job(retries=1, retry_delay="10ms")
async def counts_then_fails_async(count: int) -> Any:
    here = current_job()
    for number in range(count):
        await here.checkpoint(number)
        if here.restored is None and number == count - 3:
            raise LookupError("the first time")
    return here.restored


@job
def saves_then_loses_its_worker(state: Any) -> Any:
    here = current_job()
    if here.restored is None:
        here.checkpoint(state)
        time.sleep(1)  # the state is on its way at once
        os.kill(os.getpid(), signal.SIGKILL)
    return here.restored


@job(retries=2, retry_delay="10ms")
def goes_on_twice() -> list[str]:
    here = current_job()
    seen = [*(here.restored or []), "again"]
    here.checkpoint(seen)
    if len(seen) < 3:
        raise LookupError("not yet")
    return seen


@job(retries=1, retry_delay="10ms")
def saves_nothing_in_its_second_attempt() -> Any:
    here = current_job()
    if here.restored is None:
        here.checkpoint({"half": 0.5})
        raise LookupError("the first time")
    return here.restored


@job
def saves_what_cannot_be_pickled() -> None:
    current_job().checkpoint(os.scandir())


@job
def restored_of_nothing() -> Any:
    return current_job().restored


@pytest.mark.parametrize(
    "fn", [counts_then_fails, counts_then_fails_async], ids=lambda fn: fn.__name__
)
async def test_a_retry_finds_the_latest_state_of_the_attempt_that_failed(
    client: JobClient, fn: Any
) -> None:
    handle = await client.submit(fn, 2000)

    with anyio.fail_after(LIMIT):
        result = await handle

    assert result == 1997
    assert len(handle.node.attempts) == 2
    saved = [event async for event in handle.events() if event.kind == "checkpointed"]
    assert 1 <= len(saved) < 100
    assert handle.node.saved_at is not None


@pytest.mark.parametrize("state", ["half way", b"x" * (2 * INLINE)], ids=["small", "big"])
async def test_a_state_outlives_the_worker(client: JobClient, state: Any) -> None:
    handle = await client.submit(saves_then_loses_its_worker, state)

    with anyio.fail_after(LIMIT):
        result = await handle

    assert result == state
    assert len(handle.node.attempts) == 2


async def test_each_attempt_goes_on_from_the_one_before(client: JobClient) -> None:
    with anyio.fail_after(LIMIT):
        assert await client.run(goes_on_twice) == ["again"] * 3


async def test_a_state_is_there_as_long_as_nobody_saves_another(client: JobClient) -> None:
    with anyio.fail_after(LIMIT):
        assert await client.run(saves_nothing_in_its_second_attempt) == {"half": 0.5}


async def test_a_first_attempt_finds_nothing(client: JobClient) -> None:
    assert await client.run(restored_of_nothing) is None


async def test_a_state_that_cannot_be_pickled_fails_the_job(client: JobClient) -> None:
    with anyio.fail_after(LIMIT), pytest.raises(SerializationError, match="ScandirIterator"):
        await client.run(saves_what_cannot_be_pickled)


def test_a_plain_call_saves_nothing_for_the_next() -> None:
    current_job().checkpoint("half way")

    assert current_job().restored is None


@job
def counts_on(count: int) -> Any:
    here = current_job()
    restored = here.restored
    for number in range(restored or 0, count):
        here.checkpoint(number)
        time.sleep(0.02)
    return restored


@pytest.mark.slow
async def test_a_paused_job_and_its_state_outlive_every_process() -> None:
    name = "paused"
    async with JobClient(name=name, pools=POOLS) as client:
        handle = await client.submit(counts_on, 60)
        queued = await client.submit(restored_of_nothing.options(depends_on=[handle]))
        with anyio.fail_after(LIMIT):
            while handle.node.saved_at is None:  # noqa: ASYNC110 - the node comes by another thread
                await anyio.sleep(0.01)
            await handle.pause()
            await queued.pause()
            while queued.status is not PAUSED or handle.status is not PAUSED:  # noqa: ASYNC110
                await anyio.sleep(0.01)
    kill_all(name)

    async with JobClient(name=name, pools=POOLS) as client:
        with pytest.raises(InterruptedJobError, match=r"client\.recover\(\)"):
            await client.resume([queued.id])
        handles = await client.recover()
        await anyio.sleep(0.5)
        states = [handle.status for handle in handles]
        for handle in handles:
            await handle.resume()
        with anyio.fail_after(LIMIT):
            restored, nothing = [await handle for handle in handles]
        runs = [len(handle.node.attempts) for handle in handles]
    await down(name)

    assert states == [PAUSED, PAUSED]
    assert restored is not None
    assert nothing is None
    assert runs == [2, 1]
