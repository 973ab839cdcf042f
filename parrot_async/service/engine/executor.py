"""The executor: takes a tree of jobs from accepted to ended, each node as soon as it can start."""

import asyncio
import time
from collections.abc import Callable, Iterable, Sequence

from parrot_async.errors import ErrorInfo
from parrot_async.model import events
from parrot_async.model.models import JobId, JobStatus, parent_of
from parrot_async.service.engine.agenda import Agenda
from parrot_async.service.engine.dispatch import Dispatch
from parrot_async.service.engine.ending import CANCELLED_BY_PARENT, Ending
from parrot_async.service.engine.pausing import Pausing
from parrot_async.service.engine.retries import Retries
from parrot_async.service.engine.state import IN_FLIGHT, TrackedJob
from parrot_async.service.engine.stopping import Stopping
from parrot_async.service.engine.timeouts import Timeouts
from parrot_async.service.engine.unschedulable import Unschedulable
from parrot_async.service.journal.ends import End
from parrot_async.service.journal.journal import Journal


class Executor:
    """All jobs that have not ended: accepts them, starts them, and hears of their attempts.

    Its parts stop, end, retry and pause them. Each calls those before it in this list only: ending,
    stopping, retries; for the other direction they are given methods to call.

    Runs on: the scheduler's loop.
    """

    def __init__(
        self, journal: Journal, dispatch: Dispatch, gives_up_at: Callable[[str, float], float]
    ) -> None:
        """`gives_up_at(pool, since)` is until when a job waits for workers, see `Unschedulable`."""
        self._journal = journal
        self._dispatch = dispatch
        self._loop = asyncio.get_running_loop()
        self.jobs: dict[JobId, TrackedJob] = {}
        self._agenda = agenda = Agenda()
        self.ending = Ending(
            self.jobs, journal, dispatch, agenda, stop=self._stop, unblock=self._unblock
        )
        self.stopping = Stopping(
            self.jobs, journal, dispatch, self.ending, agenda, killed=self._killed
        )
        self.retries = Retries(self.jobs, journal, self.ending, make_ready=self._make_ready)
        self.unschedulable = Unschedulable(self.jobs, dispatch, self.ending, gives_up_at)
        self._timeouts = Timeouts(self.stopping.time_out)
        self.pausing = Pausing(self.jobs, journal, dispatch, self._timeouts)

    def _stop(self, job: TrackedJob, reason: ErrorInfo) -> None:
        self.stopping.stop(job, reason)

    # Accepting.

    def accept(self, new: Sequence[TrackedJob]) -> None:
        """Track the jobs of one submission, parents first, after they are durable."""
        for job in new:
            self.jobs[job.id] = job
        for job in new:
            self._place_in_tree(job)
        for job in new:
            if self._is_orphan(job):
                self.stopping.stop(job, CANCELLED_BY_PARENT)
            elif not job.blockers and job.state == "blocked":
                self._activate(job)
        self.pausing.hold_new(job for job in new if job.state != "ended")

    @staticmethod
    def _is_orphan(job: TrackedJob) -> bool:
        """Whether the job's parent ended, or was told to, while the job was being accepted."""
        # A submission is tracked when it is durable, some milliseconds after it was asked for. A
        # parent that ends or is stopped in between cannot stop children that it does not have yet:
        # they would run with nobody to wait for them, or keep a draining parent from its end.
        parent = job.parent
        if parent is None:
            return job.node.parent_id is not None
        return parent.stop is not None or parent.state in ("draining", "ended")

    def _place_in_tree(self, job: TrackedJob) -> None:
        """Count what must happen before this job can start."""
        parent = job.parent = self.jobs.get(parent_of(job.id) or "")
        if parent is not None:
            self._add_child(parent, job)
        for needed in job.node.depends_on:
            self._depend(job, needed)

    def _add_child(self, parent: TrackedJob, job: TrackedJob) -> None:
        previous, parent.last_child = parent.last_child, job
        parent.children = parent.children or {}
        parent.children[job.id] = job
        if parent.has_body:
            parent.prints = parent.prints or {}
            parent.prints[job.id] = job.fingerprint
        elif parent.state != "plan":
            job.blockers += 1
        if parent.node.spec.sequential and previous is not None and previous.state != "ended":
            self._follow(job, previous, needs_result=False)

    def _depend(self, job: TrackedJob, needed: JobId) -> None:
        before = self.jobs.get(needed)
        if before is not None:
            self._follow(job, before, needs_result=True)
        elif self._journal.status(needed) is not JobStatus.COMPLETED:
            self._loop.call_soon(self.ending.fail_dependent, job, needed)
            job.blockers += 1

    def _follow(self, job: TrackedJob, before: TrackedJob, needs_result: bool) -> None:
        before.followers = before.followers or []
        before.followers.append((job, needs_result))
        job.blockers += 1

    # Starting.

    def _activate(self, job: TrackedJob) -> None:
        """Start a job that waits for no other any more."""
        if job.has_body:
            self._make_ready(job)
            return
        job.to("plan")
        self._journal.waiting(job.id)
        self._agenda.add(self._begin_plan, job)

    def _begin_plan(self, job: TrackedJob) -> None:
        """Let the children of a plan start, each with all that it starts before the next one."""
        for child in (job.children or {}).values():
            self._agenda.add(self._unblock, child)
        self._agenda.add(self.ending.review_plan, job)

    def _unblock(self, job: TrackedJob) -> None:
        job.blockers -= 1
        if not job.blockers and job.state == "blocked":
            self._activate(job)

    def _make_ready(self, job: TrackedJob) -> None:
        self._dispatch.enqueue(job)
        self.unschedulable.watch(job)

    # What runners report of attempts. Each method relies on `is_current` for all that it is given.

    def is_current(self, job_id: JobId, attempt: int) -> bool:
        """Return whether this attempt counts; what an older one reports late does not."""
        job = self.jobs.get(job_id)
        return job is not None and job.attempt == attempt and job.state in IN_FLIGHT

    def started(self, event: events.Started) -> None:
        """Note that attempts have begun."""
        for job_id, at in zip(event.ids, event.at, strict=True):
            job = self.jobs[job_id]
            if job.state == "sent":
                job.to("running")
            # A runner may report that a body waits just before it reports the start.
            job.started, job.waited = at, job.state == "waiting"
            job.cancel_timer()
            job.time_left = None
            if job.stop is None and job.node.spec.timeout:
                self._timeouts.begin(job, job.node.spec.timeout, at)

    def waiting(self, event: events.Waiting | events.Paused) -> None:
        """Note that bodies gave their slots back, to wait for children or because they are held."""
        for job_id in event.ids:
            job = self.jobs[job_id]
            if job.state != "waiting":
                job.to("waiting")
            job.waited = True
            self._dispatch.free_slot(job)
            if job.node.held_by:
                self._timeouts.hold(job)

    def continued(self, event: events.Continued) -> None:
        """Note that bodies have a slot again."""
        for job_id in event.ids:
            job = self.jobs[job_id]
            if job.state == "waiting":
                job.to("running")
                self._dispatch.take_slot(job)
                self._timeouts.resume(job)

    def completed(self, event: events.Completed, blobs: Sequence[bytes | None]) -> list[int]:
        """Take results in. Returns the columns to record now; others wait for their children."""
        kept = []
        for index, job_id in enumerate(event.ids):
            job = self.jobs[job_id]
            self._observe(job, event.at[index])
            self._dispatch.remove(job)
            if job.children:
                result, blob = event.results[index], blobs[index]
                self.ending.finish(job, End(event.at[index], result=result, blob=blob))
            else:
                kept.append(index)
                self.ending.close(job)
        return kept

    def _observe(self, job: TrackedJob, ended: float) -> None:
        """Learn how long the job's function runs, from an attempt that nothing interrupted."""
        if job.state == "running" and job.stop is None and not job.waited:
            self._dispatch.durations.observe(job.node.spec.function_id, ended - job.started)
            self._dispatch.history.observe(job.node.spec.function, ended - job.started)

    def attempt_failed(self, event: events.AttemptFailed, blobs: Sequence[bytes | None]) -> None:
        """Retry or end jobs whose attempts raised, or were stopped."""
        for index, job_id in enumerate(event.ids):
            job, error = self.jobs[job_id], event.errors[index]
            self._observe(job, event.at[index])
            job.unstarted += error.kind == "lost"
            self._dispatch.remove(job)
            blob = blobs[index] if blobs else None
            self.retries.attempt_over(job, End(event.at[index], error=error, blob=blob))

    def returned(self, attempts: Iterable[tuple[JobId, int]]) -> None:
        """Queue attempts again that a worker gave back, as it had not started them."""
        for job_id, attempt in attempts:
            job = self.jobs.get(job_id)
            if job is None or job.attempt != attempt or job.state != "sent":
                continue
            self._dispatch.remove(job)
            if job.stop is not None:
                self.ending.finish(job, End(time.time(), error=job.stop))
            else:
                self._dispatch.enqueue(job)

    def refused(self, attempts: Iterable[tuple[JobId, int]], error: ErrorInfo) -> None:
        """End jobs that a worker gave back, and no other process can run."""
        for job_id, attempt in attempts:
            job = self.jobs.get(job_id)
            if job is not None and job.attempt == attempt and job.state == "sent":
                self._dispatch.remove(job)
                self.ending.finish(job, End(time.time(), error=job.stop or error))

    # Losing workers.

    def lost(
        self, jobs: Iterable[TrackedJob], message: str, slots: int = 0, *, counts: bool = True
    ) -> None:
        """End the attempts of a worker that is gone, which had so many `slots`.

        `counts` says whether the loss is held against the jobs. It never is against one that only
        waited, or that got on with its children: it would have gone on, and will.
        """
        jobs = [job for job in jobs if job.state in IN_FLIGHT]
        free = slots - sum(job.state == "running" for job in jobs)
        for job in jobs:
            end = End(time.time(), error=ErrorInfo("lost", message))
            if job.state == "sent" and free > 0:
                free -= 1
                self._presume_started(job)
            if job.state == "sent":
                job.unstarted += counts
            else:
                job.lost += counts and not job.progressed
                self._journal.attempt_failed(job.id, job.attempt, end)
            self._dispatch.remove(job)
            self.retries.attempt_over(job, end)

    def begun(self, job: TrackedJob) -> None:
        """Note that an attempt runs of which no start was heard; it began when it was sent."""
        self._presume_started(job)
        job.started = at = time.time() - (time.monotonic() - job.sent)
        if job.stop is None and job.node.spec.timeout:
            self._timeouts.begin(job, job.node.spec.timeout, at)

    def unheard(self, jobs: Sequence[TrackedJob], message: str) -> None:
        """End attempts that their worker does not have, although it has not reported their end."""
        # They may have run: as many slots as jobs, so that each counts as one that began.
        self.lost(jobs, message, slots=len(jobs))

    def _presume_started(self, job: TrackedJob) -> None:
        """Record a start that the worker had no time to report."""
        # A worker reports starts some milliseconds late, and what it had not sent died with it. But
        # its slots were surely filled, in the order of sending. Without this, a job that kills its
        # worker at once would look as if it had never run, and would do so MOST_UNSTARTED times
        # instead of as often as its policy allows.
        job.to("running")
        at = time.time() - (time.monotonic() - job.sent)
        self._journal.presumed_started(job.id, job.attempt, at, job.worker)

    def _killed(self, job: TrackedJob, end: End, beside: Sequence[TrackedJob]) -> None:
        """Go on after a job was ended by force; those beside it lost their worker for no fault."""
        self.lost(beside, "its worker was killed because of another job", counts=False)
        self.retries.attempt_over(job, end)
