"""Handles where people put awaitables, and children that end with the wait for them."""

import asyncio
from pathlib import Path

import anyio
import pytest

from parrot_async import JobClient, JobHandle, JobStatus, current_job, job
from tests.integration.waiting import until

LIMIT = 20


@job
async def double(number: int, seconds: float = 0) -> int:
    await anyio.sleep(seconds)
    return 2 * number


@job
async def fails() -> int:
    raise LookupError("on purpose")


@pytest.fixture
async def handles(client: JobClient) -> list[JobHandle[int]]:
    return [await client.submit(double, number) for number in range(3)]


async def test_handles_can_be_waited_for_as_futures(handles: list[JobHandle[int]]) -> None:
    futures = [handle.as_future() for handle in handles]

    done, waiting = await asyncio.wait(futures, timeout=LIMIT)

    assert [future.result() for future in futures] == [0, 2, 4]
    assert (len(done), len(waiting)) == (3, 0)


async def test_handles_can_be_gathered(handles: list[JobHandle[int]]) -> None:
    assert await asyncio.gather(*handles) == [0, 2, 4]


async def test_handles_come_as_they_end(handles: list[JobHandle[int]]) -> None:
    assert sorted([await one for one in asyncio.as_completed(handles)]) == [0, 2, 4]


async def test_handles_can_be_given_to_ensure_future_wrap_future_and_wait_for(
    handles: list[JobHandle[int]],
) -> None:
    first, second, third = handles

    assert await asyncio.ensure_future(first) == 0
    assert await asyncio.wrap_future(second.as_future()) == 2
    assert await asyncio.wait_for(third, LIMIT) == 4


async def test_a_task_group_runs_the_wait_for_a_handle(handles: list[JobHandle[int]]) -> None:
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(handle.result()) for handle in handles]

    assert [task.result() for task in tasks] == [0, 2, 4]


async def test_anyios_task_group_runs_the_wait_for_a_handle(
    handles: list[JobHandle[int]],
) -> None:
    found: list[int] = []

    async def keep(handle: JobHandle[int]) -> None:
        found.append(await handle)

    async with anyio.create_task_group() as group:
        for handle in handles:
            group.start_soon(keep, handle)
            group.start_soon(handle.result)

    assert sorted(found) == [0, 2, 4]


async def test_all_handles_of_a_map_are_one_future(client: JobClient) -> None:
    handles = await client.map(double, range(3))

    assert await handles.as_future() == [0, 2, 4]


async def test_a_future_of_a_job_that_failed_has_its_error(client: JobClient) -> None:
    future = (await client.submit(fails)).as_future()

    await asyncio.wait([future], timeout=LIMIT)

    assert isinstance(future.exception(), LookupError)


async def test_a_job_goes_on_whose_future_was_cancelled(client: JobClient) -> None:
    handle = await client.submit(double, 21, 0.3)
    future = handle.as_future()
    await asyncio.sleep(0)

    future.cancel()

    assert await handle == 42
    assert future.cancelled()


# Children.


@job
async def waits_for(path: str) -> str:
    await anyio.Path(path).touch()
    await anyio.sleep(60)
    return "waited"


@job
async def gives_up(path: str) -> str:
    try:
        await asyncio.wait_for(current_job().run(waits_for, path), 1)
    except TimeoutError:
        return "gave up"
    return "waited"


@job
async def gives_up_on_submitted() -> int:
    child = await current_job().submit(double, 21, 0.5)
    with anyio.move_on_after(0.1):
        await child
    return await child


@job
async def loses_a_race() -> int:
    """The first of two children ends the wait for the other one."""
    here = current_job()
    tasks = [here.run(double, 21, seconds).as_future() for seconds in (0, 60)]
    done, waiting = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    for task in waiting:
        task.cancel()
    return done.pop().result()


async def test_a_child_ends_when_the_wait_for_it_is_cancelled(
    client: JobClient, tmp_path: Path
) -> None:
    handle = await client.submit(gives_up, str(tmp_path / "begun"))

    with anyio.fail_after(LIMIT):
        result = await handle

    assert result == "gave up"
    assert handle.status is JobStatus.COMPLETED
    assert [child.status for child in handle.children] == [JobStatus.CANCELLED]


async def test_a_child_that_was_submitted_goes_on(client: JobClient) -> None:
    handle = await client.submit(gives_up_on_submitted)

    assert await handle == 42


async def test_the_child_that_nobody_waits_for_any_more_ends(client: JobClient) -> None:
    handle = await client.submit(loses_a_race)

    with anyio.fail_after(LIMIT):
        result = await handle

    assert result == 42
    states = sorted(child.status for child in handle.children)
    assert states == [JobStatus.CANCELLED, JobStatus.COMPLETED]


async def test_a_job_that_is_cancelled_takes_the_child_along_that_it_runs(
    client: JobClient, tmp_path: Path
) -> None:
    begun = tmp_path / "begun"
    handle = await client.submit(gives_up.options(retries=2), str(begun))
    await until(begun.exists, LIMIT)

    await handle.cancel()

    assert await handle.wait() is JobStatus.CANCELLED
    assert [child.status for child in handle.children] == [JobStatus.CANCELLED]
