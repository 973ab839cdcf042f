"""What a running job says of itself: steps, progress, spending, output; and what it costs."""

import logging
import time
import warnings
from collections import Counter
from collections.abc import AsyncIterator
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import anyio
import anyio.lowlevel
import pytest

from parrot_async import JobClient, Usage, current_job, job


@job
def tracks(count: int) -> list[int]:
    here = current_job()
    done: list[int] = []
    for outer in here.track(range(2), "outer"):
        for inner in here.track(range(count), "inner"):
            done += [outer * count + inner]
    return done


@job
async def tracks_async(count: int) -> list[int]:
    async def stream() -> AsyncIterator[int]:
        for number in range(count):
            yield number

    done = [number async for number in current_job().track(stream(), total=count)]
    done += [number async for number in current_job().track(range(count))]
    return done


@job
def half_done() -> None:
    here = current_job()
    for number in here.track(range(4), "outer"):
        for _ in here.track(range(2), "inner"):
            if number == 2:
                time.sleep(60)


@job
async def says_where_it_is() -> None:
    current_job().step("boiling water")
    current_job().progress(40)
    await anyio.sleep(60)


@job
def reports_often(count: int) -> None:
    for number in range(count):
        current_job().progress(100 * number / count)


@job
def spends(levels: int) -> None:
    here = current_job()
    here.spend(Usage(10, 1, Decimal("0.001"), "claude"))
    here.spend(SimpleNamespace(input_tokens=5, output_tokens=None), cost="0.002")
    if levels:
        here.run(spends, levels - 1).result()


@job
async def talks() -> None:
    print("a line", end="\n")  # noqa: T201
    for percent in (10, 20, 30):
        print(f"\r{percent} %", end="")  # noqa: T201
    print("\rdone", end="\r\n")  # noqa: T201
    print("no end", end="\r")  # noqa: T201
    logging.getLogger("kitchen").warning("hot %s", "stove")
    logging.getLogger("kitchen").info("calm")
    warnings.warn("old recipe", stacklevel=1)
    await anyio.lowlevel.checkpoint()


@job
def warns(_: int) -> None:
    warnings.warn("old recipe", stacklevel=1)


@job
def chatters(count: int) -> None:
    for number in range(count):
        print(f"line {number} " + "x" * 5000)  # noqa: T201


@job
def who_am_i() -> tuple[str, str | None, int]:
    here = current_job()
    return here.id, here.parent_id, here.attempt


@job
async def asks_child() -> Any:
    return await current_job().run(who_am_i)


async def kinds_of(handle: Any) -> Counter[str]:
    return Counter([event.kind async for event in handle.events()])


@pytest.mark.parametrize("fn", [tracks, tracks_async])
async def test_track_gives_every_item(client: JobClient, fn: Any) -> None:
    assert sorted(await client.run(fn, 3)) in ([0, 1, 2, 3, 4, 5], [0, 0, 1, 1, 2, 2])


async def test_nested_tracks_move_the_outer_one_by_parts(client: JobClient) -> None:
    handle = await client.submit(half_done.options(grace=0.2))

    async for event in handle.events():
        if event.kind == "progressed":
            break

    node = handle.node
    assert node.progress_percentage == 50
    assert (node.steps_completed, node.total_steps, node.current_step) == (2, 4, "inner")
    await handle.cancel()


async def test_step_and_progress_are_on_the_node(client: JobClient) -> None:
    handle = await client.submit(says_where_it_is)

    async for event in handle.events():
        if event.kind == "progressed" and event.percents == (40.0,):
            break

    assert handle.node.current_step == "boiling water"
    assert handle.progress == 40
    await handle.cancel()


async def test_a_hundred_thousand_reports_are_few_events(client: JobClient) -> None:
    handle = await client.submit(reports_often, 100_000)

    kinds = await kinds_of(handle)

    assert kinds["progressed"] <= 40
    assert sum(kinds.values()) <= 50


async def test_spending_adds_up_to_the_root(client: JobClient) -> None:
    handle = await client.submit(spends, 2)

    await handle

    assert handle.cost == Decimal("0.009")
    assert handle.usage.tokens == 3 * 16
    assert handle.node.own_usage == Usage(15, 1, Decimal("0.003"), "claude")


async def test_output_is_on_the_node(client: JobClient) -> None:
    handle = await client.submit(talks)

    await handle

    lines = [(line.level, line.text) for line in handle.node.logs or ()]
    assert lines == [
        ("OUT", "a line"),
        ("OUT", "done"),
        ("WARNING", "kitchen: hot stove"),
        ("INFO", "kitchen: calm"),
        ("WARNING", "UserWarning: old recipe"),
        ("OUT", "no end"),
    ]


async def test_every_run_of_a_job_keeps_what_it_warns(client: JobClient) -> None:
    handles = await client.map(warns, range(8))

    await handles

    for handle in handles:
        assert [line.text for line in handle.node.logs or ()] == ["UserWarning: old recipe"]


async def test_output_is_bounded(client: JobClient) -> None:
    handle = await client.submit(chatters, 20_000)

    await handle
    stored = [event async for event in handle.events() if event.kind == "logged"]

    lines = list(handle.node.logs or ())
    assert len(lines) == 200
    assert lines[-1].text.startswith("line 19999")
    assert all(len(line.text) <= 2000 for line in lines)
    assert sum(len(event.lines) for event in stored) <= 4000


async def test_jobs_do_not_mix_their_output(client: JobClient) -> None:
    @job(io=1)
    def says(number: int) -> None:
        for _ in range(5):
            print("mine is", number)  # noqa: T201
            time.sleep(0.005)

    handles = await client.map(says, range(20))
    await client.gather(handles)

    for number, handle in enumerate(handles):
        assert {line.text for line in handle.node.logs or ()} == {f"mine is {number}"}


async def test_a_job_knows_itself_and_its_parent(client: JobClient) -> None:
    handle = await client.submit(asks_child)

    child_id, parent_id, attempt = await handle

    assert (child_id, parent_id, attempt) == (f"{handle.id}.0", handle.id, 1)


async def test_outside_a_job_nothing_happens() -> None:
    here = current_job()

    here.step("x")
    here.progress(5)
    here.spend(Usage(1, 1))
    here.checkpoint()

    assert here.id == ""
    assert here.parent_id is None
    assert not here.cancelled
    assert list(here.track([1, 2])) == [1, 2]
    assert [number async for number in here.track([1, 2])] == [1, 2]
    assert tracks(2) == [0, 1, 2, 3]
    assert await tracks_async(1) == [0, 0]


async def test_outside_a_job_children_run_at_once() -> None:
    here = current_job()

    assert here.run(tracks, 1).result() == [0, 1]
    assert await (await here.map(tracks, [1, 2])).results() == [[0, 1], [0, 1, 2, 3]]
    assert await (await here.submit(tracks_async, 1)) == [0, 0]
