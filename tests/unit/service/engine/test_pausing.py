"""Jobs are held and resumed, by a person or with their queue."""

import pytest
from anyio import sleep

from parrot_async.model.models import JobStatus
from parrot_async.service.engine import pausing as module
from tests.unit.service.engine.parts import WORKER, Engine, asked, plan, turns


async def test_a_held_job_is_not_sent_until_it_is_resumed(engine: Engine) -> None:
    job = await engine.submit(asked("a"))
    assert engine.executor.pausing.pause_tree("a")
    engine.dispatch.add_worker(WORKER, ["cpu"], 1)
    await turns()
    before = job.state, engine.status("a")

    assert engine.executor.pausing.resume_tree("a")
    await turns()

    assert before == ("ready", JobStatus.PAUSED)
    assert job.state == "sent"
    assert await engine.kinds("a") == ["submitted", "pause_requested", "resumed"]


async def test_a_job_that_has_ended_can_neither_be_held_nor_resumed(engine: Engine) -> None:
    pausing = engine.executor.pausing

    assert not pausing.pause_tree("unknown")
    assert not pausing.resume_tree("unknown")


async def test_workers_hold_what_runs(engine: Engine) -> None:
    engine.dispatch.add_worker(WORKER, ["cpu"], 2)
    await engine.submit(plan("p", 2), asked("p.0", "p.1", parent="p"))
    await engine.started(engine.job("p.0"))

    engine.executor.pausing.pause_tree("p")
    engine.executor.pausing.resume_tree("p")

    assert sorted(engine.workers.told("pause")) == [("p.0", 1), ("p.1", 1)]
    assert sorted(engine.workers.told("resume")) == [("p.0", 1), ("p.1", 1)]


async def test_a_second_pause_changes_nothing(engine: Engine) -> None:
    await engine.submit(asked("a"))

    engine.executor.pausing.pause_tree("a")
    engine.executor.pausing.pause_tree("a")

    assert await engine.kinds("a") == ["submitted", "pause_requested"]


async def test_a_child_of_a_held_parent_is_held(engine: Engine) -> None:
    engine.dispatch.add_worker(WORKER, ["cpu"], 2)
    parent = await engine.submit(asked("a"))
    await engine.started(parent)
    engine.executor.pausing.pause_tree("a")

    (child,) = await engine.children(parent, b"1")

    assert engine.job(child).state == "ready"
    assert engine.job(child).node.held_by == {"person"}


async def test_a_queue_holds_its_jobs_and_new_ones(engine: Engine) -> None:
    engine.dispatch.add_worker(WORKER, ["cpu"], 4)
    running = await engine.submit(asked("a", queue="fast"))
    other = await engine.submit(asked("b", queue="slow"))
    engine.queues["fast"] = engine.queues["fast"].model_copy(update={"paused": True})

    engine.executor.pausing.queues_changed(["fast"], paused=True)
    new = await engine.submit(asked("c", queue="fast"))

    assert engine.workers.told("pause") == [("a", 1)]
    assert [bool(job.node.held_by) for job in (running, other, new)] == [True, False, True]
    assert new.state == "ready"


async def test_who_is_held_twice_goes_on_when_both_resume(engine: Engine) -> None:
    pausing = engine.executor.pausing
    job = await engine.submit(asked("a", queue="fast"))
    pausing.pause_tree("a")
    pausing.queues_changed(["fast"], paused=True)
    engine.dispatch.add_worker(WORKER, ["cpu"], 1)

    pausing.resume_tree("a")
    await turns()
    before = job.state
    pausing.queues_changed(["fast"], paused=False)
    await turns()

    assert (before, job.state) == ("ready", "sent")


async def test_new_jobs_cost_no_pausing_where_nothing_is_paused(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise AssertionError("nobody paused or resumed anything")

    monkeypatch.setattr(module.Pausing, "pause", fail)
    monkeypatch.setattr(module.Pausing, "resume", fail)

    job = await engine.submit(asked("a"))

    assert job.state == "ready"


async def test_the_timeout_stands_still_while_a_body_is_held(engine: Engine) -> None:
    engine.dispatch.add_worker(WORKER, ["cpu"], 1)
    job = await engine.submit(asked("a", timeout=0.1))
    await engine.started(job)
    engine.executor.pausing.pause_tree("a")
    await engine.paused(job)
    await sleep(0.15)
    before = engine.workers.told("stop")

    engine.executor.pausing.resume_tree("a")
    await engine.continued(job)
    left = job.timer
    await sleep(0.15)

    assert before == []
    assert left is not None
    assert [kind for _, _, kind, _ in engine.workers.told("stop")] == ["timeout"]


async def test_a_pause_of_many_jobs_is_told_in_portions(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MOST_IN_EVENT", 2)
    await engine.submit(plan("p", 3), asked("p.0", "p.1", "p.2", parent="p"))

    engine.executor.pausing.pause_tree("p")

    past = await engine.past("p")
    assert [len(event.ids) for event in past if event.kind == "pause_requested"] == [2, 2]
