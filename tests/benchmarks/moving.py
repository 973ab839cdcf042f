"""A tree that changes ten times a second, in a kernel: in a live view, or in plain boxes."""

import random
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

import ipywidgets

from parrot_async.model.events import Event, Progressed, Started, Submitted, Waiting
from parrot_async.model.models import JobId, JobSpec, JobType, parent_of
from parrot_async.widget import JobTreeView
from tests.unit.views import World

TICK = 0.1
CHANGED = 50
"""Leaves that change at each tick, all above them as well."""
GROUPS = 20
ROOT = "tree"
PLAN = JobSpec(title="embed a corpus", job_type=JobType.PLAN)
GROUP = JobSpec(title="embed a folder", job_type=JobType.SUBPLAN)
LEAF = JobSpec(title="embed a page", function="corpus:embed")
WORKER = "tls://127.0.0.1:40001"


class Moving:
    """So many nodes in three levels; each change costs what it costs a real client."""

    def __init__(self, nodes: int) -> None:
        """Have all leaves run."""
        each = (nodes - 1 - GROUPS) // GROUPS
        groups = [f"{ROOT}.{number}" for number in range(GROUPS)]
        self.leaves = [f"{group}.{number}" for group in groups for number in range(each)]
        self._world = World()
        self._chance = random.Random(1)
        self._world.tell(
            Submitted(at=time.time(), spec=PLAN, ids=(ROOT,)),
            Submitted(at=time.time(), spec=GROUP, ids=tuple(groups), parent_id=ROOT),
        )
        for group in groups:
            self._world.tell(*_begun(tuple(f"{group}.{number}" for number in range(each)), group))
        ids = (ROOT, *groups)
        self._world.tell(Waiting(ids=ids, attempts=(0,) * len(ids), at=time.time()))

    def view(self) -> JobTreeView:
        """Make the live view."""
        return JobTreeView(self._world.source, ROOT)

    def boxes(self) -> "Boxes":
        """Make the same out of ipywidgets."""
        return Boxes([ROOT, *dict.fromkeys(map(_above, self.leaves)), *self.leaves])

    def change(self) -> Sequence[tuple[JobId, float]]:
        """Let some leaves get on; what is said of them to `tell`."""
        leaves = self._chance.sample(self.leaves, min(CHANGED, len(self.leaves)))
        return [(leaf, self._chance.uniform(0, 100)) for leaf in leaves]

    def tell(self, changes: Sequence[tuple[JobId, float]]) -> None:
        """Let it have happened."""
        n = len(changes)
        self._world.tell(
            Progressed(
                ids=tuple(leaf for leaf, _ in changes),
                attempts=(1,) * n,
                percents=tuple(percent for _, percent in changes),
                steps=("embedding",) * n,
                done=(0,) * n,
                totals=(0,) * n,
            )
        )


def _above(job_id: JobId) -> JobId:
    found = parent_of(job_id)
    assert found is not None
    return found


def _begun(ids: tuple[JobId, ...], parent: JobId) -> tuple[Event, Event]:
    ones, now = (1,) * len(ids), time.time()
    return (
        Submitted(at=now, spec=LEAF, ids=ids, parent_id=parent),
        Started(ids=ids, attempts=ones, at=(now,) * len(ids), worker=WORKER),
    )


class Boxes:
    """A row of ipywidgets for each node, as people write it who have nothing better."""

    def __init__(self, ids: Sequence[JobId]) -> None:
        """Make the rows."""
        self._bars = {job_id: ipywidgets.FloatProgress(max=100) for job_id in ids}
        self._words = {job_id: ipywidgets.Label("running") for job_id in ids}
        rows = [
            ipywidgets.HBox([ipywidgets.Label(job_id), self._bars[job_id], self._words[job_id]])
            for job_id in ids
        ]
        self.widget = ipywidgets.VBox(rows)
        self.widget.add_class("bench-boxes")

    def tell(self, changes: Sequence[tuple[JobId, float]]) -> None:
        """Let it have happened, to all above as well."""
        percents = dict(changes)
        for leaf, percent in changes:
            percents[_above(leaf)] = percents[ROOT] = percent
        for job_id, percent in percents.items():
            self._bars[job_id].value = percent
            self._words[job_id].value = f"running, {percent:.0f} %"


class Pace:
    """Tells a tree's changes ten times a second on a thread, and counts what the kernel spends."""

    def __init__(self, moving: Moving, tell: Callable[[Any], None], *, is_ours: bool) -> None:
        """Begin at once; what `tell` itself takes counts where it is the display."""
        self._moving = moving
        self._tell = tell
        self._is_ours = is_ours
        self._stop = threading.Event()
        self._ticks = 0
        self._beside = 0.0
        self._began = time.process_time()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        while not self._stop.wait(TICK):
            began = time.thread_time()
            changes = self._moving.change()
            if self._is_ours:
                self._tell(changes)
            self._beside += time.thread_time() - began
            if not self._is_ours:
                self._tell(changes)
            self._ticks += 1

    def end(self) -> float:
        """Stop; milliseconds of processor time that the display has cost for each update."""
        self._stop.set()
        self._thread.join()
        spent = time.process_time() - self._began - self._beside
        return 1000 * spent / self._ticks
