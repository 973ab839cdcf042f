"""Pause and resume: whom somebody holds, and how those hear of it that run."""

import time
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

from parrot_async.model import events
from parrot_async.model.models import Holder, JobId
from parrot_async.service.engine.clock import Clock
from parrot_async.service.engine.dispatch import Dispatch
from parrot_async.service.engine.state import IN_FLIGHT, Run
from parrot_async.service.journal.journal import Journal

MOST_IN_EVENT = 1000
"""Jobs in one event, so that who takes it in may breathe between two."""


class Pausing:
    """Holds jobs of any trees, and lets them go on; who holds one is in its node."""

    def __init__(
        self, runs: Mapping[JobId, Run], journal: Journal, dispatch: Dispatch, clock: Clock
    ) -> None:
        """`runs` are all jobs that have not ended."""
        self._runs = runs
        self._journal = journal
        self._dispatch = dispatch
        self._clock = clock

    def pause_tree(self, job_id: JobId) -> bool:
        """Hold a job and all below it; False where it has ended already."""
        self.pause(self._below(job_id), "person")
        return job_id in self._runs

    def resume_tree(self, job_id: JobId) -> bool:
        """Let a job and all below it go on; False where it has ended already."""
        self.resume(self._below(job_id), "person")
        return job_id in self._runs

    def _below(self, job_id: JobId) -> Iterable[Run]:
        run = self._runs.get(job_id)
        pending = [] if run is None else [run]
        while pending:
            yield (here := pending.pop())
            pending.extend((here.children or {}).values())

    def queues_changed(self, names: Iterable[str], paused: bool) -> None:
        """Hold all jobs of these queues, or let them go on."""
        wanted = set(names)
        runs = [run for run in self._runs.values() if run.node.spec.queue in wanted]
        (self.pause if paused else self.resume)(runs, "queue")

    def hold_born(self, born: Iterable[Run]) -> None:
        """Hold new jobs whose parent somebody paused, or whose queue.

        One that another service left may be held for a queue that goes on by now.
        """
        by_person, by_queue, free = [], [], []
        for run in born:
            if run.parent is not None and "person" in run.parent.node.held_by:
                by_person.append(run)
            if self._dispatch.is_paused(run):
                by_queue.append(run)
            elif run.node.held_by:
                free.append(run)
        self.pause(by_person, "person")
        self.pause(by_queue, "queue")
        self.resume(free, "queue")

    def pause(self, runs: Iterable[Run], by: Holder) -> None:
        """Hold jobs: what does not run at once, what runs at its next checkpoint."""
        changed = [run for run in runs if by not in run.node.held_by]
        self._record(events.PauseRequested, changed, by)
        self._dispatch.tell_to_hold([run for run in changed if run.state in IN_FLIGHT])
        for run in changed:
            if run.state == "waiting":
                self._clock.hold(run)

    def resume(self, runs: Iterable[Run], by: Holder) -> None:
        """Let jobs go on that nobody else holds."""
        changed = [run for run in runs if by in run.node.held_by]
        self._record(events.Resumed, changed, by)
        free = [run for run in changed if not run.node.held_by]
        self._dispatch.tell_to_go_on([run for run in free if run.state in IN_FLIGHT])
        for run in free:
            if run.state == "waiting":
                self._clock.go_on(run)
        for root_id in {run.node.root_id for run in free}:
            self._dispatch.resume(root_id)

    def _record(
        self, kind: type[events.PauseRequested | events.Resumed], runs: Sequence[Run], by: Holder
    ) -> None:
        by_root: defaultdict[JobId, list[Run]] = defaultdict(list)
        for run in runs:
            by_root[run.node.root_id].append(run)
        for some in by_root.values():
            for start in range(0, len(some), MOST_IN_EVENT):
                part = some[start : start + MOST_IN_EVENT]
                at = max(time.time(), *(run.node.held_at for run in part))
                self._journal.pause_changed(kind(ids=tuple(run.id for run in part), at=at, by=by))
