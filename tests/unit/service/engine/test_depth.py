"""A tree of any depth is stopped, ended, begun and read without recursion."""

import sys
from collections.abc import Iterator
from itertools import pairwise

import pytest

from parrot_async.errors import OptionsError
from parrot_async.model.models import JobStatus
from parrot_async.service.engine.agenda import Agenda
from parrot_async.service.engine.state import TrackedJob
from parrot_async.settings import places
from tests.unit.service.engine.parts import WORKER, Engine, asked, plan, turns

DEEP = 1_000
"""Levels: several times the stack that is left to a test."""


@pytest.fixture
def short_stack() -> Iterator[None]:
    """Leave Python's stack just enough for what does not recurse over a tree."""
    before, depth, frame = sys.getrecursionlimit(), 0, sys._getframe()
    while (above := frame.f_back) is not None:
        depth, frame = depth + 1, above
    sys.setrecursionlimit(depth + 250)
    yield
    sys.setrecursionlimit(before)


def chain(count: int) -> list[str]:
    """Return the ids of jobs that are each the only child of the one before."""
    return [".".join(["r", *["0"] * level]) for level in range(count)]


async def bodies(engine: Engine, count: int) -> list[TrackedJob]:
    """Have as many bodies run, each the only child of the one before."""
    engine.dispatch.add_worker(WORKER, ["cpu"], 2 * count)
    ids = chain(count)
    below = [asked(child, parent=parent) for parent, child in pairwise(ids)]
    await engine.submit(asked("r"), *below)
    await turns(50)
    jobs = [engine.job(job_id) for job_id in ids]
    await engine.started(*jobs)
    return jobs


@pytest.mark.usefixtures("short_stack")
async def test_a_deep_tree_that_has_not_started_is_cancelled_at_once(engine: Engine) -> None:
    ids = chain(DEEP)
    below = [asked(child, parent=parent) for parent, child in pairwise(ids)]
    await engine.submit(asked("r"), *below)

    engine.executor.stopping.cancel("r")

    assert engine.executor.jobs == {}
    assert await engine.ends("r") == ids[::-1]
    assert {engine.status(job_id) for job_id in ids} == {JobStatus.CANCELLED}


@pytest.mark.usefixtures("short_stack")
async def test_a_deep_tree_that_runs_is_told_to_stop_as_a_whole(engine: Engine) -> None:
    jobs = await bodies(engine, DEEP)

    engine.executor.stopping.cancel("r")
    await turns()
    told = [job_id for job_id, *_ in engine.workers.told("stop")]
    await engine.failed(*jobs)

    assert told == chain(DEEP)
    assert engine.executor.jobs == {}
    assert await engine.ends("r") == chain(DEEP)[::-1]


@pytest.mark.usefixtures("short_stack")
async def test_the_end_of_the_deepest_job_ends_all_that_wait_for_it(engine: Engine) -> None:
    jobs = await bodies(engine, DEEP)

    await engine.completed(*jobs[:-1])
    before = [job.state for job in jobs]
    await engine.completed(jobs[-1])

    assert before == ["draining"] * (DEEP - 1) + ["running"]
    assert await engine.ends("r") == chain(DEEP)[::-1]


@pytest.mark.usefixtures("short_stack")
async def test_deep_plans_begin_end_and_run_again(engine: Engine) -> None:
    engine.dispatch.add_worker(WORKER, ["cpu"], 4)
    ids = chain(DEEP)
    plans = [plan(job_id, 1, parent) for parent, job_id in pairwise(ids[:-1])]
    await engine.submit(plan("r", 1), *plans, asked(ids[-1], parent=ids[-2]))

    await engine.run(engine.job(ids[-1]))
    again = await engine.rerun.run("r", failed_only=False)
    await turns(50)

    assert await engine.ends("r") == ids[::-1]
    assert sum(job_id.startswith(again) for job_id in engine.executor.jobs) == DEEP


@pytest.mark.usefixtures("short_stack")
async def test_a_long_chain_of_sequential_plans_runs_to_its_end(engine: Engine) -> None:
    ids = [f"r.{number}" for number in range(300)]
    # Plans that nothing is in end as soon as they begin, so that each begins the next one.
    groups = [plan(job_id, 0, "r") for job_id in ids]
    await engine.admission.from_client([plan("r", len(ids), sequential=True), *groups], {})
    await turns()

    assert engine.executor.jobs == {}
    assert await engine.ends("r") == [*ids, "r"]


async def test_a_body_gets_no_child_below_the_last_level(engine: Engine) -> None:
    engine.dispatch.add_worker(WORKER, ["cpu"], 4)
    job = await engine.submit(asked("r", max_depth=2))
    await engine.started(job)

    (child_id,) = await engine.children(job, b"one")
    await engine.started(engine.job(child_id))
    with pytest.raises(OptionsError, match=r"r\.0 gets no child: it is on level 2 .* may have 2"):
        await engine.children(engine.job(child_id), b"two")

    assert engine.journal.size("r") == 2


async def test_without_an_option_the_setting_of_the_service_counts(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PARROT_MAX_DEPTH", "1")
    engine.dispatch.add_worker(WORKER, ["cpu"], 4)
    job = await engine.submit(asked("r"))
    await engine.started(job)

    with pytest.raises(OptionsError, match="give the root the option max_depth"):
        await engine.children(job, b"one")

    assert places.most_jobs() == 1_000_000
    monkeypatch.delenv("PARROT_MAX_DEPTH")
    assert places.most_levels() == 2_000


async def test_a_tree_gets_no_more_jobs_than_it_may_have(engine: Engine) -> None:
    engine.dispatch.add_worker(WORKER, ["cpu"], 4)
    job = await engine.submit(asked("r", max_jobs=4))
    await engine.started(job)
    await engine.children(job, b"one", b"two")

    with pytest.raises(OptionsError, match="has 3 jobs and may have 4"):
        await engine.children(job, b"three", b"four")
    await engine.children(job, b"five")

    assert engine.journal.size("r") == 4


def test_steps_of_an_agenda_run_in_the_order_of_plain_calls() -> None:
    agenda, seen = Agenda(), list[str]()

    def visit(name: str, below: int) -> None:
        seen.append(name)
        for number in range(below):
            agenda.add(visit, f"{name}.{number}", below - 1)

    agenda.add(visit, "r", 2)

    assert seen == ["r", "r.0", "r.0.0", "r.1", "r.1.0"]


def test_a_step_that_raises_stops_no_other_and_is_told_at_the_end() -> None:
    agenda, seen = Agenda(), list[int]()

    def fails() -> None:
        raise ValueError("broken")

    def begin() -> None:
        agenda.add(fails)
        agenda.add(seen.append, 1)

    with pytest.raises(ValueError, match="broken"):
        agenda.add(begin)
    agenda.add(seen.append, 2)

    assert seen == [1, 2]
