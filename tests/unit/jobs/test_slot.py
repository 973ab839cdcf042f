"""A job waits with its slot free, takes none while it is held, and stops where it is told to."""

import asyncio
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import anyio
import anyio.lowlevel
import pytest

from parrot_async.jobs.slot import (
    JobStopped,
    hold,
    stop_or_hold,
    wait_without_slot,
    wait_without_slot_async,
)
from tests.unit.jobs.hosts import PATIENCE, ControlledHost


@pytest.fixture
def host() -> ControlledHost:
    return ControlledHost()


@pytest.fixture
def body() -> Iterator[ThreadPoolExecutor]:
    """The thread of a sync job."""
    with ThreadPoolExecutor(1) as threads:
        yield threads


def is_waiting(waiting: "Future[None]") -> bool:
    """Whether a body still waits, some time later."""
    try:
        waiting.result(0.05)
    except TimeoutError:
        return True
    return False


def test_a_sync_job_frees_its_slot_while_it_waits_and_takes_one_afterwards(
    host: ControlledHost,
) -> None:
    child: Future[None] = Future()
    child.set_result(None)

    wait_without_slot(host, child)

    assert host.turns == ["waits", "goes on"]


def test_a_sync_job_waits_for_its_future_and_then_for_a_slot(
    host: ControlledHost, body: ThreadPoolExecutor
) -> None:
    child: Future[None] = Future()
    host.slot_to_come = Future()

    waiting = body.submit(wait_without_slot, host, child)
    waits_for_child = is_waiting(waiting)
    child.set_result(None)
    waits_for_slot = is_waiting(waiting)
    host.slot_to_come.set_result(None)
    waiting.result(PATIENCE)

    assert waits_for_child
    assert waits_for_slot
    assert host.turns == ["waits", "goes on"]


def test_a_sync_job_that_is_held_meanwhile_takes_no_slot_before_it_is_resumed(
    host: ControlledHost, body: ThreadPoolExecutor
) -> None:
    child: Future[None] = Future()
    waiting = body.submit(wait_without_slot, host, child)

    host.pause()
    child.set_result(None)
    held = is_waiting(waiting)
    turns_while_held = list(host.turns)
    host.resume()
    waiting.result(PATIENCE)

    assert held
    assert turns_while_held == ["waits"]
    assert host.turns == ["waits", "goes on"]


@pytest.mark.parametrize("where", ["child", "slot"])
def test_a_sync_job_that_waits_is_stopped_wherever_it_waits(
    host: ControlledHost, body: ThreadPoolExecutor, where: str
) -> None:
    child: Future[None] = Future()
    host.slot_to_come = Future()
    if where == "slot":
        child.set_result(None)
    waiting = body.submit(wait_without_slot, host, child)
    assert is_waiting(waiting)

    host.stopped.set_result(None)

    with pytest.raises(JobStopped):
        waiting.result(PATIENCE)


async def test_an_async_job_frees_its_slot_while_it_waits(host: ControlledHost) -> None:
    child: Future[None] = Future()

    async with anyio.create_task_group() as group:
        group.start_soon(wait_without_slot_async, host, child)
        await anyio.wait_all_tasks_blocked()
        turns_while_waiting = list(host.turns)
        child.set_result(None)

    assert turns_while_waiting == ["waits"]
    assert host.turns == ["waits", "goes on"]


async def test_an_async_job_that_is_held_meanwhile_waits_until_it_is_resumed(
    host: ControlledHost,
) -> None:
    child: Future[None] = Future()

    async with anyio.create_task_group() as group:
        group.start_soon(wait_without_slot_async, host, child)
        await anyio.wait_all_tasks_blocked()
        host.pause()
        child.set_result(None)
        await anyio.wait_all_tasks_blocked()
        turns_while_held = list(host.turns)
        host.resume()

    assert turns_while_held == ["waits"]
    assert host.turns == ["waits", "goes on"]


async def test_an_async_job_that_is_cancelled_takes_its_slot_back(host: ControlledHost) -> None:
    waiting = asyncio.create_task(wait_without_slot_async(host, Future()))
    await anyio.wait_all_tasks_blocked()

    waiting.cancel()

    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert host.turns == ["waits", "goes on"]


def test_a_job_that_is_neither_stopped_nor_held_goes_on(host: ControlledHost) -> None:
    stop_or_hold(host)

    assert host.turns == []


def test_a_job_that_was_told_to_stop_stops_even_while_it_is_paused(host: ControlledHost) -> None:
    host.pause()
    host.stopped.set_result(None)

    with pytest.raises(JobStopped):
        stop_or_hold(host)


def test_a_paused_sync_job_blocks_with_its_slot_free(
    host: ControlledHost, body: ThreadPoolExecutor
) -> None:
    host.pause()

    waiting = body.submit(stop_or_hold, host)
    held = is_waiting(waiting)
    host.resume()
    waiting.result(PATIENCE)

    assert held
    assert host.turns == ["paused", "goes on"]


async def test_a_paused_async_job_is_not_blocked_but_holds_where_it_awaits(
    host: ControlledHost,
) -> None:
    ended: list[Any] = []
    host.pause()

    async def body() -> None:
        stop_or_hold(host)
        ended.append("not blocked")
        await hold(host)
        ended.append("resumed")

    async with anyio.create_task_group() as group:
        group.start_soon(body)
        await anyio.wait_all_tasks_blocked()
        while_held = list(ended)
        host.resume()

    assert while_held == ["not blocked"]
    assert ended == ["not blocked", "resumed"]
    assert host.turns == ["paused", "goes on"]


async def test_an_async_job_that_is_not_paused_keeps_its_slot(host: ControlledHost) -> None:
    await hold(host)

    assert host.turns == []


def test_code_that_catches_exceptions_lets_a_stop_pass() -> None:
    assert not issubclass(JobStopped, Exception)
