"""Threads that a job starts have its context, however they are started; others have none."""

import _thread
import asyncio
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import copy_context
from multiprocessing.pool import ThreadPool
from typing import Any, cast

import pytest

from parrot_async.jobs.context import JobContext, current_context
from parrot_async.runner import threads

Seen = JobContext | None


@pytest.fixture(autouse=True)
def installed() -> Iterator[None]:
    threads.install()
    yield
    threads.remove()


@pytest.fixture
def job() -> JobContext:
    return JobContext(cast("Any", None), "a")


def seen() -> Seen:
    return current_context.get(None)


def by_thread() -> Seen:
    found: list[Seen] = []
    thread = threading.Thread(target=lambda: found.append(seen()))
    thread.start()
    thread.join()
    return found[0]


class Own(threading.Thread):
    """A thread whose class says what it does."""

    found: Seen = None

    def run(self) -> None:
        self.found = seen()


def by_class() -> Seen:
    thread = Own()
    thread.start()
    thread.join()
    return thread.found


def by_timer() -> Seen:
    found: list[Seen] = []
    timer = threading.Timer(0, lambda: found.append(seen()))
    timer.start()
    timer.join()
    return found[0]


def by_low_level() -> Seen:
    found: Future[Seen] = Future()
    _thread.start_new_thread(lambda: found.set_result(seen()), ())
    return found.result(5)


def by_pool() -> Seen:
    with ThreadPoolExecutor(2) as pool:
        return pool.submit(seen).result(5)


def by_map() -> Seen:
    with ThreadPoolExecutor(2) as pool:
        return list(pool.map(lambda _: seen(), range(3)))[-1]


def by_thread_in_thread() -> Seen:
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(by_thread).result(5)


def by_multiprocessing() -> Seen:
    with ThreadPool(2) as pool:
        return pool.apply(seen)


def by_loop() -> Seen:
    async def main() -> Seen:
        return await asyncio.get_running_loop().run_in_executor(None, seen)

    return asyncio.run(main())


WAYS = [
    by_thread,
    by_class,
    by_timer,
    by_low_level,
    by_pool,
    by_map,
    by_thread_in_thread,
    by_multiprocessing,
    by_loop,
]


def inside(job: JobContext, body: Callable[[], Seen]) -> Seen:
    """Call a body as a job would."""

    def call() -> Seen:
        current_context.set(job)
        return body()

    return copy_context().run(call)


@pytest.mark.parametrize("way", WAYS)
def test_a_thread_belongs_to_the_job_that_starts_it(
    way: Callable[[], Seen], job: JobContext
) -> None:
    assert inside(job, way) is job


@pytest.mark.parametrize("way", WAYS)
def test_a_thread_that_no_job_starts_belongs_to_none(way: Callable[[], Seen]) -> None:
    assert way() is None


def test_a_pool_that_outlives_a_job_works_for_who_submits(job: JobContext) -> None:
    other = JobContext(cast("Any", None), "b")

    with ThreadPoolExecutor(1) as pool:
        first = inside(job, lambda: pool.submit(seen).result(5))
        second = inside(other, lambda: pool.submit(seen).result(5))
        outside = pool.submit(seen).result(5)

    assert (first, second, outside) == (job, other, None)


def test_the_processes_own_methods_come_back_after_the_last_removal() -> None:
    ours = threading.Thread.start, ThreadPoolExecutor.submit, _thread.start_new_thread

    threads.install()
    threads.remove()
    kept = threading.Thread.start, ThreadPoolExecutor.submit, _thread.start_new_thread
    threads.remove()
    left = threading.Thread.start, ThreadPoolExecutor.submit, _thread.start_new_thread
    threads.install()

    assert kept == ours
    assert all(one is not other for one, other in zip(left, ours, strict=True))
