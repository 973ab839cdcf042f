"""Where a body runs, and that an interruption hits it and nobody else."""

import asyncio
import sys
import threading
import time
from contextlib import suppress

import pytest

from parrot_async.jobs.slot import JobStopped
from parrot_async.runner.body import RunningBody
from parrot_async.runner.jobs_loop import JobsLoop, close_loop


def interrupt(body: RunningBody, lock: threading.Lock, loop_thread: int | None = None) -> None:
    with lock:
        body.interrupt(loop_thread)


def test_an_interruption_is_raised_in_the_bodys_thread() -> None:
    lock, ended = threading.Lock(), threading.Event()
    body, entered = RunningBody(lock), threading.Event()

    def work() -> None:
        body.enter_thread()
        entered.set()
        try:
            while True:
                time.sleep(0.001)
        except JobStopped:
            ended.set()

    thread = threading.Thread(target=work)
    thread.start()
    entered.wait(5)
    interrupt(body, lock)
    thread.join(5)

    assert ended.is_set()


def test_a_thread_that_the_body_has_left_is_not_interrupted() -> None:
    lock = threading.Lock()
    body = RunningBody(lock)

    body.enter_thread()
    interrupt_later = threading.Thread(target=interrupt, args=(body, lock))
    body.leave_thread()
    interrupt_later.start()
    interrupt_later.join(5)
    time.sleep(0.001)

    assert not body.blocks_loop()


def test_an_interruption_on_its_way_ends_with_the_body() -> None:
    """It may hit while the body leaves, never after."""
    hits: list[int] = []
    for number in range(50):
        lock, entered = threading.Lock(), threading.Event()
        body = RunningBody(lock)

        def work(body: RunningBody = body, entered: threading.Event = entered) -> None:
            try:
                try:
                    body.enter_thread()
                    entered.set()
                finally:
                    body.leave_thread()
            except JobStopped:
                return
            try:
                sum(range(1000))
            except JobStopped:
                hits.append(number)  # noqa: B023 - it runs within this turn

        thread = threading.Thread(target=work)
        thread.start()
        entered.wait(5)
        interrupt(body, lock)
        thread.join(5)

    assert hits == []


async def test_cancel_cancels_the_task() -> None:
    body = RunningBody(threading.Lock())

    async def work() -> None:
        body.enter_task()
        await asyncio.sleep(3600)

    task = asyncio.create_task(work())
    await asyncio.sleep(0)
    body.cancel()

    with pytest.raises(asyncio.CancelledError):
        await task


def test_what_never_ran_is_neither_cancelled_nor_interrupted() -> None:
    lock = threading.Lock()
    body = RunningBody(lock)

    body.cancel()
    interrupt(body, lock, threading.get_ident())
    time.sleep(0.001)

    assert not body.blocks_loop()


def spin(until: float) -> None:
    while time.monotonic() < until:
        pass


def test_a_body_that_blocks_the_loop_is_interrupted_in_the_loops_thread() -> None:
    jobs_loop, lock = JobsLoop(), threading.Lock()
    body, blocking, ended = RunningBody(lock), threading.Event(), threading.Event()

    async def work(_: None) -> None:
        body.enter_task()
        until = time.monotonic() + 20
        blocking.set()
        try:
            spin(until)  # in 3.13 a jump back to the head of `try` is in none of its handlers
        except JobStopped:
            ended.set()

    jobs_loop.start(work, [None])
    blocking.wait(5)
    blocked = body.blocks_loop()
    interrupt(body, lock, jobs_loop.thread.ident)
    ended.wait(5)
    jobs_loop.stop()
    close_loop(jobs_loop.loop, jobs_loop.thread)

    assert blocked
    assert ended.is_set()


@pytest.mark.parametrize("is_late", [True, False])
def test_a_thread_that_is_traced_goes_on_after_an_interruption(is_late: bool) -> None:
    """Python 3.11 stays for ever in a traced call where an exception was taken back."""
    lock = threading.Lock()
    body, entered, went_on = RunningBody(lock), threading.Event(), threading.Event()

    def work() -> None:
        body.enter_thread()
        with suppress(JobStopped):
            entered.set()
            if is_late:
                time.sleep(0.05)
            else:
                spin(time.monotonic() + 5)
        body.leave_thread()
        sys.settrace(lambda *_: None)
        spin(0)
        sys.settrace(None)
        went_on.set()

    threading.Thread(target=work, daemon=True).start()
    entered.wait(5)
    interrupt(body, lock)

    assert went_on.wait(20)
