"""Parents end after their children, and as their policies say."""

from typing import Any

import pytest

from parrot_async.model.models import JobStatus
from parrot_async.service.engine.ending import end_of_plan
from parrot_async.service.engine.state import TrackedJob
from tests.unit.service.engine.parts import WORKER, Engine, asked, plan


async def a_plan(engine: Engine, count: int, **spec: Any) -> list[TrackedJob]:
    """Run a plan with so many children, each on a slot; returns it and them."""
    engine.dispatch.add_worker(WORKER, ["cpu"], count)
    ids = [f"p.{n}" for n in range(count)]
    root = await engine.submit(plan("p", count, **spec), asked(*ids, parent="p"))
    children = [engine.job(job_id) for job_id in ids]
    await engine.started(*children)
    return [root, *children]


async def test_a_plan_completes_with_its_last_child(engine: Engine) -> None:
    root, first, second = await a_plan(engine, 2)

    await engine.completed(first)
    before = root.state
    await engine.completed(second)

    node = engine.journal.node("p")
    assert (before, root.state) == ("plan", "ended")
    assert node is not None
    assert node.result is not None
    assert node.result.preview == "2 of 2 children completed"


async def test_a_plan_waits_for_children_that_are_still_to_be_submitted(engine: Engine) -> None:
    engine.dispatch.add_worker(WORKER, ["cpu"], 2)
    root = await engine.submit(plan("p", 2), asked("p.0", parent="p"))
    await engine.run(engine.job("p.0"))
    before = root.state

    await engine.admission.from_client([asked("p.1", parent="p")], {})
    await engine.run(engine.job("p.1"))

    assert (before, root.state) == ("plan", "ended")


async def test_a_plan_without_children_completes_at_once(engine: Engine) -> None:
    await engine.admission.from_client([plan("p", 0)], {})

    assert await engine.kinds("p") == ["submitted", "waiting", "completed"]


async def test_a_plan_that_ignores_failures_counts_those_that_completed(engine: Engine) -> None:
    root, first, second, _ = await a_plan(engine, 3, on_failure="ignore")
    await engine.failed(first)
    await engine.completed(second)

    result = end_of_plan(root).result

    assert result is not None
    assert result.preview == "1 of 2 children completed"


async def test_by_default_a_plan_fails_with_its_first_child(engine: Engine) -> None:
    root, first, second = await a_plan(engine, 2)

    await engine.failed(first)
    before = root.state
    await engine.failed(second)

    error = engine.error("p")
    assert before == "draining"
    assert await engine.ends("p") == ["p.0", "p.1", "p"]
    assert error is not None
    assert (error.kind, error.message) == ("children", "a child did not complete: broken")
    assert engine.status("p.1") is JobStatus.CANCELLED


@pytest.mark.parametrize(
    ("policy", "end", "words"),
    [
        ("collect", JobStatus.FAILED, "1 of 2 children did not complete: broken"),
        ("ignore", JobStatus.COMPLETED, "1 of 2 children completed"),
    ],
)
async def test_a_plan_may_let_its_other_children_finish(
    engine: Engine, policy: str, end: JobStatus, words: str
) -> None:
    _, first, second = await a_plan(engine, 2, on_failure=policy)

    await engine.failed(first)
    await engine.completed(second)

    node = engine.journal.node("p")
    assert node is not None
    assert node.status is end
    assert words in {node.error and node.error.message, node.result and node.result.preview}


async def test_a_body_that_fails_with_its_children_is_told_to_stop(engine: Engine) -> None:
    engine.dispatch.add_worker(WORKER, ["cpu"], 2)
    parent = await engine.submit(asked("a", on_failure="fail"))
    await engine.started(parent)
    (child_id,) = await engine.children(parent, b"1")
    child = engine.job(child_id)
    await engine.started(child)

    await engine.failed(child)

    message = "a child did not complete: broken"
    assert engine.workers.told("stop") == [("a", 1, "children", message)]


async def test_a_body_that_raises_ends_after_the_children_that_it_left(engine: Engine) -> None:
    engine.dispatch.add_worker(WORKER, ["cpu"], 2)
    parent = await engine.submit(asked("a"))
    await engine.started(parent)
    (child_id,) = await engine.children(parent, b"1")
    child = engine.job(child_id)
    await engine.started(child)

    await engine.failed(parent)
    before = parent.state
    await engine.failed(child)

    assert before == "draining"
    assert await engine.ends("a") == ["a.0", "a"]
    assert engine.status("a") is JobStatus.FAILED
    assert engine.status("a.0") is JobStatus.CANCELLED


async def test_a_returned_value_is_kept_until_the_children_have_ended(engine: Engine) -> None:
    engine.dispatch.add_worker(WORKER, ["cpu"], 2)
    parent = await engine.submit(asked("a"))
    await engine.started(parent)
    (child_id,) = await engine.children(parent, b"1")
    child = engine.job(child_id)

    await engine.completed(parent, value="kept")
    await engine.completed(child)

    stored = await engine.journal.recorder.read(lambda store: store.results(["a"]))
    value = engine.journal.value("a")
    assert await engine.ends("a") == ["a.0", "a"]
    assert value is not None
    assert stored["a"].value == value.data


async def test_ends_are_told_when_they_are_durable(engine: Engine) -> None:
    engine.dispatch.add_worker(WORKER, ["cpu"], 1)
    job = await engine.submit(asked("a"))
    await engine.started(job)

    await engine.completed(job)
    await engine.past("a")

    assert [event.ids for event in engine.durable] == [("a",)]


async def test_a_job_ends_once(engine: Engine) -> None:
    engine.dispatch.add_worker(WORKER, ["cpu"], 1)
    job = await engine.submit(asked("a"))
    await engine.run(job)

    engine.executor.ending.fail_dependent(job, "other")

    assert await engine.ends("a") == ["a"]
    assert engine.status("a") is JobStatus.COMPLETED
