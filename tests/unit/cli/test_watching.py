"""A job is watched until it ends, and Ctrl-C cancels it."""

import io
import os
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import anyio
import pytest
from rich.console import Console

from parrot_async import JobHandle, JobStatus, job
from parrot_async.cli.watching import watch, watch_events, watch_or_cancel
from parrot_async.model.events import Event
from parrot_async.testing import EagerClient
from tests.unit.stories import completed, failed, progressed, started, submitted


@pytest.fixture
def console() -> Console:
    return Console(file=io.StringIO(), width=100)


def printed(console: Console) -> list[str]:
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue().splitlines()


async def told(*events: Event) -> AsyncIterator[Event]:
    for event in events:
        yield event


@job
def double(number: int) -> int:
    return 2 * number


@job
async def endless(begun: anyio.Path) -> None:
    await begun.touch()
    await anyio.sleep(1000)


async def test_events_become_lines_and_the_tree_is_returned(console: Console) -> None:
    tree = await watch_events(
        told(submitted("r"), started("r"), progressed("r", percent=60), completed("r")), console
    )

    assert tree["r"].status is JobStatus.COMPLETED
    assert printed(console)[-1].startswith("task: completed")


async def test_a_failure_is_told_with_its_reason(console: Console) -> None:
    await watch_events(told(submitted("r"), started("r"), failed("r")), console)

    assert "task: failed: ValueError: broken" in printed(console)


async def test_without_any_event_nothing_is_shown(console: Console) -> None:
    tree = await watch_events(told(), console)

    assert tree.root_id is None
    assert printed(console) == []


async def test_times_go_on_while_nothing_happens(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("parrot_async.cli.watching.TICK", 0.01)

    async def slowly() -> AsyncIterator[Event]:
        yield submitted("r")
        yield started("r")
        await anyio.sleep(0.6)

    terminal = Console(file=io.StringIO(), width=100, force_terminal=True, color_system=None)
    await watch_events(slowly(), terminal)

    # One for the events, one at the end, and those between, eight a second.
    assert "\n".join(printed(terminal)).count("▶ task") > 3


async def test_a_job_is_watched_to_its_end(console: Console) -> None:
    async with EagerClient() as client:
        handle = await client.submit(double, 21)

        with anyio.fail_after(20):
            await watch(handle, console)

        assert handle.status is JobStatus.COMPLETED
    assert printed(console)[-1].startswith("double: completed")


async def test_a_job_that_nobody_cancels_says_so(console: Console) -> None:
    async with EagerClient() as client:
        with anyio.fail_after(20):
            handle, was_cancelled = await watch_or_cancel(
                lambda: client.submit(double, 21), console
            )

        assert not was_cancelled
        assert await handle == 42


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_a_signal_cancels_the_job_that_is_watched(
    console: Console, tmp_path: Path, number: signal.Signals
) -> None:
    begun = anyio.Path(tmp_path / "begun")

    async def interrupt() -> None:
        while not await begun.exists():  # noqa: ASYNC110 - a file has no event
            await anyio.sleep(0.01)
        os.kill(os.getpid(), number)

    async with EagerClient() as client, anyio.create_task_group() as group:
        group.start_soon(interrupt)
        with anyio.fail_after(20):
            handle, was_cancelled = await watch_or_cancel(
                lambda: client.submit(endless, begun), console
            )

        assert was_cancelled
        assert handle.status is JobStatus.CANCELLED
    assert any("press Ctrl-C again" in line for line in printed(console))


async def test_a_signal_that_comes_while_a_job_is_submitted_cancels_it_as_well(
    console: Console, tmp_path: Path
) -> None:
    async with EagerClient() as client:

        async def submit() -> JobHandle[None]:
            os.kill(os.getpid(), signal.SIGINT)
            await anyio.sleep(0.1)
            return await client.submit(endless, anyio.Path(tmp_path / "begun"))

        with anyio.fail_after(20):
            handle, was_cancelled = await watch_or_cancel(submit, console)

        assert was_cancelled
        assert handle.status is JobStatus.CANCELLED
