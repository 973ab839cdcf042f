"""Jobs that no worker can run fail when their pool has lacked workers for long enough."""

import asyncio
import time

from parrot_async.service.engine.state import TrackedJob
from tests.unit.service.engine.parts import WORKER, Engine, asked, turns

PATIENCE = 0.6


async def ended(job: TrackedJob) -> float:
    """Wait for a job's end, and return when that was."""
    async with asyncio.timeout(10):
        while job.state != "ended":  # noqa: ASYNC110 - a state tells nobody
            await asyncio.sleep(0.01)
    return time.monotonic()


async def test_a_job_that_no_worker_can_run_fails_after_a_while(engine: Engine) -> None:
    engine.patience = 0.0

    await engine.admission.from_client([asked("a", pool="gpu")], {})
    await turns()

    error = engine.error("a")
    assert error is not None
    assert error.kind == "unschedulable"
    assert "no worker offers 'gpu'" in error.message


async def test_a_job_that_waits_for_workers_is_not_given_up(engine: Engine) -> None:
    engine.patience = 0.0
    engine.dispatch.add_worker(WORKER, ["cpu"], 1)
    patient = await engine.submit(asked("a", wait_for_workers=True, pool="gpu"))

    await engine.admission.from_client([asked("b", pool="gpu")], {})
    await turns()

    assert patient.state == "ready"
    assert "b" not in engine.executor.jobs


async def test_the_time_of_a_queued_job_begins_when_the_last_worker_left(engine: Engine) -> None:
    engine.patience = PATIENCE
    job = await engine.submit(asked("a"))
    engine.dispatch.add_worker(WORKER, ["cpu"], 1)
    other = await engine.submit(asked("b"))
    await asyncio.sleep(0.7 * PATIENCE)

    await engine.lose(WORKER)
    left = time.monotonic()

    assert await ended(job) - left >= 0.9 * PATIENCE
    await ended(other)


async def test_a_pool_that_comes_and_goes_keeps_its_jobs(engine: Engine) -> None:
    engine.patience = PATIENCE
    job = await engine.submit(asked("a"))
    others = [await engine.submit(asked(name)) for name in ("b", "c")]

    for _ in range(4):
        engine.dispatch.add_worker(WORKER, ["cpu"], 1)
        await engine.lose(WORKER)
        await asyncio.sleep(0.6 * PATIENCE)

    assert [one.state for one in (job, *others)] == ["ready"] * 3


async def test_a_worker_that_comes_back_in_time_runs_what_waited(engine: Engine) -> None:
    engine.patience = PATIENCE
    job = await engine.submit(asked("a"))
    await asyncio.sleep(0.5 * PATIENCE)

    engine.dispatch.add_worker(WORKER, ["cpu"], 1)
    await asyncio.sleep(PATIENCE)

    assert job.state == "sent"


async def test_a_job_that_asks_for_more_slots_than_are_left_fails_too(engine: Engine) -> None:
    engine.patience = PATIENCE
    engine.dispatch.add_worker(WORKER, ["cpu"], 1)
    engine.dispatch.add_worker("tcp://b", ["cpu"], 1)
    busy = [await engine.submit(asked(name)) for name in ("x", "y")]
    wide = await engine.submit(asked("a", slots=2))

    await engine.lose("tcp://b")

    await ended(wide)
    error = engine.error("a")
    assert error is not None
    assert "asks for 2 slots" in error.message
    assert busy[0].state == "sent"
