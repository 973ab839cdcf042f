"""Trees that a client began to submit, and that nobody will complete."""

import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from parrot_async.model.models import JobNode
from parrot_async.service.custody.abandoned import GONE, Abandoned, lacks_jobs
from parrot_async.service.engine.state import TrackedJob
from parrot_async.store import Commit
from tests.unit.service.journals import Bench, Engine, engine_beside, journal_on
from tests.unit.stories import PLAN, submitted

MAP = PLAN.model_copy(update={"expected": 2})


@dataclass
class Scene:
    """A big map of which one job of two has come."""

    bench: Bench
    engine: Engine
    abandoned: Abandoned

    def see(self, ago: float) -> None:
        """The client was there so many seconds ago for the last time."""
        (root_id,) = self.abandoned._submitting
        self.abandoned._submitting[root_id] = "client", time.monotonic() - ago


@pytest.fixture
async def scene(tmp_path: Path) -> AsyncIterator[Scene]:
    async with journal_on(tmp_path / "jobs.db") as bench:
        engine = engine_beside(bench.journal)
        nodes = await bench.journal.accept(
            [(submitted("r", spec=MAP), Commit()), (submitted("r.0", spec=PLAN), Commit())]
        )
        engine.executor.accept([TrackedJob(node, 0, expected=node.spec.expected) for node in nodes])
        yield Scene(bench, engine, Abandoned(engine.executor, bench.watch))


async def test_a_client_that_has_gone_for_good_takes_its_tree_along(scene: Scene) -> None:
    scene.abandoned.begun("r", "client")

    scene.see(ago=GONE - 1)
    scene.abandoned.look()
    before = set(scene.engine.executor.jobs)
    scene.see(ago=GONE + 1)
    scene.abandoned.look()

    assert before == {"r"}
    assert scene.engine.executor.jobs == {}


async def test_a_tree_that_is_complete_is_looked_after_no_longer(scene: Scene) -> None:
    scene.abandoned.begun("r", "client")

    scene.engine.executor.jobs["r"].expected = 1
    scene.abandoned.look()

    assert not scene.abandoned._submitting
    assert "r" in scene.engine.executor.jobs


async def test_a_tree_that_came_whole_or_has_ended_is_not_looked_after(scene: Scene) -> None:
    scene.engine.executor.jobs["r"].expected = None

    scene.abandoned.begun("r", "client")
    scene.abandoned.begun("unknown", "client")

    assert not scene.abandoned._submitting


@pytest.mark.parametrize(
    ("expected", "ended", "left", "lacks"),
    [(None, 0, 0, False), (2, 0, 0, True), (2, 1, 0, True), (2, 1, 1, False), (2, 2, 0, False)],
)
def test_a_plan_lacks_the_jobs_that_neither_ended_nor_wait(
    expected: int | None, ended: int, left: int, lacks: bool
) -> None:
    run = TrackedJob(JobNode(id="r", spec=PLAN), 0, expected=expected, ended_children=ended)
    run.children = {f"r.{n}": TrackedJob(JobNode(id=f"r.{n}", spec=PLAN), 0) for n in range(left)}

    assert lacks_jobs(run) is lacks
