"""Pause and resume: which jobs are held, and how their workers hear of it."""

import time
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

from parrot_async.model import events
from parrot_async.model.models import Holder, JobId
from parrot_async.service.engine.dispatch import Dispatch
from parrot_async.service.engine.state import IN_FLIGHT, TrackedJob
from parrot_async.service.engine.timeouts import Timeouts
from parrot_async.service.journal.journal import Journal

MOST_IN_EVENT = 1000
"""Jobs in one event, so that its readers can do other things between two."""


class Pausing:
    """Holds and resumes jobs; who holds a job is in its node.

    Runs on: the scheduler's loop.
    """

    def __init__(
        self,
        jobs: Mapping[JobId, TrackedJob],
        journal: Journal,
        dispatch: Dispatch,
        timeouts: Timeouts,
    ) -> None:
        """`jobs` are all that have not ended."""
        self._runs = jobs
        self._journal = journal
        self._dispatch = dispatch
        self._timeouts = timeouts

    def pause_tree(self, job_id: JobId) -> bool:
        """Hold a job and all below it. Returns False where it has ended already."""
        self.pause(self._below(job_id), "person")
        return job_id in self._runs

    def resume_tree(self, job_id: JobId) -> bool:
        """Resume a job and all below it. Returns False where it has ended already."""
        self.resume(self._below(job_id), "person")
        return job_id in self._runs

    def _below(self, job_id: JobId) -> Iterable[TrackedJob]:
        job = self._runs.get(job_id)
        pending = [] if job is None else [job]
        while pending:
            yield (here := pending.pop())
            pending.extend((here.children or {}).values())

    def queues_changed(self, names: Iterable[str], paused: bool) -> None:
        """Hold all jobs of these queues, or resume them."""
        wanted = set(names)
        jobs = [job for job in self._runs.values() if job.node.spec.queue in wanted]
        (self.pause if paused else self.resume)(jobs, "queue")

    def hold_new(self, new: Iterable[TrackedJob]) -> None:
        """Hold new jobs whose parent is held by a person, or whose queue is paused."""
        by_person, by_queue, free = [], [], []
        for job in new:
            if job.parent is not None and "person" in job.parent.node.held_by:
                by_person.append(job)
            if self._dispatch.is_paused(job):
                by_queue.append(job)
            elif job.node.held_by:
                # Recovered, and held for a queue that was resumed while nobody ran the job.
                free.append(job)
        if by_person:
            self.pause(by_person, "person")
        if by_queue:
            self.pause(by_queue, "queue")
        if free:
            self.resume(free, "queue")

    def pause(self, jobs: Iterable[TrackedJob], by: Holder) -> None:
        """Hold jobs: those that do not run at once, the others at their next checkpoint."""
        changed = [job for job in jobs if by not in job.node.held_by]
        self._record(events.PauseRequested, changed, by)
        self._dispatch.tell_to_hold([job for job in changed if job.state in IN_FLIGHT])
        for job in changed:
            if job.state == "waiting":
                self._timeouts.hold(job)

    def resume(self, jobs: Iterable[TrackedJob], by: Holder) -> None:
        """Resume jobs that nobody else holds."""
        changed = [job for job in jobs if by in job.node.held_by]
        self._record(events.Resumed, changed, by)
        free = [job for job in changed if not job.node.held_by]
        self._dispatch.tell_to_resume([job for job in free if job.state in IN_FLIGHT])
        for job in free:
            if job.state == "waiting":
                self._timeouts.resume(job)
        for root_id in {job.node.root_id for job in free}:
            self._dispatch.resume(root_id)

    def _record(
        self,
        kind: type[events.PauseRequested | events.Resumed],
        jobs: Sequence[TrackedJob],
        by: Holder,
    ) -> None:
        by_root: defaultdict[JobId, list[TrackedJob]] = defaultdict(list)
        for job in jobs:
            by_root[job.node.root_id].append(job)
        for some in by_root.values():
            for start in range(0, len(some), MOST_IN_EVENT):
                part = some[start : start + MOST_IN_EVENT]
                at = max(time.time(), *(job.node.held_at for job in part))
                self._journal.pause_changed(kind(ids=tuple(job.id for job in part), at=at, by=by))
