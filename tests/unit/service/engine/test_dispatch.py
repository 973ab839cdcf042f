"""Which worker gets which job, and when: the service's part, with nothing at the other end."""

import asyncio
import itertools
from collections.abc import Sequence
from typing import Any

import pytest

from parrot_async.model.models import JobNode, JobSpec, Queue
from parrot_async.service.engine import dispatch as module
from parrot_async.service.engine.batches import NOTHING, LoadedValues
from parrot_async.service.engine.dispatch import Dispatch
from parrot_async.service.engine.state import TrackedJob
from tests.unit.service.engine.parts import Engine, SpokenFor, asked

A, B = "tcp://a", "tcp://b"
QUEUES = {"default": Queue(name="default"), "one": Queue(name="one", limit=1)}
numbers = itertools.count()


class Work:
    """A dispatch, and how jobs come and go."""

    def __init__(self) -> None:
        self.placement = SpokenFor()
        self.loading: list[asyncio.Future[LoadedValues]] = []
        self.fenced = False
        self.dispatch = Dispatch(self.placement, QUEUES, self._load, lambda: self.fenced)

    def _load(self, _: Sequence[TrackedJob]) -> "asyncio.Future[LoadedValues]":
        self.loading.append(asyncio.get_running_loop().create_future())
        return self.loading[-1]

    async def ask(
        self, count: int = 1, needs: tuple[str, ...] = (), **spec: Any
    ) -> list[TrackedJob]:
        """Make jobs ready, and let them be sent."""
        words = {"pool": "cpu", "function_id": "f", "title": "job", "priority": 0, **spec}
        made = JobSpec(**words)
        jobs = [
            TrackedJob(JobNode(id=f"job{next(numbers)}", spec=made), 0, needs=needs, arguments=b"")
            for _ in range(count)
        ]
        for job in jobs:
            self.dispatch.enqueue(job)
        await asyncio.sleep(0)
        return jobs

    async def end(self, job: TrackedJob) -> None:
        self.dispatch.remove(job)
        job.to("ended")
        await asyncio.sleep(0)

    async def give_back(self, *jobs: TrackedJob) -> None:
        for job in jobs:
            self.dispatch.remove(job)
            self.dispatch.enqueue(job)
        self.dispatch.set_stuck(jobs[0].worker)
        await asyncio.sleep(0)


@pytest.fixture
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "RECALL_AFTER", 0.01)


async def test_nothing_is_sent_behind_a_fence_and_everything_after_it() -> None:
    work = Work()
    work.dispatch.add_worker(A, ["cpu"], 2)
    (far,) = await work.ask(needs=("other",))
    work.fenced = True
    (near,) = await work.ask()
    work.loading[0].set_result(NOTHING)
    await asyncio.sleep(0.01)
    behind = (far.state, near.state, dict(work.placement.sent))

    work.fenced = False
    work.dispatch.wake()
    await asyncio.sleep(0)
    work.loading[1].set_result(NOTHING)
    await asyncio.sleep(0.01)

    assert behind == ("ready", "ready", {})
    assert sorted(work.placement.sent[A]) == sorted([far.id, near.id])


async def test_a_queue_with_a_limit_goes_on_in_its_other_pool() -> None:
    work = Work()
    work.dispatch.add_worker(A, ["cpu"], 1)
    work.dispatch.add_worker(B, ["io"], 1)
    (first,) = await work.ask(queue="one")
    (second,) = await work.ask(queue="one", pool="io")
    before = second.state

    await work.end(first)

    assert before == "ready"
    assert work.placement.sent[B] == [second.id]


async def test_a_worker_of_two_pools_is_as_busy_in_both() -> None:
    work = Work()
    work.dispatch.add_worker(A, ["cpu", "io"], 1)
    work.dispatch.add_worker(B, ["cpu", "io"], 1)

    (sync,) = await work.ask(pool="cpu")
    (coroutine,) = await work.ask(pool="io")
    (third,) = await work.ask(pool="io")

    assert {sync.worker, coroutine.worker} == {A, B}
    assert third.state == "ready"


async def test_a_worker_that_takes_nothing_is_left_out_until_it_does(at_once: None) -> None:
    work = Work()
    work.dispatch.add_worker(A, ["cpu"], 1)
    work.dispatch.add_worker(B, ["cpu"], 1)
    work.placement.away = {A}

    first, second = await work.ask(2)
    before = second.state
    work.placement.away = set()
    await asyncio.sleep(0.05)

    assert (first.worker, before) == (B, "ready")
    assert second.worker == A


async def test_what_waits_on_a_worker_that_takes_nothing_comes_back(at_once: None) -> None:
    work = Work()
    work.dispatch.add_worker(A, ["cpu"], 1)
    (job,) = await work.ask()

    work.placement.away = {A}
    await asyncio.sleep(0.05)

    assert (job.id, 1) in work.placement.told("recall")


async def test_a_batch_that_takes_long_gives_way_to_a_larger_priority(at_once: None) -> None:
    work = Work()
    work.dispatch.add_worker(A, ["cpu"], 1)
    work.dispatch.durations.observe("f", 0.001)
    low = await work.ask(50)
    low[0].to("running")
    (high,) = await work.ask(priority=1, function_id="g")
    await asyncio.sleep(0.05)
    recalled = {job_id for job_id, _ in work.placement.told("recall")}
    await work.give_back(*low[1:])

    await work.end(low[0])

    assert recalled == {job.id for job in low[1:]}
    assert work.placement.sent[A][50] == high.id


async def test_equal_priorities_keep_their_turn(at_once: None) -> None:
    work = Work()
    work.dispatch.add_worker(A, ["cpu"], 1)
    work.dispatch.durations.observe("f", 0.001)
    low = await work.ask(50)
    low[0].to("running")

    await work.ask(function_id="g")
    await asyncio.sleep(0.05)

    assert work.placement.told("recall") == []


async def test_a_stuck_worker_gets_nothing_ahead_until_a_job_of_its_ends() -> None:
    work = Work()
    work.dispatch.add_worker(A, ["cpu"], 1)
    work.dispatch.durations.observe("f", 0.001)
    first, second, third = await work.ask(3)
    first.to("running")

    await work.give_back(second, third)
    before = second.state
    await work.end(first)

    assert before == "ready"
    assert work.placement.sent[A] == [r.id for r in (first, second, third, second, third)]


async def test_jobs_that_load_go_elsewhere_when_their_worker_came_back_as_another() -> None:
    work = Work()
    work.dispatch.add_worker(A, ["cpu"], 2)
    (first,) = await work.ask(needs=("other",))

    work.dispatch.forget_worker(A)
    work.dispatch.add_worker(A, ["cpu"], 2)
    work.loading[0].set_result(NOTHING)
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    await asyncio.sleep(0)

    assert len(work.loading) == 2
    assert work.dispatch.pools["cpu"].members[A].attempts == 1
    assert first.attempt == 2


async def test_a_lost_worker_leaves_no_slot_taken() -> None:
    work = Work()
    work.dispatch.add_worker(A, ["cpu"], 1)
    (job,) = await work.ask()

    lost = work.dispatch.forget_worker(A)
    await work.end(job)
    work.dispatch.add_worker(B, ["cpu"], 1)
    (second,) = await work.ask()

    assert lost == [job]
    assert second.worker == B


async def test_parents_that_wait_are_shared_by_all_workers(engine: Engine) -> None:
    for name in ("tcp://a", "tcp://b", "tcp://c"):
        engine.dispatch.add_worker(name, ["io"], 64)

    for number in range(9):
        parent = await engine.submit(asked(f"p{number}", pool="io"))
        await engine.started(parent)
        await engine.waiting(parent)

    assert {worker: len(ids) for worker, ids in engine.workers.sent.items()} == {
        "tcp://a": 3,
        "tcp://b": 3,
        "tcp://c": 3,
    }
