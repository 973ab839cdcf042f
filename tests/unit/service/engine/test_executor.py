"""Jobs are accepted, start as soon as they can, and their attempts are heard of."""

import asyncio

import pytest

from parrot_async.errors import ErrorInfo, JobNotFoundError
from parrot_async.model.models import JobStatus
from tests.unit.service.engine.parts import WORKER, Engine, asked, plan, turns


async def test_a_job_goes_from_blocked_to_ended(engine: Engine) -> None:
    engine.dispatch.add_worker(WORKER, ["cpu"], 1)
    job = await engine.submit(asked("j"))
    seen = [job.state]

    await engine.started(job)
    seen.append(job.state)
    await engine.completed(job, value=1)
    seen.append(job.state)

    assert seen == ["sent", "running", "ended"]
    assert engine.executor.jobs == {}
    assert await engine.kinds("j") == ["submitted", "started", "completed"]
    assert engine.workers.resting == [WORKER]


async def test_a_parent_that_waits_gives_its_slot_to_others(engine: Engine) -> None:
    engine.dispatch.add_worker(WORKER, ["cpu"], 1)
    first = await engine.submit(asked("a"))
    second = await engine.submit(asked("b"))
    await engine.started(first)
    before = second.state

    await engine.waiting(first)

    assert (before, second.state) == ("ready", "sent")


async def test_who_goes_on_takes_its_slot_again(engine: Engine) -> None:
    engine.dispatch.add_worker(WORKER, ["cpu"], 1)
    job = await engine.submit(asked("a"))
    await engine.started(job)
    await engine.waiting(job)
    await engine.continued(job)

    other = await engine.submit(asked("b"))

    assert (job.state, other.state) == ("running", "ready")


async def test_a_wait_that_is_reported_before_the_start_leaves_the_slot_free(
    engine: Engine,
) -> None:
    engine.dispatch.add_worker(WORKER, ["cpu"], 1)
    job = await engine.submit(asked("a"))

    await engine.waiting(job)
    await engine.started(job)

    assert job.state == "waiting"
    assert engine.dispatch.pools["cpu"].members[WORKER].attempts == 0


async def test_a_repeated_start_changes_no_state(engine: Engine) -> None:
    engine.dispatch.add_worker(WORKER, ["cpu"], 1)
    job = await engine.submit(asked("a"))

    await engine.started(job)
    await engine.started(job)

    assert job.state == "running"


async def test_a_job_starts_when_what_it_needs_has_completed(engine: Engine) -> None:
    engine.dispatch.add_worker(WORKER, ["cpu"], 2)
    await engine.submit(
        plan("p", 2), asked("p.0", parent="p"), asked("p.1", parent="p", needs=["p.0"])
    )
    first, second = engine.job("p.0"), engine.job("p.1")
    before = second.state

    await engine.run(first)
    while second.state == "loading":
        await turns()

    assert (before, second.state) == ("blocked", "sent")
    assert set(engine.workers.batches[-1]["values"]) == {"p.0"}


async def test_a_job_that_needs_one_that_failed_fails_too(engine: Engine) -> None:
    engine.dispatch.add_worker(WORKER, ["cpu"], 2)
    await engine.submit(asked("a"), asked("b", needs=["a"]))
    needed = engine.job("a")
    await engine.started(needed)

    await engine.failed(needed)

    error = engine.error("b")
    assert error is not None
    assert error.kind == "dependency"
    assert engine.executor.jobs == {}


async def test_a_chain_of_a_thousand_ends_with_its_first(engine: Engine) -> None:
    engine.dispatch.add_worker(WORKER, ["cpu"], 1)
    chain = [asked("c.0", parent="c")]
    chain += [asked(f"c.{n}", parent="c", needs=[f"c.{n - 1}"]) for n in range(1, 1000)]
    await engine.submit(plan("c", 1000, on_failure="collect"), *chain)
    first = engine.job("c.0")
    await engine.started(first)

    await engine.failed(first)
    await turns(2000)

    assert engine.executor.jobs == {}


async def test_children_of_a_sequential_plan_run_one_after_the_other(engine: Engine) -> None:
    engine.dispatch.add_worker(WORKER, ["cpu"], 4)
    await engine.submit(plan("p", 2, sequential=True), asked("p.0", "p.1", parent="p"))
    first, second = engine.job("p.0"), engine.job("p.1")
    before = second.state

    await engine.run(first)

    assert (before, second.state) == ("blocked", "sent")


async def test_a_plan_inside_a_plan_starts_with_it(engine: Engine) -> None:
    engine.dispatch.add_worker(WORKER, ["cpu"], 4)

    await engine.submit(plan("p", 1), plan("p.0", 1, parent="p"), asked("p.0.0", parent="p.0"))
    task = engine.job("p.0.0")
    await engine.run(task)

    assert await engine.ends("p") == ["p.0.0", "p.0", "p"]
    assert engine.status("p") is JobStatus.COMPLETED


async def test_a_child_is_stopped_whose_parent_ended_while_it_became_durable(
    engine: Engine,
) -> None:
    engine.dispatch.add_worker(WORKER, ["cpu"], 2)
    parent = await engine.submit(asked("a"))
    await engine.started(parent)
    children = engine.admission.from_body("a", parent.attempt, [asked("", parent="a")], {})
    accepting = asyncio.create_task(children)
    await asyncio.sleep(0)

    await engine.completed(parent)
    ids, _ = await accepting

    assert ids == ["a.0"]
    assert engine.status("a.0") is JobStatus.CANCELLED
    assert engine.executor.jobs == {}


async def test_what_an_older_attempt_says_is_not_current(engine: Engine) -> None:
    engine.dispatch.add_worker(WORKER, ["cpu"], 1)
    job = await engine.submit(asked("a"))
    await engine.started(job)

    await engine.failed(job, error=ErrorInfo("lost", "gone"))

    assert job.attempt == 2
    assert not engine.executor.is_current("a", 1)
    assert engine.executor.is_current("a", 2)


async def test_a_body_asks_for_no_children_after_its_attempt(engine: Engine) -> None:
    engine.dispatch.add_worker(WORKER, ["cpu"], 1)
    job = await engine.submit(asked("a"))

    with pytest.raises(JobNotFoundError, match="attempt 7 of job a does not run any more"):
        await engine.admission.from_body(job.id, 7, [asked("", parent="a")], {})


async def test_attempts_that_are_given_back_are_sent_again(engine: Engine) -> None:
    engine.dispatch.add_worker(WORKER, ["cpu"], 1)
    job = await engine.submit(asked("a"))

    engine.executor.returned([("a", 1), ("unknown", 1), ("a", 7)])
    await turns()

    assert engine.workers.sent[WORKER] == ["a", "a"]
    assert (job.state, job.attempt) == ("sent", 2)


async def test_what_has_begun_cannot_be_given_back(engine: Engine) -> None:
    engine.dispatch.add_worker(WORKER, ["cpu"], 1)
    job = await engine.submit(asked("a"))
    await engine.started(job)

    engine.executor.returned([("a", 1)])
    await turns()

    assert (job.state, job.attempt) == ("running", 1)


async def test_a_stopped_job_ends_when_its_attempt_is_given_back(engine: Engine) -> None:
    engine.dispatch.add_worker(WORKER, ["cpu"], 1)
    job = await engine.submit(asked("a"))
    engine.executor.stopping.cancel("a")

    engine.executor.returned([("a", 1)])

    assert job.state == "ended"
    assert await engine.ends("a") == ["a"]


async def test_a_lost_worker_is_presumed_to_have_begun_as_many_as_it_has_slots(
    engine: Engine,
) -> None:
    engine.dispatch.add_worker(WORKER, ["cpu"], 1)
    engine.dispatch.durations.observe("f", 0.001)
    await engine.submit(plan("p", 2), asked("p.0", "p.1", parent="p"))
    first, second = engine.job("p.0"), engine.job("p.1")
    assert engine.workers.sent[WORKER] == ["p.0", "p.1"]

    await engine.lose(WORKER)

    assert (first.lost, first.unstarted) == (1, 0)
    assert (second.lost, second.unstarted) == (0, 1)
    assert await engine.kinds("p.0") == ["submitted", "started", "attempt_failed", "requeued"]
    assert await engine.kinds("p.1") == ["submitted", "requeued"]


async def test_a_job_that_costs_its_worker_each_time_fails_as_lost(engine: Engine) -> None:
    job = await engine.submit(asked("a", retry={"lost": 2}))

    for _ in range(3):
        engine.dispatch.add_worker(WORKER, ["cpu"], 1)
        await turns()
        await engine.lose(WORKER)

    error = engine.error("a")
    assert (job.state, job.attempt) == ("ended", 3)
    assert error is not None
    assert error.kind == "lost"


async def test_only_uninterrupted_attempts_tell_how_long_a_function_runs(engine: Engine) -> None:
    engine.dispatch.add_worker(WORKER, ["cpu"], 2)
    waited = await engine.submit(asked("a"))
    await engine.started(waited)
    await engine.waiting(waited)
    await engine.continued(waited)
    await engine.completed(waited)
    before = engine.dispatch.durations.expected("f")

    await engine.run(await engine.submit(asked("b")))

    assert before is None
    assert engine.dispatch.durations.expected("f") is not None
    assert "tests:f" in engine.dispatch.history.means()
