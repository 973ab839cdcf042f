"""The loop of async jobs: it survives a stray JobStopped, and ends with all that runs on it."""

import asyncio
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import ContextVar
from typing import Any, cast

import pytest

from parrot_async.errors import OptionsError
from parrot_async.jobs.context import JobContext, current_context
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


Strays = list[tuple[str | None, BaseException]]


@pytest.fixture
def strays() -> Strays:
    return []


@pytest.fixture
def watched(strays: Strays) -> Iterator[JobsLoop]:
    watched = JobsLoop(lambda job, exc: strays.append((None if job is None else job.id, exc)))
    yield watched
    if watched.thread.is_alive():
        watched.stop()
    close_loop(watched.loop, watched.thread)


async def exits() -> None:
    sys.exit(3)


def interrupts() -> None:
    raise KeyboardInterrupt


def loop() -> asyncio.AbstractEventLoop:
    return asyncio.get_running_loop()


class Interrupting:
    """An exception handler that exits."""

    def __call__(self, *_: object) -> None:
        sys.exit(4)


def fails() -> None:
    raise ValueError


def handles_badly() -> None:
    loop().set_exception_handler(Interrupting())
    loop().call_soon(fails)


HARM: list[Callable[[], object]] = [
    lambda: loop().create_task(exits()),
    lambda: loop().call_soon(sys.exit),
    lambda: loop().call_later(0.001, interrupts),
    lambda: loop().call_soon(loop().stop),
    lambda: loop().stop(),
    lambda: asyncio.ensure_future(exits()),
    handles_badly,
]


@pytest.mark.parametrize("harm", HARM)
def test_no_job_ends_the_loop_and_who_tried_is_named(
    watched: JobsLoop, strays: Strays, harm: Callable[[], object]
) -> None:
    done: Future[str] = Future()

    async def job(name: str) -> None:
        current_context.set(JobContext(cast("Any", None), name))
        harm()
        await asyncio.sleep(0.02)
        done.set_result(name)

    watched.start(job, ["a"])

    assert done.result(5) == "a"
    assert [name for name, _ in strays] == ["a"]


@pytest.mark.parametrize(
    "harm",
    [
        lambda: loop().close(),
        lambda: loop().set_default_executor(ThreadPoolExecutor(1)),
    ],
)
def test_what_would_break_the_loop_for_others_is_refused(
    watched: JobsLoop, harm: Callable[[], object]
) -> None:
    done: Future[str] = Future()

    async def job(name: str) -> None:
        current_context.set(JobContext(cast("Any", None), name))
        with pytest.raises((RuntimeError, OptionsError)):
            harm()
        done.set_result(await asyncio.to_thread(str, name))

    watched.start(job, ["a"])

    assert done.result(5) == "a"


def test_a_broken_loop_is_told() -> None:
    broken: Future[JobsLoop] = Future()
    watched = JobsLoop(broken=broken.set_result)

    async def job(_: str) -> None:
        cast("Any", loop())._process_events = None

    watched.start(job, ["a"])
    told = broken.result(5)
    watched.thread.join(5)
    del cast("Any", watched.loop)._process_events
    close_loop(watched.loop, watched.thread)

    assert told is watched


def test_each_job_begins_with_a_context_of_its_own(watched: JobsLoop) -> None:
    user: ContextVar[str] = ContextVar("user", default="nobody")
    found: Future[str] = Future()

    async def second(_: str) -> None:
        found.set_result(user.get())

    async def first(name: str) -> None:
        user.set(name)
        watched.start(second, ["b"])

    watched.start(first, ["a"])

    assert found.result(5) == "nobody"
