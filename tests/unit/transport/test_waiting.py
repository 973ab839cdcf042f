"""How a wait for a job ends by an error, and how it is cancelled."""

import asyncio
import traceback

import anyio
import pytest

from parrot_async.transport.outcome import Outcome
from parrot_async.transport.outcome import error_info as described
from parrot_async.transport.pickling import dump_value
from parrot_async.transport.waiting import JobWait


async def waits(seconds: float = 60) -> None:
    """Wait as a handle does."""
    with JobWait("Job r goes on", "await handle"):
        await asyncio.sleep(seconds)


def fails() -> None:
    raise ValueError("on purpose")


def failed() -> Outcome:
    """Return the outcome of a job that has failed on a worker."""
    try:
        fails()
    except ValueError as exc:
        return Outcome("r", dump_value(exc), error=described(exc))
    raise AssertionError


async def raises() -> None:
    """Wait for a job that has failed."""
    with JobWait("Job r goes on", "await handle"):
        failed().value()


def shown(exc: BaseException) -> str:
    return "".join(traceback.format_exception(exc))


async def test_an_error_comes_out_with_its_own_frames_and_none_of_ours() -> None:
    with pytest.raises(ValueError, match="on purpose") as raised:
        await raises()

    text = shown(raised.value)
    assert "in fails" in text
    assert "outcome.py" not in text
    # The coroutine that holds the block leaves no frame either.
    assert "in raises" in text


async def test_a_cancelled_wait_says_that_the_job_goes_on() -> None:
    task = asyncio.create_task(waits())
    await asyncio.sleep(0)
    task.cancel()

    with pytest.raises(asyncio.CancelledError) as raised:
        await task

    said = "Stopped waiting. Job r goes on; `await handle` waits again."
    assert type(raised.value) is asyncio.CancelledError
    assert str(raised.value) == said
    assert task.cancelled()


async def test_a_message_of_who_cancels_stays() -> None:
    task = asyncio.create_task(waits())
    await asyncio.sleep(0)
    task.cancel("by me")

    with pytest.raises(asyncio.CancelledError, match="by me"):
        await task


async def test_timeouts_and_groups_cancel_as_ever() -> None:
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.01):
            await waits()
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(waits(), 0.01)
    with pytest.raises(TimeoutError):
        with anyio.fail_after(0.01):
            await waits()
    current = asyncio.current_task()
    assert current is not None
    assert current.cancelling() == 0
    with pytest.raises(ExceptionGroup) as raised:  # noqa: PT012 - the group raises at its end
        async with asyncio.TaskGroup() as group:
            group.create_task(waits())
            group.create_task(raises())
    assert [type(one) for one in raised.value.exceptions] == [ValueError]


async def test_a_wait_that_ends_well_changes_nothing() -> None:
    with JobWait("", ""):
        found = await asyncio.sleep(0, "value")

    assert found == "value"


async def test_an_error_of_a_job_without_python_code_comes_without_frames() -> None:
    outcome = Outcome(
        "r", dump_value(ValueError("math domain error")), error=described(ValueError())
    )

    async def waits_for_it() -> None:
        with JobWait("", ""):
            outcome.value()

    with pytest.raises(ValueError, match="math domain") as raised:
        await waits_for_it()

    assert "outcome.py" not in shown(raised.value)
