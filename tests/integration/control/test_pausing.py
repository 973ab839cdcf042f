"""Pause and resume: what is held does nothing and has no slot, and goes on where it was."""

import asyncio
import os
import random
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import anyio
import pytest

from parrot_async import JobClient, JobHandle, JobStatus, Pools, current_job, job
from parrot_async.cluster import down
from parrot_async.errors import OptionsError
from parrot_async.model.models import JobNode, Queue
from tests.integration import waiting

LIMIT = 20.0
QUIET = 0.4
"""Seconds in which something would happen if it were not held."""
PAUSED = JobStatus.PAUSED


@job
def steps(count: int) -> int:
    for _ in current_job().track(range(count), "stepping"):
        time.sleep(0.02)
    return count


@job
async def steps_async(count: int) -> int:
    async for _ in current_job().track(range(count), "stepping"):
        await anyio.sleep(0.02)
    return count


@job
async def checkpoints_async(count: int) -> int:
    for number in range(count):
        current_job().progress(100 * number / count)
        await anyio.sleep(0.02)
        await current_job().checkpoint()
    return count


@job
def sum_of_steps(count: int) -> int:
    return sum(current_job().map(steps, [5] * count).result().results().result())


@job
async def sum_of_steps_async(count: int) -> int:
    children = await current_job().map(steps, [5] * count)
    return sum([await child async for child in children.as_completed()])


@job
async def has_a_child_later(seconds: float) -> int:
    await anyio.sleep(seconds)
    return await current_job().run(quick, 7)


@job
def quick(number: int) -> int:
    return number


@job
def marks(folder: str, number: int) -> int:
    Path(folder, str(number)).touch()
    return number


@job(retries=1, retry_delay="200ms")
def fails_once(folder: str) -> int:
    first = not names_in(Path(folder))
    Path(folder, str(time.time_ns())).touch()
    if first:
        raise LookupError("the first time")
    return 2


@job
def rests_with_its_pid(folder: str) -> int:
    Path(folder, str(os.getpid())).touch()
    for _ in current_job().track(range(50)):
        time.sleep(0.02)
    return 50


def names_in(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


async def until(handle: JobHandle[Any], holds: Callable[[JobNode], bool]) -> None:
    """Wait until something is so of a job."""
    await waiting.until(lambda: holds(handle.node), LIMIT)


def is_under_way(node: JobNode) -> bool:
    return node.status is JobStatus.RUNNING and node.progress_percentage > 0


def is_paused(node: JobNode) -> bool:
    return node.status is PAUSED


async def paused(client: JobClient, fn: Any, *args: Any) -> JobHandle[Any]:
    """A job that was paused when it had begun, and now holds."""
    handle: JobHandle[Any] = await client.submit(fn, *args)
    await until(handle, is_under_way)
    await handle.pause()
    await until(handle, is_paused)
    return handle


@pytest.mark.parametrize("fn", [steps, steps_async, checkpoints_async], ids=lambda fn: fn.__name__)
async def test_a_body_holds_at_its_next_checkpoint_and_goes_on_where_it_was(
    client: JobClient, fn: Any
) -> None:
    handle = await paused(client, fn, 20)
    before = handle.progress
    await anyio.sleep(QUIET)
    after = handle.progress

    await handle.resume()
    with anyio.fail_after(LIMIT):
        result = await handle

    assert before == after < 100
    assert result == 20
    assert len(handle.node.attempts) == 1
    kinds = [event.kind async for event in handle.events()]
    assert kinds.index("paused") < kinds.index("resumed") < kinds.index("continued")


@pytest.mark.parametrize("fn", [steps, steps_async, checkpoints_async], ids=lambda fn: fn.__name__)
async def test_a_body_that_holds_has_no_slot_and_does_not_block(
    one_slot: JobClient, fn: Any
) -> None:
    handle = await paused(one_slot, fn, 20)

    with anyio.fail_after(LIMIT):
        others = [await one_slot.run(steps, 1), await one_slot.run(steps_async, 1)]

    assert others == [1, 1]
    assert handle.status is PAUSED
    await handle.resume()
    with anyio.fail_after(LIMIT):
        assert await handle == 20


async def test_queued_jobs_are_held_while_others_pass_them(
    one_slot: JobClient, tmp_path: Path
) -> None:
    ahead = await one_slot.submit(steps, 20)
    handles = await one_slot.map(marks, [str(tmp_path)] * 10, range(10))
    await handles.pause()
    await until(handles.root, is_paused)

    with anyio.fail_after(LIMIT):
        assert await ahead == 20
        assert await one_slot.run(quick, 1) == 1

    assert handles.root.node.child_counts == {JobStatus.QUEUED: 0, PAUSED: 10}
    assert names_in(tmp_path) == set()
    await handles.resume()
    with anyio.fail_after(LIMIT):
        assert await one_slot.gather(handles) == list(range(10))


async def test_one_job_of_a_paused_map_goes_on_alone(client: JobClient, tmp_path: Path) -> None:
    ahead = await client.map(steps, [10, 10])
    handles = await client.map(marks, [str(tmp_path)] * 10, range(10))
    await handles.pause()
    await client.gather(ahead)

    await handles[3].resume()
    with anyio.fail_after(LIMIT):
        await handles[3]
    await anyio.sleep(QUIET)

    ran = names_in(tmp_path)
    assert ran == {"3"}
    assert handles.root.status is PAUSED
    await handles.cancel()


@pytest.mark.parametrize("fn", [sum_of_steps, sum_of_steps_async], ids=lambda fn: fn.__name__)
async def test_a_parent_is_paused_with_all_below_it(client: JobClient, fn: Any) -> None:
    handle = await client.submit(fn, 10)
    await until(handle, lambda node: len(node.children) == 10)

    await handle.pause()
    await until(handle, is_paused)
    states = {child.status for child in handle.children}
    await anyio.sleep(QUIET)
    later = {child.status for child in handle.children}

    assert states == later <= {PAUSED, JobStatus.COMPLETED}
    await handle.resume()
    with anyio.fail_after(LIMIT):
        assert await handle == 50


async def test_a_parent_waits_for_a_child_that_is_paused(one_slot: JobClient) -> None:
    handle = await one_slot.submit(sum_of_steps, 2)
    await until(handle, lambda node: len(node.children) == 2)
    child = handle.children[1]

    await child.pause()
    await until(child, is_paused)
    await until(handle.children[0], lambda node: node.status is JobStatus.COMPLETED)

    assert (handle.status, handle.node.pause_requested) == (JobStatus.WAITING_FOR_CHILDREN, False)
    await child.resume()
    with anyio.fail_after(LIMIT):
        assert await handle == 10


async def test_a_child_of_a_paused_parent_is_born_paused(client: JobClient) -> None:
    handle = await client.submit(has_a_child_later, 0.5)
    await until(handle, lambda node: node.status is JobStatus.RUNNING)

    await handle.pause()
    await until(handle, lambda node: len(node.children) == 1)
    await until(handle, is_paused)
    await anyio.sleep(QUIET)

    assert handle.children[0].status is PAUSED
    assert handle.children[0].node.attempts == []
    await handle.resume()
    with anyio.fail_after(LIMIT):
        assert await handle == 7


async def test_the_timeout_stands_still_during_a_pause(client: JobClient) -> None:
    handle = await paused(client, steps.options(timeout="1500ms"), 20)

    await anyio.sleep(2)
    status = handle.status
    await handle.resume()

    with anyio.fail_after(LIMIT):
        assert await handle == 20
    assert status is PAUSED


async def test_the_timeout_goes_on_after_a_pause(client: JobClient) -> None:
    handle = await paused(client, steps.options(timeout="1s"), 1000)

    await handle.resume()

    with anyio.fail_after(LIMIT):
        assert await handle.wait() is JobStatus.FAILED
    assert handle.error is not None
    assert handle.error.kind == "timeout"


@pytest.mark.parametrize("fn", [steps, steps_async], ids=lambda fn: fn.__name__)
async def test_a_paused_job_is_cancelled_at_once(client: JobClient, fn: Any) -> None:
    handle = await paused(client, fn.options(grace=60), 1000)

    with anyio.fail_after(1):
        await handle.cancel()
        status = await handle.wait()

    assert status is JobStatus.CANCELLED


async def test_a_paused_map_is_cancelled_and_nothing_of_it_starts(
    client: JobClient, tmp_path: Path
) -> None:
    ahead = await client.map(steps, [10, 10])
    handles = await client.map(marks, [str(tmp_path)] * 10, range(10))
    await handles.pause()
    await handles.cancel()

    with anyio.fail_after(LIMIT):
        await handles.root.wait()
        await client.gather(ahead)

    assert (handles.root.node.child_counts or {})[JobStatus.CANCELLED] == 10
    assert names_in(tmp_path) == set()


async def test_a_retry_waits_for_the_end_of_a_pause(client: JobClient, tmp_path: Path) -> None:
    handle = await client.submit(fails_once, str(tmp_path))
    await until(handle, lambda node: node.retry_at is not None)

    await handle.pause()
    await until(handle, is_paused)
    await anyio.sleep(QUIET)

    assert len(names_in(tmp_path)) == 1
    await handle.resume()
    with anyio.fail_after(LIMIT):
        assert await handle == 2


async def test_a_paused_job_that_loses_its_worker_stays_paused(
    one_slot: JobClient, tmp_path: Path
) -> None:
    handle = await paused(one_slot, rests_with_its_pid, str(tmp_path))
    (pid,) = names_in(tmp_path)

    os.kill(int(pid), signal.SIGKILL)
    await until(handle, lambda node: any(one.ended_at for one in node.attempts))
    await anyio.sleep(QUIET)
    status, before = handle.status, len(handle.node.attempts)
    await handle.resume()

    with anyio.fail_after(LIMIT):
        assert await handle == 50
    assert status is PAUSED
    assert [before, len(handle.node.attempts)] == [1, 2]


async def test_what_has_ended_stays_as_it_is(client: JobClient) -> None:
    handle = await client.submit(quick, 1)
    await handle

    await handle.pause()
    await handle.resume()
    await anyio.sleep(QUIET)

    assert handle.status is JobStatus.COMPLETED


async def test_a_pause_at_any_moment_loses_nothing(client: JobClient) -> None:
    handles = [await client.submit(quick, number) for number in range(3)]
    for number in range(60):
        handle = await client.submit(quick, number)
        await asyncio.sleep(0.0002 * (number % 30))
        await handle.pause()
        handles.append(handle)

    with anyio.fail_after(LIMIT):
        for handle in handles:
            await handle.resume()
            await handle

    assert {handle.status for handle in handles} == {JobStatus.COMPLETED}
    assert {len(handle.node.attempts) for handle in handles} == {1}


async def test_a_paused_queue_holds_its_jobs_and_those_to_come(client: JobClient) -> None:
    await client.set_queue(Queue(name="calm"))
    running = await client.submit(steps.options(queue="calm"), 20)
    await until(running, is_under_way)

    await client.pause(queue="calm")
    later = await client.submit(quick.options(queue="calm"), 1)
    await until(running, is_paused)
    await until(later, is_paused)
    others = await client.run(quick, 2)

    assert others == 2
    await client.resume(queue="calm")
    with anyio.fail_after(LIMIT):
        assert [await running, await later] == [20, 1]


async def test_who_paused_a_job_is_who_lets_it_go_on(client: JobClient) -> None:
    await client.set_queue(Queue(name="twice"))
    await client.pause(queue="twice")
    handle = await client.submit(quick.options(queue="twice"), 1)
    await handle.pause()
    await until(handle, lambda node: len(node.held_by) == 2)

    await client.resume(queue="twice")
    await anyio.sleep(QUIET)
    between = handle.status
    await handle.resume()

    assert between is PAUSED
    with anyio.fail_after(LIMIT):
        assert await handle == 1


async def test_a_queue_that_is_set_again_stays_paused(client: JobClient) -> None:
    await client.set_queue(Queue(name="kept"))
    await client.pause(queue="kept")
    await client.set_queue(Queue(name="kept", limit=1))

    handle = await client.submit(quick.options(queue="kept"), 1)
    await until(handle, is_paused)
    await client.resume(queue="kept")

    with anyio.fail_after(LIMIT):
        assert await handle == 1


@pytest.mark.slow
async def test_a_paused_queue_is_paused_after_a_restart() -> None:
    name, pools = "asleep", Pools(cpu=1, gpu=0, io=1)
    async with JobClient(name=name, pools=pools) as client:
        await client.pause(queue="slow")
    await down(name)

    async with JobClient(name=name, pools=pools) as client:
        handle = await client.submit(quick.options(queue="slow"), 1)
        await until(handle, is_paused)
        await client.resume(queue="slow")
        with anyio.fail_after(LIMIT):
            assert await handle == 1
    await down(name)


async def test_all_is_paused_and_resumed(one_slot: JobClient) -> None:
    running = await one_slot.submit(steps, 20)
    await until(running, is_under_way)

    await one_slot.pause()
    elsewhere = await one_slot.submit(quick.options(queue="fast"), 1)
    await until(running, is_paused)
    await until(elsewhere, is_paused)
    await one_slot.resume()

    with anyio.fail_after(LIMIT):
        assert [await running, await elsewhere] == [20, 1]


async def test_a_held_job_of_a_limited_queue_keeps_nobody_from_its_place(
    client: JobClient,
) -> None:
    await client.set_queue(Queue(name="single", limit=1))
    fn = steps.options(queue="single")
    ahead = await client.submit(fn, 10)
    held = await client.submit(fn, 1)
    behind = await client.submit(fn, 2)
    await held.pause()

    with anyio.fail_after(LIMIT):
        assert [await ahead, await behind] == [10, 2]

    assert held.status is PAUSED
    await held.resume()
    with anyio.fail_after(LIMIT):
        assert await held == 1


async def test_an_unknown_queue_cannot_be_paused(client: JobClient) -> None:
    with pytest.raises(OptionsError, match="no queue 'nowhere'"):
        await client.pause(queue="nowhere")


@pytest.mark.slow
async def test_pauses_at_random_moments_hold_nothing_for_ever(client: JobClient) -> None:
    chance = random.Random(20)
    parents = [await client.submit(sum_of_steps, 6), await client.submit(sum_of_steps_async, 6)]
    handles = await client.map(steps_async, range(20))
    roots = [*parents, handles.root]

    for _ in range(200):
        root = chance.choice(roots)
        some = await client.attach(chance.choice([node.id for node in root.tree.walk()]))
        await chance.choice([some.pause, some.pause, some.resume])()
        await anyio.sleep(0.01 * chance.random())
    for root in roots:
        await root.resume()

    with anyio.fail_after(LIMIT):
        assert [await parent for parent in parents] == [30, 30]
        assert await client.gather(handles) == list(range(20))
        assert {await root.wait() for root in roots} == {JobStatus.COMPLETED}
