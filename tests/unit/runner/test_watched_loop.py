"""Loops of single attempts: who breaks one harms nobody else; each is closed at the end."""

import asyncio
import threading
from collections.abc import AsyncIterator
from contextvars import Context
from typing import Any, cast

import pytest
from distributed import Worker

from parrot_async.jobs.context import current_context
from parrot_async.model.models import JobId
from parrot_async.runner.execution import Execution
from parrot_async.runner.watched_loop import WatchedLoop
from parrot_async.transport.messages import Batch
from tests.unit.runner.attempts import BareRunner, batch

LIMIT = 10


class Loops:
    """The loops of a worker that has one shared attempt, "a", and one alone, "b"."""

    def __init__(self, made: Batch) -> None:
        runner = cast("Any", BareRunner())
        self.shared, self.alone = (Execution(runner, made, index) for index in range(2))
        self.executions: dict[tuple[JobId, int], Execution] = {
            (each.id, each.attempt): each for each in (self.shared, self.alone)
        }
        self.watched = WatchedLoop(self.executions, cast("Worker", None), lambda _: Context())
        self.threads: dict[str, str] = {}
        self.go_on = threading.Event()
        self.running = threading.Barrier(3)

    async def run(self, execution: Execution) -> None:
        """Note on which thread it runs, and wait."""
        self.threads[execution.id] = str(threading.get_ident())
        await asyncio.to_thread(self.running.wait, LIMIT)
        await asyncio.to_thread(self.go_on.wait, LIMIT)
        self.watched.ended(execution)

    def start(self) -> None:
        """Have both run."""
        self.watched.start(self.run, [self.shared, self.alone])
        self.running.wait(LIMIT)


@pytest.fixture
async def loops() -> AsyncIterator[Loops]:
    made = Loops(await asyncio.to_thread(batch, int, int, is_async=True, alone=("b",)))
    yield made
    made.go_on.set()
    made.watched.current.close()
    await asyncio.to_thread(made.watched.current.thread.join, LIMIT)


async def test_an_attempt_alone_has_a_loop_and_a_thread_of_its_own_until_its_end(
    loops: Loops,
) -> None:
    await asyncio.to_thread(loops.start)
    own, shared = loops.watched.of(loops.alone), loops.watched.of(loops.shared)

    loops.go_on.set()
    await asyncio.to_thread(own.thread.join, LIMIT)
    async with asyncio.timeout(LIMIT):
        while not own.loop.is_closed():  # noqa: ASYNC110 - a loop tells nobody
            await asyncio.sleep(0.002)

    assert own is not shared
    assert len(set(loops.threads.values())) == 2
    assert (loops.alone.loop, loops.shared.loop) == (own.loop, shared.loop)
    assert shared is loops.watched.current
    assert shared.thread.is_alive()
    assert loops.watched.of(loops.alone) is shared


async def test_a_job_that_hands_its_slot_on_may_start_an_attempt_alone(loops: Loops) -> None:
    token = current_context.set(loops.shared.host.context)
    try:
        await asyncio.to_thread(loops.start)
    finally:
        current_context.reset(token)

    assert set(loops.threads) == {"a", "b"}


async def test_a_loop_alone_that_breaks_ends_its_own_attempt_only(loops: Loops) -> None:
    await asyncio.to_thread(loops.start)
    own, shared = loops.watched.of(loops.alone), loops.watched.current

    vars(own.loop)["_process_events"] = None
    own.loop.call_soon_threadsafe(int)
    async with asyncio.timeout(LIMIT):
        while not loops.alone.over:  # noqa: ASYNC110 - it tells nobody
            await asyncio.sleep(0.002)

    assert not loops.shared.over
    assert loops.watched.current is shared
    assert shared.thread.is_alive()
