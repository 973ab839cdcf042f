"""Jobs inside jobs: nothing deadlocks, however few slots there are."""

import anyio
import pytest

from parrot_async import JobClient, JobStatus, current_job, job


@job
def down_sync(levels: int) -> int:
    return 1 + current_job().run(down_sync, levels - 1).result() if levels else 1


@job
async def down_async(levels: int) -> int:
    return 1 + await current_job().run(down_async, levels - 1) if levels else 1


@job
def down_mixed(levels: int) -> int:
    return 1 + current_job().run(up_mixed, levels - 1).result() if levels else 1


@job
async def up_mixed(levels: int) -> int:
    return 1 + await current_job().run(down_mixed, levels - 1) if levels else 1


@job
def double(number: int) -> int:
    return 2 * number


@job(io=1)
def double_in_io(number: int) -> int:
    return 2 * number


@job
def sum_of_doubles(count: int) -> int:
    return sum(current_job().map(double, range(count)).result().results().result())


@job
async def sum_of_doubles_async(count: int) -> int:
    return sum(await (await current_job().map(double_in_io, range(count))).results())


@job
def as_they_end(count: int) -> set[int]:
    children = current_job().map(double, range(count)).result()
    return {child.result() for child in children.as_completed()}


@job
async def as_they_end_async(count: int) -> set[int]:
    children = await current_job().map(double, range(count))
    return {await child async for child in children.as_completed()}


@job
def leaves_children() -> str:
    for number in range(3):
        current_job().submit(slow, number)
    return "left"


@job
async def leaves_children_async() -> str:
    for number in range(3):
        current_job().submit(slow, number)
    return "left"


@job
async def slow(number: int) -> int:
    await anyio.sleep(0.3)
    return number


@pytest.mark.parametrize("fn", [down_sync, down_async, down_mixed])
async def test_jobs_nested_four_deep_finish_in_one_slot(one_slot: JobClient, fn: object) -> None:
    handle = await one_slot.submit(fn, 4)  # type: ignore[call-overload]

    assert await handle == 5
    assert [node.depth for node in handle.tree.walk()] == [0, 1, 2, 3, 4]


@pytest.mark.parametrize("fn", [sum_of_doubles, sum_of_doubles_async])
async def test_five_parents_of_ten_children_share_one_slot(one_slot: JobClient, fn: object) -> None:
    handles = await one_slot.map(fn, [10] * 5)  # type: ignore[call-overload]

    assert await one_slot.gather(handles) == [90] * 5
    assert len(handles.root.tree) == 56


@pytest.mark.parametrize("fn", [as_they_end, as_they_end_async])
async def test_a_parent_takes_its_children_as_they_complete(
    one_slot: JobClient, fn: object
) -> None:
    result = await one_slot.run(fn, 10)  # type: ignore[call-overload]

    assert result == {2 * number for number in range(10)}


@pytest.mark.parametrize("fn", [leaves_children, leaves_children_async])
async def test_a_parent_ends_after_children_that_it_did_not_wait_for(
    one_slot: JobClient, fn: object
) -> None:
    handle = await one_slot.submit(fn)  # type: ignore[call-overload]

    assert await handle == "left"
    assert [child.status for child in handle.children] == [JobStatus.COMPLETED] * 3


async def test_a_parent_that_waits_shows_so(one_slot: JobClient) -> None:
    handle = await one_slot.submit(leaves_children)

    kinds = [event.kind async for event in handle.events()]

    assert "waiting" in kinds
    assert await handle == "left"
