"""Jobs are stopped at once, by their own code, or by force; the first reason stands."""

from typing import Any

import pytest
from anyio import sleep

from parrot_async.errors import ErrorInfo
from parrot_async.model.models import JobStatus
from parrot_async.service.engine.state import TrackedJob
from tests.unit.service.engine.parts import BROKEN, WORKER, Engine, asked, plan, turns


async def running(engine: Engine, slots: int = 1, **spec: Any) -> TrackedJob:
    engine.dispatch.add_worker(WORKER, ["cpu"], slots)
    job = await engine.submit(asked("a", **spec))
    await engine.started(job)
    return job


async def test_a_job_that_has_not_started_ends_at_once(engine: Engine) -> None:
    job = await engine.submit(asked("a"))

    assert engine.executor.stopping.cancel("a")

    assert job.state == "ended"
    await turns()
    assert engine.status("a") is JobStatus.CANCELLED
    assert engine.workers.controls == []


async def test_a_job_that_has_ended_cannot_be_cancelled(engine: Engine) -> None:
    engine.dispatch.add_worker(WORKER, ["cpu"], 1)
    await engine.run(await engine.submit(asked("a")))

    assert not engine.executor.stopping.cancel("a")

    assert await engine.kinds("a") == ["submitted", "started", "completed"]


async def test_a_running_job_is_told_and_ends_when_its_code_does(engine: Engine) -> None:
    job = await running(engine)

    engine.executor.stopping.cancel("a")
    before = job.state
    await engine.failed(job)

    assert engine.workers.told("stop") == [("a", 1, "cancelled", "it was cancelled")]
    assert before == "running"
    assert engine.status("a") is JobStatus.CANCELLED


async def test_a_result_counts_although_the_job_was_told_to_stop(engine: Engine) -> None:
    job = await running(engine)

    engine.executor.stopping.cancel("a")
    await engine.completed(job)

    assert engine.status("a") is JobStatus.COMPLETED


async def test_a_cancel_takes_all_below_along(engine: Engine) -> None:
    job = await running(engine, slots=4)
    await engine.children(job, b"1", b"2")
    await engine.started(engine.job("a.0"))
    await engine.children(engine.job("a.0"), b"3")

    engine.executor.stopping.cancel("a")

    told = [(job_id, kind) for job_id, _, kind, _ in engine.workers.told("stop")]
    assert sorted(told) == [
        ("a", "cancelled"),
        ("a.0", "cancelled_by_parent"),
        ("a.0.0", "cancelled_by_parent"),
        ("a.1", "cancelled_by_parent"),
    ]


async def test_the_first_reason_stands(engine: Engine) -> None:
    job = await running(engine)

    engine.executor.stopping.cancel("a")
    engine.executor.stopping.stop(job, ErrorInfo("children", "a child failed"))
    await engine.failed(job)

    error = engine.error("a")
    assert error is not None
    assert error.kind == "cancelled"


async def test_a_timeout_is_retried(engine: Engine) -> None:
    job = await running(engine, timeout=0.02, retry={"retries": 1, "first": 0.0})

    await sleep(0.05)
    await engine.failed(job)

    assert [kind for _, _, kind, _ in engine.workers.told("stop")] == ["timeout"]
    assert (job.state, job.attempt) == ("sent", 2)


async def test_a_cancel_after_a_timeout_prevents_the_retry(engine: Engine) -> None:
    job = await running(engine, timeout=0.02, retry={"retries": 1, "first": 0.0})

    await sleep(0.05)
    engine.executor.stopping.cancel("a")
    await engine.failed(job)

    assert [kind for _, _, kind, _ in engine.workers.told("stop")] == ["timeout", "cancelled"]
    assert engine.status("a") is JobStatus.CANCELLED


async def test_a_timeout_names_the_seconds(engine: Engine) -> None:
    job = await running(engine, timeout=0.02)

    await sleep(0.05)
    await engine.failed(job)

    error = engine.error("a")
    assert error is not None
    assert error.message == "it ran longer than its timeout of 0.02s"


async def test_code_that_does_not_stop_costs_a_worker_of_one_slot(engine: Engine) -> None:
    engine.workers.nannies.add(WORKER)
    job = await running(engine, grace=0.0)

    engine.executor.stopping.cancel("a")
    await sleep(0.01)

    assert engine.workers.killed == [WORKER]
    assert job.state == "ended"
    kinds = await engine.kinds("a")
    assert kinds == ["submitted", "started", "cancel_requested", "attempt_failed", "cancelled"]


@pytest.mark.parametrize(("slots", "nanny"), [(2, True), (1, False)])
async def test_code_that_does_not_stop_is_abandoned_where_killing_would_harm(
    engine: Engine, slots: int, nanny: bool
) -> None:
    if nanny:
        engine.workers.nannies.add(WORKER)
    job = await running(engine, slots, grace=0.0)

    engine.executor.stopping.cancel("a")
    await sleep(0.01)

    assert engine.workers.killed == []
    assert engine.workers.told("abandon") == [("a", 1)]
    assert job.state == "ended"


async def test_a_kill_is_not_held_against_those_beside(engine: Engine) -> None:
    engine.workers.nannies.add(WORKER)
    parent = await running(engine)
    await engine.waiting(parent)
    await engine.children(parent, b"1", grace=0.0)
    await engine.started(engine.job("a.0"))

    engine.executor.stopping.cancel("a.0")
    await sleep(0.01)

    assert (parent.state, parent.lost, parent.unstarted) == ("ready", 0, 0)
    # The next attempt finds the child that took its worker along, and does not run it again.
    assert parent.unclaimed is not None
    assert engine.status("a.0") is JobStatus.CANCELLED


async def test_who_stops_in_time_is_not_killed(engine: Engine) -> None:
    engine.workers.nannies.add(WORKER)
    job = await running(engine, grace=0.02)

    engine.executor.stopping.cancel("a")
    await engine.failed(job)
    await sleep(0.04)

    assert engine.workers.killed == []


async def test_a_cancel_overtakes_a_result_that_waits_for_children(engine: Engine) -> None:
    parent = await running(engine, slots=2)
    (child_id,) = await engine.children(parent, b"1")
    child = engine.job(child_id)
    await engine.started(child)
    await engine.completed(parent)
    before = parent.state

    engine.executor.stopping.cancel("a")
    await engine.failed(child)

    assert before == "draining"
    assert engine.status("a") is JobStatus.CANCELLED
    assert await engine.ends("a") == ["a.0", "a"]


async def test_a_plan_is_cancelled_after_its_running_children(engine: Engine) -> None:
    engine.dispatch.add_worker(WORKER, ["cpu"], 1)
    root = await engine.submit(plan("p", 2), asked("p.0", "p.1", parent="p"))
    child = engine.job("p.0")
    await engine.started(child)

    engine.executor.stopping.cancel("p")
    before = root.state
    await engine.failed(child, error=BROKEN)

    assert before == "draining"
    assert await engine.ends("p") == ["p.1", "p.0", "p"]
