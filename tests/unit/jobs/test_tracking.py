"""`track` as a body uses it: what it reports, where it holds, and what it leaves behind."""

from collections.abc import AsyncIterator, Iterator
from typing import Any

import anyio
import anyio.lowlevel
import pytest

from parrot_async.jobs.progress import JobProgress
from parrot_async.jobs.slot import JobStopped
from parrot_async.jobs.tracking import YIELD_EVERY, Tracked
from tests.unit.jobs.hosts import ControlledHost


@pytest.fixture
def host() -> ControlledHost:
    return ControlledHost()


@pytest.fixture
def progress() -> JobProgress:
    return JobProgress()


def tracked(
    host: ControlledHost, progress: JobProgress, items: Any, total: int | None = None
) -> Tracked[Any]:
    return Tracked(host, progress, items, "reading", total)


async def stream() -> AsyncIterator[str]:
    for item in "ab":
        yield item


def test_each_step_is_reported(host: ControlledHost, progress: JobProgress) -> None:
    items = list(tracked(host, progress, ["a", "b"]))

    assert items == ["a", "b"]
    assert host.reported == [
        (0.0, "reading", (0, 2)),
        (50.0, "reading", (1, 2)),
        (100.0, "reading", (2, 2)),
    ]


def test_a_track_that_is_over_is_no_track_of_the_job(
    host: ControlledHost, progress: JobProgress
) -> None:
    list(tracked(host, progress, "ab"))

    assert progress.tracks == []
    assert progress.percent == 100.0


def test_a_track_that_was_left_early_is_closed_with_its_loop(
    host: ControlledHost, progress: JobProgress
) -> None:
    for _ in tracked(host, progress, "abcd"):
        break

    assert progress.tracks == []
    assert progress.percent == 0.0


def test_the_number_of_items_may_be_told(host: ControlledHost, progress: JobProgress) -> None:
    list(tracked(host, progress, iter("ab"), total=4))

    assert [percent for percent, _, _ in host.reported] == [0.0, 25.0, 50.0]


def test_items_of_unknown_number_are_counted_without_a_percent(
    host: ControlledHost, progress: JobProgress
) -> None:
    list(tracked(host, progress, iter("ab")))

    assert host.reported[-1] == (0.0, "reading", (2, 0))


def test_a_job_that_is_told_to_stop_stops_between_two_items(
    host: ControlledHost, progress: JobProgress
) -> None:
    seen: list[str] = []

    def items() -> Iterator[str]:
        yield "a"
        host.stopped.set_result(None)
        yield "b"
        yield "c"

    with pytest.raises(JobStopped):
        seen.extend(tracked(host, progress, items()))

    assert host.reported[-1] == (0.0, "reading", (1, 0))
    assert progress.tracks == []


def test_asynchronous_items_need_an_asynchronous_loop(
    host: ControlledHost, progress: JobProgress
) -> None:
    with pytest.raises(TypeError, match="async for"):
        list(tracked(host, progress, stream()))


async def test_an_async_job_tracks_asynchronous_items(
    host: ControlledHost, progress: JobProgress
) -> None:
    items = [item async for item in tracked(host, progress, stream(), total=2)]

    assert items == ["a", "b"]
    assert [percent for percent, _, _ in host.reported] == [0.0, 50.0, 100.0]


async def test_an_async_job_tracks_ordinary_items(
    host: ControlledHost, progress: JobProgress
) -> None:
    items = [item async for item in tracked(host, progress, ["a", "b"])]

    assert items == ["a", "b"]
    assert host.reported[-1] == (100.0, "reading", (2, 2))


@pytest.mark.parametrize("items", [["a", "b"], stream], ids=["ordinary", "asynchronous"])
async def test_an_async_job_is_held_between_two_items(
    host: ControlledHost, progress: JobProgress, items: Any
) -> None:
    seen: list[str] = []

    async def body() -> None:
        async for item in tracked(host, progress, items() if callable(items) else items):
            seen.append(item)
            if item == "a":
                host.pause()

    async with anyio.create_task_group() as group:
        group.start_soon(body)
        await anyio.wait_all_tasks_blocked()
        while_held = list(seen)
        host.resume()

    assert while_held == ["a"]
    assert seen == ["a", "b"]
    assert host.turns == ["paused", "goes on"]


async def test_an_async_job_that_only_counts_lets_others_use_the_loop(
    host: ControlledHost, progress: JobProgress
) -> None:
    others = 0
    ended = anyio.Event()

    async def other() -> None:
        nonlocal others
        while not ended.is_set():
            others += 1
            await anyio.lowlevel.checkpoint()

    def slow() -> Iterator[int]:
        for number in range(4):
            deadline = anyio.current_time() + 1.5 * YIELD_EVERY
            while anyio.current_time() < deadline:
                pass
            yield number

    async with anyio.create_task_group() as group:
        group.start_soon(other)
        async for _ in tracked(host, progress, slow()):
            pass
        ended.set()

    assert others >= 3
