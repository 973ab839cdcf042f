"""Recovery: which trees nobody runs, and what becomes of them when this service takes over."""

import asyncio
import logging
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from parrot_async.errors import FunctionChangedError, InterruptedJobError
from parrot_async.model.events import CancelRequested, Event, Submitted
from parrot_async.model.models import JobSpec, JobStatus
from parrot_async.model.rows import RootRow
from parrot_async.runner.checking import CHANGED
from parrot_async.service.custody import recovery as module
from parrot_async.service.custody.owner import new_owner
from parrot_async.service.custody.recovery import Recovery
from parrot_async.service.engine.checking import Checking
from parrot_async.store import Commit
from tests.unit.service.journals import Bench, Engine, engine_beside, journal_on, write
from tests.unit.stories import (
    PLAN,
    attempt_failed,
    completed,
    failed,
    requeued,
    started,
    submitted,
    waiting,
)

BODY = JobSpec(title="body", function="tests:body", function_id="f" * 64, pool="cpu")
MAP = PLAN.model_copy(update={"expected": 3})


@dataclass
class Scene:
    """A service on a store in which others have left trees."""

    bench: Bench
    engine: Engine
    recovery: Recovery

    async def left(self, *story: Event, root_id: str = "r", owner: str = "other") -> None:
        """Another service wrote this."""
        row = RootRow(root_id, root_id, "", "default", JobStatus.RUNNING, 1.0)
        await self.bench.journal.recorder.read(
            lambda store: write(store, *story, row=row, owner=owner)
        )

    async def lease(self, owner: str, seconds: float) -> None:
        until = time.time() + seconds
        await self.bench.journal.recorder.read(lambda store: store.lease(owner, until))

    async def owner(self, root_id: str = "r") -> str:
        row = await self.bench.journal.recorder.read(lambda store: store.root(root_id))
        assert row is not None
        return row.owner

    async def kinds(self, after: int, root_id: str = "r") -> list[str]:
        return [event.kind for event in (await self.bench.stored(root_id))[after:]]


@pytest.fixture
async def scene(tmp_path: Path) -> AsyncIterator[Scene]:
    async with journal_on(tmp_path / "jobs.db") as bench:
        engine = engine_beside(bench.journal)
        engine.dispatch.add_worker("tcp://worker", ["cpu"], 1)
        checking = Checking(bench.journal, engine.dispatch, engine.placement)
        recovery = Recovery(
            bench.journal, engine.executor, engine.dispatch, engine.queues, checking
        )
        yield Scene(bench, engine, recovery)


async def test_what_completed_stays_and_what_was_under_way_is_lost_and_runs_again(
    scene: Scene,
) -> None:
    ids = ("r.0", "r.1", "r.2")
    await scene.left(
        submitted("r", spec=PLAN),
        submitted(*ids, spec=BODY),
        waiting("r"),
        started("r.0", "r.1"),
        completed("r.0"),
    )

    recovered = await scene.recovery.recover([], accept_changed=False)

    runs = scene.engine.executor.jobs
    assert (recovered, await scene.owner()) == (["r"], "owner")
    assert set(runs) == {"r", "r.1", "r.2"}
    assert (runs["r"].ended_children, runs["r"].next_ordinal) == (1, 3)
    assert (runs["r.1"].lost, runs["r.1"].failed) == (0, 0)
    assert runs["r.1"].attempt > 1
    assert await scene.kinds(after=5) == ["waiting", "attempt_failed", "requeued"]


async def test_trees_that_another_service_has_claimed_are_lost_whether_they_ended_or_not(
    scene: Scene,
) -> None:
    for root_id in ("a", "b", "c"):
        await scene.left(submitted(root_id, spec=BODY), root_id=root_id)
    await scene.recovery.recover([], accept_changed=False)
    before = await scene.recovery.lost()
    recorder = scene.bench.journal.recorder
    await scene.lease("third", 60)
    await recorder.read(lambda store: store.drop_lease("owner"))
    await recorder.read(lambda store: store.claim(["a", "b"], "third", time.time()))
    ended = RootRow("b", "b", "", "default", JobStatus.COMPLETED, 1.0)
    await recorder.read(lambda store: store.commit(Commit(roots=[ended], owner="third")))

    assert before == []
    assert await scene.recovery.lost() == ["a", "b"]


async def test_only_the_trees_that_were_asked_for_go_on(scene: Scene) -> None:
    await scene.left(submitted("a", spec=BODY), root_id="a")
    await scene.left(submitted("b", spec=BODY), root_id="b")

    recovered = await scene.recovery.recover(["b.0"], accept_changed=False)

    assert recovered == ["b"]
    assert await scene.recovery.interrupted() == ["a"]


async def test_attempts_that_failed_before_count_and_lost_ones_do_so_apart(scene: Scene) -> None:
    await scene.left(
        submitted("r", spec=BODY),
        started("r"),
        attempt_failed("r"),
        requeued("r"),
        started("r", attempt=2, at=7),
    )

    await scene.recovery.recover([], accept_changed=False)

    run = scene.engine.executor.jobs["r"]
    assert (run.failed, run.lost) == (1, 0)


async def test_a_job_that_waits_for_its_next_attempt_goes_on_waiting(scene: Scene) -> None:
    later = requeued("r", at=time.time() + 60)
    await scene.left(submitted("r", spec=BODY), started("r"), attempt_failed("r"), later)

    await scene.recovery.recover([], accept_changed=False)

    run = scene.engine.executor.jobs["r"]
    assert (run.state, run.timer is not None) == ("backoff", True)
    run.cancel_timer()


async def test_a_body_finds_the_children_that_it_had_asked_for(scene: Scene) -> None:
    children = Submitted(
        at=2, spec=BODY, ids=("r.0", "r.1"), parent_id="r", fingerprints=("a", "b")
    )
    await scene.left(
        submitted("r", spec=BODY),
        started("r"),
        children,
        completed("r.0", attempt=0),
        failed("r.1"),
    )

    await scene.recovery.recover([], accept_changed=False)

    assert scene.engine.executor.jobs["r"].unclaimed == {"a": ["r.0"], "b": ["r.1"]}


async def test_a_tree_whose_client_went_while_it_submitted_is_cancelled(scene: Scene) -> None:
    await scene.left(submitted("r", spec=MAP), submitted("r.0", spec=BODY))

    await scene.recovery.recover([], accept_changed=False)

    (*_, last) = await scene.bench.stored()
    assert (last.kind, scene.engine.executor.jobs) == ("cancelled", {})


async def test_the_tree_of_a_service_that_lives_is_left_to_it(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "LEASE", 0.3)
    await scene.left(submitted("r", spec=BODY))
    await scene.lease("other", 60)

    recovered = await scene.recovery.recover([], accept_changed=False)

    assert (recovered, await scene.owner()) == ([], "other")


async def test_a_lease_that_runs_out_is_waited_for(scene: Scene) -> None:
    await scene.left(submitted("r", spec=BODY))
    await scene.lease("other", 0.2)

    at_once = await scene.recovery.interrupted()
    recovered = await scene.recovery.recover([], accept_changed=False)

    assert (at_once, recovered) == ([], ["r"])


async def test_the_lease_of_a_dead_process_of_this_machine_is_not_waited_for(
    scene: Scene,
) -> None:
    machine, pid, begun, token = (await asyncio.to_thread(new_owner)).split(" ")
    dead = f"{machine} {pid} {float(begun) - 60} {token}"
    await scene.left(submitted("r", spec=BODY), owner=dead)
    await scene.lease(dead, 60)

    assert await scene.recovery.interrupted() == ["r"]


async def test_a_tree_that_needs_a_job_which_runs_elsewhere_is_left_out(
    scene: Scene, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(module, "LEASE", 0.3)
    await scene.left(submitted("theirs", spec=BODY), root_id="theirs", owner="third")
    await scene.lease("third", 60)
    needy = Submitted(at=1, spec=BODY, ids=("needy",), depends_on=("theirs",))
    after = Submitted(at=1, spec=BODY, ids=("after",), depends_on=("needy",))
    await scene.left(needy, root_id="needy")
    await scene.left(after, root_id="after")
    await scene.left(submitted("free", spec=BODY), root_id="free")

    with caplog.at_level(logging.WARNING):
        recovered = await scene.recovery.recover([], accept_changed=False)

    assert recovered == ["free"]
    assert "job needy was not recovered: it needs job theirs" in caplog.text
    assert "job after was not recovered: it needs job needy" in caplog.text


async def test_a_function_that_has_changed_is_refused_before_anything_happens(
    scene: Scene,
) -> None:
    await scene.left(submitted("r", spec=BODY))
    scene.engine.placement.wrong = {"f" * 64: CHANGED}

    with pytest.raises(FunctionChangedError, match="nothing was recovered, because tests:body"):
        await scene.recovery.recover([], accept_changed=False)

    assert (await scene.owner(), scene.engine.executor.jobs) == ("other", {})
    assert await scene.recovery.recover([], accept_changed=True) == ["r"]


async def test_an_interrupted_tree_can_be_cancelled_and_no_other(scene: Scene) -> None:
    await scene.left(submitted("r", spec=BODY))

    cancelled = [await scene.recovery.cancel("r"), await scene.recovery.cancel("unknown")]

    assert cancelled == [True, False]
    assert await scene.kinds(after=1) == ["cancel_requested", "cancelled"]


async def test_a_tree_that_another_service_took_is_let_go_of(scene: Scene) -> None:
    await scene.bench.submit(submitted("kept", spec=PLAN))
    await scene.left(submitted("r", spec=PLAN), submitted("r.0", spec=BODY), waiting("r"))
    await scene.recovery.recover([], accept_changed=False)
    run = scene.engine.executor.jobs["r.0"]

    scene.recovery.let_go("r")

    assert (scene.engine.executor.jobs, run.state) == ({}, "ended")
    assert scene.bench.journal.node("r") is None
    assert scene.bench.journal.node("kept") is not None


async def test_a_tree_that_cannot_be_read_keeps_no_other_from_going_on(
    scene: Scene, caplog: pytest.LogCaptureFixture
) -> None:
    await scene.left(submitted("bad", spec=BODY), root_id="bad")
    await scene.left(submitted("good", spec=BODY), root_id="good")
    await scene.bench.journal.recorder.read(
        lambda store: store.commit(Commit(events=[("bad", b"no event")], owner="other"))
    )

    recovered = await scene.recovery.recover([], accept_changed=False)

    assert recovered == ["good"]
    assert "job bad was not recovered" in caplog.text
    with pytest.raises(InterruptedJobError, match="job bad was not recovered"):
        await scene.recovery.recover(["bad"], accept_changed=False)


async def test_deep_trees_that_were_cancelled_end_when_they_are_recovered(scene: Scene) -> None:
    ids = ["r"]
    while len(ids) < 2_000:
        ids.append(f"{ids[-1]}.0")
    cancelled = CancelRequested(ids=("r",), at=1.0)
    await scene.left(*[submitted(job_id, spec=BODY) for job_id in ids], cancelled)

    recovered = await scene.recovery.recover([], accept_changed=False)

    assert recovered == ["r"]
    assert scene.engine.executor.jobs == {}
