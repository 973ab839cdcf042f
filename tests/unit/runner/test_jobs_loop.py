"""The loop of async jobs: it survives a stray JobStopped, and ends with all that runs on it."""

import asyncio
import threading
from collections.abc import Iterator
from concurrent.futures import Future

import pytest

from parrot_async.jobs.slot import JobStopped
from parrot_async.runner.jobs_loop import JobsLoop, close_loop


@pytest.fixture
def jobs_loop() -> Iterator[JobsLoop]:
    jobs_loop = JobsLoop()
    yield jobs_loop
    if jobs_loop.thread.is_alive():
        jobs_loop.stop()
    if not jobs_loop.loop.is_closed():
        close_loop(jobs_loop.loop, jobs_loop.thread)


def test_each_runs_on_the_loops_own_thread(jobs_loop: JobsLoop) -> None:
    threads: dict[int, Future[int]] = {1: Future(), 2: Future()}

    async def run(number: int) -> None:
        threads[number].set_result(threading.get_ident())

    jobs_loop.start(run, [1, 2])

    assert {future.result(5) for future in threads.values()} == {jobs_loop.thread.ident}


def test_it_goes_on_after_a_stray_exception(jobs_loop: JobsLoop) -> None:
    def raise_stopped() -> None:
        raise JobStopped

    done: Future[str] = Future()

    async def run(text: str) -> None:
        done.set_result(text)

    jobs_loop.loop.call_soon_threadsafe(raise_stopped)
    jobs_loop.start(run, ["still here"])

    assert done.result(5) == "still here"


def test_an_abandoned_loop_cancels_what_runs_lets_it_clean_up_and_ends(
    jobs_loop: JobsLoop,
) -> None:
    running: Future[None] = Future()
    cleaned: list[str] = []

    async def run(name: str) -> None:
        try:
            running.set_result(None)
            await asyncio.sleep(3600)
        finally:
            await asyncio.sleep(0.01)
            cleaned.append(name)

    jobs_loop.start(run, ["a"])
    running.result(5)
    jobs_loop.abandon()
    jobs_loop.thread.join(5)

    assert cleaned == ["a"]
    assert not jobs_loop.thread.is_alive()


def test_closing_a_stopped_loop_cancels_what_is_left(jobs_loop: JobsLoop) -> None:
    running: Future[None] = Future()
    cancelled: list[str] = []

    async def run(name: str) -> None:
        running.set_result(None)
        try:
            await asyncio.sleep(3600)
        except asyncio.CancelledError:
            cancelled.append(name)
            raise

    jobs_loop.start(run, ["a"])
    running.result(5)
    jobs_loop.stop()
    close_loop(jobs_loop.loop, jobs_loop.thread)

    assert cancelled == ["a"]
    assert jobs_loop.loop.is_closed()
