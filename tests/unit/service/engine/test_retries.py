"""A job runs again as its policy says, and finds the children that it had."""

import pytest

from parrot_async.errors import ErrorInfo, ErrorKind
from parrot_async.model.models import JobStatus, RetryPolicy
from parrot_async.runner.jobs_loop import LOOP_LOST
from parrot_async.service.engine.batches import NOTHING, batch_of
from parrot_async.service.engine.retries import MOST_UNSTARTED, backoff, may_retry
from parrot_async.service.engine.state import TrackedJob
from tests.unit.service.engine.parts import BROKEN, WORKER, Engine, asked, turns

AGAIN = {"retries": 1, "first": 0.0}


async def test_an_attempt_that_raised_is_followed_by_another(engine: Engine) -> None:
    engine.dispatch.add_worker(WORKER, ["cpu"], 1)
    job = await engine.submit(asked("a", retry=AGAIN))
    await engine.started(job)

    await engine.failed(job)
    await engine.run(job)

    assert (job.failed, job.attempt) == (1, 2)
    kinds = await engine.kinds("a")
    assert kinds == ["submitted", "started", "attempt_failed", "requeued", "started", "completed"]


@pytest.mark.parametrize("why", sorted(LOOP_LOST))
async def test_a_job_that_lost_its_loop_gets_one_of_its_own(engine: Engine, why: str) -> None:
    engine.dispatch.add_worker(WORKER, ["cpu"], 2)
    job = await engine.submit(asked("a"))
    other = await engine.submit(asked("b"))
    before = batch_of([job, other], NOTHING)["alone"]

    await engine.started(job, other)
    await engine.failed(job, error=ErrorInfo("lost", why))
    await engine.failed(other, error=ErrorInfo("lost", "its worker could start no thread"))
    await turns()

    assert before == ()
    assert batch_of([job, other], NOTHING)["alone"] == ("a",)


async def test_a_job_fails_when_its_retries_are_used_up(engine: Engine) -> None:
    engine.dispatch.add_worker(WORKER, ["cpu"], 1)
    job = await engine.submit(asked("a", retry=AGAIN))

    for _ in range(2):
        await engine.started(job)
        await engine.failed(job)

    assert engine.status("a") is JobStatus.FAILED
    assert engine.error("a") == BROKEN


async def test_a_job_in_backoff_can_be_cancelled(engine: Engine) -> None:
    engine.dispatch.add_worker(WORKER, ["cpu"], 1)
    job = await engine.submit(asked("a", retry={"retries": 1, "first": 1000.0}))
    await engine.started(job)
    await engine.failed(job)
    before = job.state

    engine.executor.stopping.cancel("a")

    assert (before, job.state, job.timer) == ("backoff", "ended", None)


async def test_the_next_attempt_finds_completed_children_only(engine: Engine) -> None:
    engine.dispatch.add_worker(WORKER, ["cpu"], 4)
    parent = await engine.submit(asked("a", retry=AGAIN))
    await engine.started(parent)
    good, bad, slow = await engine.children(parent, b"good", b"bad", b"slow")
    await engine.run(engine.job(good))
    await engine.started(engine.job(bad), engine.job(slow))
    await engine.failed(engine.job(bad))

    await engine.failed(parent)
    await engine.started(parent)
    ids = await engine.children(parent, b"good", b"bad", b"slow")

    assert ids[0] == good
    assert not {bad, slow} & set(ids[1:])
    assert [job_id for job_id, *_ in engine.workers.told("stop")] == [slow]


async def test_a_lost_parent_finds_failed_and_running_children_too(engine: Engine) -> None:
    engine.dispatch.add_worker(WORKER, ["cpu"], 1)
    engine.dispatch.add_worker("tcp://b", ["cpu"], 4)
    parent = await engine.submit(asked("a"))
    await engine.started(parent)
    ids = await engine.children(parent, b"good", b"bad", b"slow")
    engine.dispatch.add_worker("tcp://c", ["cpu"], 4)
    await engine.started(*[engine.job(i) for i in ids])
    good, bad, _ = [engine.job(i) for i in ids]
    await engine.completed(good)
    await engine.failed(bad)

    await engine.failed(parent, error=ErrorInfo("lost", "gone"))
    await engine.started(parent)

    assert parent.attempt == 2
    assert await engine.children(parent, b"good", b"bad", b"slow") == ids


async def test_a_child_whose_result_is_no_longer_kept_runs_again(engine: Engine) -> None:
    engine.dispatch.add_worker(WORKER, ["cpu"], 2)
    parent = await engine.submit(asked("a"))
    await engine.started(parent)
    (child,) = await engine.children(parent, b"1", result_ttl=0.0)
    await engine.run(engine.job(child))

    await engine.failed(parent, error=ErrorInfo("lost", "gone"))
    await engine.started(parent)

    assert await engine.children(parent, b"1", result_ttl=0.0) != [child]


async def test_a_job_that_was_stopped_by_its_parent_is_not_retried(engine: Engine) -> None:
    engine.dispatch.add_worker(WORKER, ["cpu"], 2)
    parent = await engine.submit(asked("a"))
    await engine.started(parent)
    (child_id,) = await engine.children(parent, b"1", retry={"retries": 5, "first": 0.0})
    child = engine.job(child_id)
    await engine.started(child)

    await engine.failed(parent)
    await engine.failed(child)
    await turns()

    assert child.state == "ended"


@pytest.mark.parametrize(
    ("on", "kind", "retried"),
    [
        ((), "exception", True),
        (("ValueError",), "exception", True),
        (("KeyError",), "exception", False),
        (("TimeoutError",), "timeout", True),
        (("ValueError",), "timeout", False),
        ((), "cancelled", False),
        ((), "children", False),
    ],
)
async def test_a_policy_may_name_the_errors(
    engine: Engine, on: tuple[str, ...], kind: ErrorKind, retried: bool
) -> None:
    job = await engine.submit(asked("a", retry={"retries": 1, "on": on}))
    error = ErrorInfo(kind, "", bases=BROKEN.bases)

    assert may_retry(job, error) is retried


async def test_a_job_that_never_starts_is_not_sent_for_ever(engine: Engine) -> None:
    job: TrackedJob = await engine.submit(asked("a"))
    lost = ErrorInfo("lost", "gone")

    job.unstarted = MOST_UNSTARTED
    last = may_retry(job, lost)
    job.unstarted += 1

    assert last
    assert not may_retry(job, lost)


@pytest.mark.parametrize(("failed", "least", "most"), [(0, 0.5, 1.0), (3, 4.0, 8.0), (999, 30, 60)])
def test_delays_double_up_to_the_longest(failed: int, least: float, most: float) -> None:
    delays = [backoff(RetryPolicy(), failed) for _ in range(100)]

    assert all(least <= delay <= most for delay in delays)
    assert len(set(delays)) > 1


async def test_a_parent_that_only_waits_loses_nothing_with_its_worker(engine: Engine) -> None:
    parent = await engine.submit(asked("a"))
    children: list[str] = []

    for _ in range(20):
        engine.dispatch.add_worker(WORKER, ["cpu"], 1)
        await turns()
        await engine.started(parent)
        children = children or await engine.children(parent, b"child", pool="gpu")
        await engine.waiting(parent)
        await engine.lose(WORKER)

    assert (parent.attempt, parent.lost, parent.state) == (20, 0, "ready")


async def test_an_attempt_that_got_on_with_its_children_is_not_held_against_its_job(
    engine: Engine,
) -> None:
    parent = await engine.submit(asked("a"))

    for number in range(6):
        engine.dispatch.add_worker(WORKER, ["cpu"], 1)
        await turns()
        await engine.started(parent)
        await engine.children(parent, f"child {number}".encode(), pool="gpu")
        await engine.lose(WORKER)

    assert (parent.attempt, parent.lost, parent.state) == (6, 0, "ready")


async def test_a_parent_that_kills_its_worker_again_and_again_is_given_up(engine: Engine) -> None:
    parent = await engine.submit(asked("a"))

    for _ in range(6):
        engine.dispatch.add_worker(WORKER, ["cpu"], 1)
        await turns()
        if parent.state == "sent":
            await engine.started(parent)
            await engine.children(parent, b"child", pool="gpu")
            await engine.lose(WORKER)

    error = engine.error("a")
    assert error is not None
    assert (error.kind, parent.attempt) == ("lost", 5)  # in the first one its child was new
