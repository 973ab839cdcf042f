"""What a client keeps, shares and lets go of."""

import asyncio
import gc
import pickle
import threading
import traceback
from datetime import timedelta

import anyio
import anyio.lowlevel
import pytest

from parrot_async import JobClient, JobStatus, current_job, job
from parrot_async.errors import ClusterError, JobNotFoundError, OptionsError
from parrot_async.model.events import Completed, Started, Submitted


@job
def add(one: int, other: int = 0) -> int:
    return one + other


@job
async def step_by_step(count: int) -> int:
    async for _ in current_job().track(range(count), "counting"):
        await anyio.sleep(0.05)
    return count


async def test_a_second_client_attaches_to_the_same_live_tree(
    client: JobClient, engine: str
) -> None:
    handle = await client.submit(step_by_step, 10)

    async with JobClient(name=engine) as other:
        same = await other.attach(handle.id)
        result = await same

    assert result == await handle == 10
    assert same.node == handle.node


async def test_work_goes_on_when_the_client_that_submitted_it_is_gone(
    client: JobClient, engine: str
) -> None:
    async with JobClient(name=engine) as short_lived:
        job_id = (await short_lived.submit(step_by_step, 5)).id

    result = await (await client.attach(job_id))

    assert result == 5


async def test_a_job_that_ended_long_ago_is_found_with_its_value(
    client: JobClient, engine: str
) -> None:
    async with JobClient(name=engine) as first:
        job_id = (await first.map(add, range(3), range(3))).root.id
        await (await first.attach(job_id)).wait()

    child = await client.attach(f"{job_id}.2")

    assert await child == 4


async def test_an_unknown_job_is_not_found(client: JobClient) -> None:
    with pytest.raises(JobNotFoundError, match="no job 0nothere is known"):
        await client.attach("0nothere")


async def test_jobs_lists_the_newest_trees_first(client: JobClient) -> None:
    first = await client.submit(add, 1)
    second = await client.submit(add.options(title="the second"), 2)
    await client.gather(first, second)

    rows = await client.jobs("completed", limit=2)

    assert [row.id for row in rows] == [second.id, first.id]
    assert rows[0].title == "the second"


async def test_events_are_told_from_the_beginning_to_the_end(client: JobClient) -> None:
    handle = await client.submit(add, 1)
    await handle

    kinds = [type(event) for event in [event async for event in handle.events()]]

    assert kinds == [Submitted, Started, Completed]


async def test_a_tree_that_no_handle_names_any_more_is_forgotten(client: JobClient) -> None:
    handle = await client.submit(add, 1)
    await handle
    root_id = handle.id

    del handle
    gc.collect()

    with anyio.fail_after(5):
        while client._session.trees.knows(root_id):  # noqa: ASYNC110 - a finalizer tells nobody
            await anyio.sleep(0.01)
    assert await (await client.attach(root_id)) == 1


async def test_as_completed_yields_each_handle_once_in_the_order_of_the_ends(
    client: JobClient,
) -> None:
    handles = [await client.submit(step_by_step, count) for count in (12, 1)]

    ended = [handle.id async for handle in client.as_completed(handles)]

    assert ended == [handles[1].id, handles[0].id]


async def test_the_handles_of_a_map_are_awaited_for_all_results(client: JobClient) -> None:
    assert await (await client.map(divide, [1, 2, 4])) == [1, 0.5, 0.25]
    with pytest.raises(ZeroDivisionError):
        await (await client.map(divide, [4, 0]))


async def test_gather_keeps_the_order_and_returns_errors_where_they_are_wanted(
    client: JobClient,
) -> None:
    handles = await client.map(divide, [4, 0, 9])

    results = await client.gather(handles, return_exceptions=True)

    assert results[0] == 0.25
    assert isinstance(results[1], ZeroDivisionError)
    with pytest.raises(ZeroDivisionError):
        await client.gather(handles)


@job
def divide(by: int) -> float:
    return 1 / by


async def test_an_error_shows_the_way_to_it_once(client: JobClient) -> None:
    handle = await client.submit(divide, 0)

    with pytest.raises(ZeroDivisionError) as caught:
        await handle

    shown = "".join(traceback.format_exception(caught.value))
    assert shown.count("return 1 / by") == 1
    assert "runner/execution.py" not in shown


async def test_each_job_of_a_map_has_a_state_as_soon_as_there_is_a_handle(
    client: JobClient,
) -> None:
    for _ in range(20):
        handles = await client.map(add, range(600), other=1)

        assert handles[-1].status in JobStatus


async def test_map_of_nothing_completes_at_once(client: JobClient) -> None:
    handles = await client.map(add, [])

    assert await handles.root == []
    assert await client.gather(handles) == []


async def test_a_running_job_tells_how_long_it_will_take(client: JobClient) -> None:
    handle = await client.submit(step_by_step, 40)

    async for _ in handle.events():
        if handle.progress >= 20:
            break

    assert handle.eta is not None
    assert timedelta(0) < handle.eta < timedelta(seconds=20)
    assert handle.node.current_step == "counting"
    await handle.cancel()
    assert await handle.wait() is JobStatus.CANCELLED


async def test_a_client_that_is_not_open_says_how_to_open_it() -> None:
    with pytest.raises(ClusterError, match="async with JobClient"):
        await JobClient().submit(add, 1)


async def test_the_notebook_shows_the_tree_of_a_handle_alone_in_a_cell(client: JobClient) -> None:
    handle = await client.submit(add.options(title="<img src=x onerror=alert(1)>"), 1)
    await handle

    shown = handle._repr_mimebundle_()["text/html"]

    assert "&lt;img src=x" in shown
    assert "<img" not in shown


async def test_errors_of_jobs_travel_with_what_they_know(client: JobClient) -> None:
    handle = await client.submit(step_by_step, 100)
    await handle.cancel()
    await handle.wait()

    with pytest.raises(Exception, match="cancelled") as caught:
        await handle

    again = pickle.loads(pickle.dumps(caught.value))  # noqa: S301
    assert again.job_id == handle.id
    assert again.info.kind == "cancelled"


async def test_calls_that_cannot_work_are_refused_before_they_are_sent(client: JobClient) -> None:
    with pytest.raises(TypeError, match="missing a required argument"):
        await client.submit(add)  # type: ignore[call-overload]
    with pytest.raises(TypeError, match="too many positional arguments"):
        await client.map(add, [1], [2], [3])
    with pytest.raises(OptionsError, match="pass the function, then its arguments"):
        await client.submit(step_by_step(3))  # type: ignore[call-overload]
    with pytest.raises(OptionsError, match="did you mean 'retries'"):
        add.options(retrys=3)  # type: ignore[call-arg]


async def test_all_jobs_of_a_map_get_the_same_keyword_arguments(client: JobClient) -> None:
    first = await client.submit(add, 20)

    alike = await client.map(add, range(600), other=20)
    after = await client.map(add, [1, 2], other=first)

    assert await client.gather(alike) == [number + 20 for number in range(600)]
    assert await client.gather(after) == [21, 22]


@job
async def add_to_all(numbers: list[int], other: int) -> list[int]:
    return await (await current_job().map(add, numbers, other=other)).results()


async def test_all_children_of_a_map_get_the_same_keyword_arguments(client: JobClient) -> None:
    assert await client.run(add_to_all, [1, 2], 10) == [11, 12]
    assert await add_to_all([1, 2], 10) == [11, 12]


async def test_a_loop_on_which_a_job_is_awaited_wakes_now_and_then(client: JobClient) -> None:
    handle = await client.submit(step_by_step, 1000)
    loop = asyncio.get_running_loop()
    waiting = asyncio.ensure_future(handle.wait())
    await anyio.lowlevel.checkpoint()

    # What Jupyter's Stop does: a signal handler, which wakes nobody, cancels the cell.
    threading.Timer(0.1, waiting.cancel).start()
    began = loop.time()
    with anyio.fail_after(5), pytest.raises(asyncio.CancelledError):
        await waiting

    assert loop.time() - began < 2
    await handle.cancel()


@job
async def silent(seconds: float) -> None:
    await anyio.sleep(seconds)


async def test_a_job_without_progress_is_expected_to_take_as_long_as_others_did(
    client: JobClient, engine: str
) -> None:
    await client.run(silent, 0.3)

    async with JobClient(name=engine) as later:
        handle = await later.submit(silent, 0.3)
        expected = handle.eta
        await handle

    assert expected is not None
    assert timedelta(seconds=0.05) < expected < timedelta(seconds=5)


async def test_a_handle_says_all_in_one_record(client: JobClient) -> None:
    handle = await client.submit(step_by_step.options(title="counts"), 2)
    await handle

    said = handle.status_report()

    assert (said.job_id, said.title, said.status) == (handle.id, "counts", JobStatus.COMPLETED)
    assert said.progress_percentage == 100
    assert said.model_dump_json()
