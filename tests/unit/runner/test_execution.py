"""One attempt: what is told of its start and its end, and how it is stopped."""

import asyncio
import threading
import time
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import pytest

from parrot_async import current_job
from parrot_async.errors import ErrorInfo
from parrot_async.jobs.slot import JobStopped
from parrot_async.model import events
from parrot_async.runner.execution import ASTRAY, Execution
from parrot_async.settings.failpoints import faults
from parrot_async.transport.outcome import Outcome
from parrot_async.transport.pickling import load_value
from parrot_async.transport.raised import MOST_BYTES, load_error
from parrot_async.transport.wire import INLINE
from tests.unit.runner.attempts import BareRunner

CANCELLED = ErrorInfo("cancelled", "somebody cancelled it")


def kinds(runner: BareRunner) -> list[str]:
    return [event.kind for event in runner.told()]


def end_of(runner: BareRunner) -> events.Completed | events.AttemptFailed:
    end = runner.told()[-1]
    assert isinstance(end, events.Completed | events.AttemptFailed)
    return end


def error_of(runner: BareRunner) -> ErrorInfo:
    end = end_of(runner)
    assert isinstance(end, events.AttemptFailed)
    return end.errors[0]


async def in_thread(execution: Execution) -> bool:
    return await asyncio.to_thread(execution.run_in_thread)


async def until_started(execution: Execution) -> None:
    while not execution.started:  # noqa: ASYNC110 - it tells nobody
        await asyncio.sleep(0.001)


class UnpicklableError(Exception):
    def __reduce__(self) -> str:
        raise TypeError("it stays here")


# Returning.


async def test_a_job_that_returns_is_told_as_started_and_completed_and_is_over() -> None:
    runner = BareRunner()
    execution = await runner.execution(pow, calls=[((2, 10), {})])

    is_over = await in_thread(execution)

    records = runner.outbox.flush()
    assert [events.load(record.body).kind for record in records] == ["started", "completed"]
    assert load_value(records[-1].blobs[0] or b"") == 1024
    assert is_over
    assert runner.over == ["a"]
    assert runner.closed == [execution.host.context]


async def test_a_big_result_goes_to_the_result_folder_and_only_its_url_travels(
    tmp_path: Path,
) -> None:
    runner = BareRunner(tmp_path.as_uri())
    execution = await runner.execution(bytes, calls=[((2 * INLINE,), {})])

    await in_thread(execution)

    record = runner.outbox.flush()[-1]
    end = events.load(record.body)
    assert isinstance(end, events.Completed)
    assert record.blobs == (None,)
    assert end.results[0].url == f"{tmp_path.as_uri()}/a.1.pickle"
    assert load_value((tmp_path / "a.1.pickle").read_bytes()) == bytes(2 * INLINE)


async def test_an_async_job_runs_on_the_loop() -> None:
    async def add(left: int, right: int) -> int:
        await asyncio.sleep(0)
        return left + right

    runner = BareRunner()
    execution = await runner.execution(add, calls=[((1, 2), {})], is_async=True)

    await execution.run()

    record = runner.outbox.flush()[-1]
    assert load_value(record.blobs[0] or b"") == 3


async def test_a_plain_function_that_is_said_to_be_async_returns_all_the_same() -> None:
    runner = BareRunner()
    execution = await runner.execution(pow, calls=[((2, 3), {})], is_async=True)

    await execution.run()

    assert kinds(runner) == ["started", "completed"]


async def test_a_sync_function_that_returns_a_coroutine_goes_on_on_the_loop() -> None:
    async def answer() -> int:
        return 42

    def call() -> Any:
        return answer()

    runner = BareRunner()
    execution = await runner.execution(call)

    is_over = await in_thread(execution)
    await execution.run(runner.coroutines[0][1])

    assert not is_over
    assert kinds(runner) == ["started", "completed"]


@pytest.mark.parametrize("is_async", [False, True])
async def test_a_body_runs_with_its_own_context(is_async: bool) -> None:
    def me() -> str:
        return current_job().id

    async def me_async() -> str:
        return current_job().id

    runner = BareRunner()
    execution = await runner.execution(me_async if is_async else me, is_async=is_async)

    await (asyncio.create_task(execution.run()) if is_async else in_thread(execution))

    assert load_value(runner.outbox.flush()[-1].blobs[0] or b"") == "a"
    assert current_job().id == ""


async def test_an_attempt_ends_after_the_children_that_its_body_left_running() -> None:
    def leave() -> str:
        current_job().submit(print)
        return "left"

    runner = BareRunner()
    execution = await runner.execution(leave)
    end: Future[Outcome] = Future()

    running = asyncio.create_task(in_thread(execution))
    while not runner.asked:  # noqa: ASYNC110 - it tells nobody
        await asyncio.sleep(0.001)
    runner.accept(execution.host, end)
    await asyncio.sleep(0.02)
    over_before = list(runner.over)
    end.set_result(Outcome.of_error(ValueError("that is the body's affair")))
    await running

    assert over_before == []
    assert runner.over == ["a"]
    assert kinds(runner)[-1] == "completed"


# Raising.


@pytest.mark.parametrize("is_async", [False, True])
async def test_an_error_is_told_with_its_type_and_travels_itself(is_async: bool) -> None:
    def fail() -> None:
        raise ValueError("broken")

    async def fail_async() -> None:
        raise ValueError("broken")

    runner = BareRunner()
    execution = await runner.execution(fail_async if is_async else fail, is_async=is_async)

    await (execution.run() if is_async else in_thread(execution))

    record = runner.outbox.flush()[-1]
    end = events.load(record.body)
    assert isinstance(end, events.AttemptFailed)
    assert (end.errors[0].type_name, end.errors[0].message) == ("ValueError", "broken")
    assert "parrot_async/runner" not in end.errors[0].traceback
    assert repr(load_value(record.blobs[0] or b"")) == "ValueError('broken')"


async def test_of_an_error_that_cannot_be_pickled_comes_its_type() -> None:
    def fail() -> None:
        raise UnpicklableError("broken")

    runner = BareRunner()
    await in_thread(await runner.execution(fail))

    record = runner.outbox.flush()[-1]
    assert isinstance(load_error(record.blobs[0] or b""), UnpicklableError)
    assert b"broken" in record.body


async def test_a_huge_error_is_cut() -> None:
    def fail() -> None:
        raise ValueError("x" * 2 * MOST_BYTES)

    runner = BareRunner()
    await in_thread(await runner.execution(fail))

    data = runner.outbox.flush()[-1].blobs[0] or b""
    assert len(data) < INLINE
    assert isinstance(load_error(data), ValueError)


async def test_a_result_that_cannot_be_pickled_fails_the_attempt() -> None:
    runner = BareRunner()

    await in_thread(await runner.execution(threading.Lock))

    assert error_of(runner).type_name == "SerializationError"
    assert runner.over == ["a"]


async def test_a_body_that_exits_the_interpreter_fails() -> None:
    def leave() -> None:
        raise SystemExit(1)

    runner = BareRunner()
    await in_thread(await runner.execution(leave))

    assert error_of(runner).type_name == "SystemExit"


async def test_a_fault_at_the_end_of_a_result_fails_the_attempt() -> None:
    runner = BareRunner()
    execution = await runner.execution(pow, calls=[((2, 10), {})])

    with faults("result_written:1:raise=OSError"):
        await in_thread(execution)

    assert error_of(runner).type_name == "OSError"


async def test_a_coroutine_that_cancels_itself_has_failed() -> None:
    async def give_up() -> None:
        raise asyncio.CancelledError

    runner = BareRunner()
    await (await runner.execution(give_up, is_async=True)).run()

    assert error_of(runner).type_name == "CancelledError"


# Stopping.


async def test_what_is_stopped_before_its_start_never_runs() -> None:
    runner = BareRunner()
    execution = await runner.execution(pow)

    never_starts = execution.stop(CANCELLED)
    await in_thread(execution)

    assert never_starts
    assert error_of(runner) == CANCELLED
    assert not execution.started
    assert runner.over == ["a"]


@pytest.mark.parametrize("is_async", [False, True])
async def test_what_is_withdrawn_never_runs_and_nothing_is_told(is_async: bool) -> None:
    runner = BareRunner()
    execution = await runner.execution(pow, is_async=is_async)

    first, second = execution.withdraw(), execution.withdraw()
    await (execution.run() if is_async else in_thread(execution))

    assert (first, second) == (True, False)
    assert runner.told() == []
    assert runner.over == ["a"]


async def test_what_has_started_cannot_be_withdrawn() -> None:
    runner = BareRunner()
    execution = await runner.execution(pow, calls=[((2, 10), {})])
    await in_thread(execution)

    assert not execution.withdraw()
    assert not execution.stop(CANCELLED)
    assert end_of(runner).kind == "completed"


async def test_a_sync_job_stops_at_its_next_checkpoint() -> None:
    def work() -> None:
        while True:
            current_job().checkpoint()
            time.sleep(0.001)

    runner = BareRunner()
    execution = await runner.execution(work)
    running = asyncio.create_task(in_thread(execution))
    await until_started(execution)

    never_starts = execution.stop(CANCELLED)
    await running

    assert not never_starts
    assert error_of(runner) == CANCELLED


async def test_a_sync_job_that_reaches_no_checkpoint_is_forced() -> None:
    def spin() -> None:
        while True:
            time.sleep(0.001)

    runner = BareRunner()
    execution = await runner.execution(spin)
    running = asyncio.create_task(in_thread(execution))
    await until_started(execution)

    execution.stop(CANCELLED)
    while not running.done():
        execution.force(None)
        await asyncio.sleep(0.01)

    assert error_of(runner) == CANCELLED


async def test_an_async_job_is_cancelled_where_it_awaits() -> None:
    async def wait() -> None:
        await asyncio.sleep(3600)

    runner = BareRunner()
    execution = await runner.execution(wait, is_async=True)
    running = asyncio.create_task(execution.run())
    await until_started(execution)
    await asyncio.sleep(0)

    execution.stop(CANCELLED)
    await running

    assert error_of(runner) == CANCELLED


async def test_a_stop_between_the_call_and_the_loop_is_not_lost() -> None:
    ran: list[str] = []

    async def body() -> None:
        ran.append("here")

    def call() -> Any:
        return body()

    runner = BareRunner()
    execution = await runner.execution(call)
    await in_thread(execution)

    execution.stop(CANCELLED)
    await execution.run(runner.coroutines[0][1])
    runner.coroutines[0][1].close()

    assert error_of(runner) == CANCELLED
    assert ran == []


async def test_the_last_reason_counts_and_the_job_is_told_once() -> None:
    def wait() -> None:
        host.stopped.result()
        current_job().checkpoint()

    runner = BareRunner()
    execution = await runner.execution(wait)
    host = execution.host
    timeout = ErrorInfo("timeout", "it took too long")
    execution.started = True

    execution.stop(CANCELLED)
    execution.stop(timeout)

    assert host.stopped.done()
    assert execution.reason == timeout


async def test_an_exception_meant_for_another_job_counts_as_a_loss() -> None:
    def hit() -> None:
        raise JobStopped

    runner = BareRunner()
    await in_thread(await runner.execution(hit))

    assert error_of(runner) == ASTRAY


async def test_an_abandoned_job_frees_its_slot_and_what_it_does_later_counts_no_more() -> None:
    runner = BareRunner()
    execution = await runner.execution(pow, calls=[((2, 10), {})])
    following = await runner.execution(pow)

    execution.abandon()

    assert runner.started == [execution, following]
    assert runner.over == ["a"]
    assert execution.host.take_slot() is None
    assert not execution.host.has_slot


async def test_an_execution_that_failed_from_outside_is_over_once() -> None:
    runner = BareRunner()
    execution = await runner.execution(pow)

    execution.fail(ErrorInfo("lost", "its function did not come"))
    execution.abandon()

    assert error_of(runner).kind == "lost"
    assert runner.over == ["a"]
