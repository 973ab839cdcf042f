"""The executor: takes a tree of jobs from accepted to ended, each node as soon as it can start."""

import asyncio
import time
from collections.abc import Callable, Iterable, Sequence

from parrot_async.errors import ErrorInfo
from parrot_async.model import events
from parrot_async.model.models import FailurePolicy, JobId, JobStatus, parent_of
from parrot_async.service.engine.clock import Clock
from parrot_async.service.engine.dispatch import Dispatch
from parrot_async.service.engine.pausing import Pausing
from parrot_async.service.engine.retries import backoff, may_retry
from parrot_async.service.engine.state import IN_FLIGHT, Run
from parrot_async.service.journal.ends import End
from parrot_async.service.journal.journal import Journal

CANCELLED_BY_PARENT = ErrorInfo("cancelled_by_parent", "its parent ended before it")


class Executor:
    """All jobs that have not ended, and what becomes of them."""

    def __init__(
        self, journal: Journal, dispatch: Dispatch, patience: Callable[[str], float]
    ) -> None:
        """`patience` is how many seconds a job waits for the first worker of a pool."""
        self._journal = journal
        self._dispatch = dispatch
        self._patience = patience
        self._loop = asyncio.get_running_loop()
        self.runs: dict[JobId, Run] = {}
        self._clock = Clock(self._timed_out)
        self.pausing = Pausing(self.runs, journal, dispatch, self._clock)

    # Accepting.

    def accept(self, born: Sequence[Run]) -> None:
        """Take the jobs of one submission in, parents first, after they are durable."""
        for run in born:
            self.runs[run.id] = run
        for run in born:
            self._place_in_tree(run)
        for run in born:
            if self._is_orphan(run):
                self.stop(run, CANCELLED_BY_PARENT)
            elif not run.blockers and run.state == "blocked":
                self._activate(run)
        self.pausing.hold_born(run for run in born if run.state != "ended")

    @staticmethod
    def _is_orphan(run: Run) -> bool:
        """Whether its parent ended, or was told to, while it was being accepted."""
        parent = run.parent
        if parent is None:
            return run.node.parent_id is not None
        return parent.stop is not None or parent.state in ("draining", "ended")

    def _place_in_tree(self, run: Run) -> None:
        """Count what must happen before this job can start."""
        parent = run.parent = self.runs.get(parent_of(run.id) or "")
        if parent is not None:
            previous, parent.last_child = parent.last_child, run
            parent.children = parent.children or {}
            parent.children[run.id] = run
            if parent.has_body:
                parent.prints = parent.prints or {}
                parent.prints[run.id] = run.fingerprint
            if not parent.has_body and parent.state != "plan":
                run.blockers += 1
            if parent.node.spec.sequential and previous is not None and previous.state != "ended":
                self._follow(run, previous, needs_result=False)
        for needed in run.node.depends_on:
            self._depend(run, needed)

    def _depend(self, run: Run, needed: JobId) -> None:
        before = self.runs.get(needed)
        if before is not None:
            self._follow(run, before, needs_result=True)
        elif self._journal.status(needed) is not JobStatus.COMPLETED:
            self._loop.call_soon(self._end_dependent, run, needed)
            run.blockers += 1

    def _follow(self, run: Run, before: Run, needs_result: bool) -> None:
        before.followers = before.followers or []
        before.followers.append((run, needs_result))
        run.blockers += 1

    def _end_dependent(self, run: Run, needed: JobId) -> None:
        message = f"it needs job {needed}, which did not complete"
        self.finish(run, End(time.time(), error=ErrorInfo("dependency", message)))

    # Starting.

    def _activate(self, run: Run) -> None:
        if run.has_body:
            self._make_ready(run)
            return
        run.state = "plan"
        self._journal.waiting(run.id)
        for child in list((run.children or {}).values()):
            self._unblock(child)
        if run.bad_children:
            self._apply_policy(run, run.bad_child)
        self._finish_plan_if_over(run)

    def _unblock(self, run: Run) -> None:
        run.blockers -= 1
        if not run.blockers and run.state == "blocked":
            self._activate(run)

    def _make_ready(self, run: Run) -> None:
        self._dispatch.ready(run)
        if not run.node.spec.wait_for_workers and self._dispatch.missing(run):
            run.timer = self._loop.call_later(
                self._patience(run.node.spec.pool), self._give_up_waiting, run
            )

    def check_ready(self) -> None:
        """Give up what no worker can run any more, some time after one has left."""
        for run in [run for run in self.runs.values() if run.state == "ready"]:
            if not run.node.spec.wait_for_workers:
                self._give_up_waiting(run)

    def _give_up_waiting(self, run: Run) -> None:
        lacking = self._dispatch.missing(run)
        if run.state == "ready" and lacking is not None:
            self.finish(run, End(time.time(), error=ErrorInfo("unschedulable", lacking)))

    # What attempts say.

    def is_current(self, job_id: JobId, attempt: int) -> bool:
        """Whether this attempt is the one that counts; a late word of an older one does not."""
        run = self.runs.get(job_id)
        return run is not None and run.attempt == attempt and run.state in IN_FLIGHT

    def started(self, event: events.Started) -> None:
        """Attempts run."""
        for job_id, at in zip(event.ids, event.at, strict=True):
            run = self.runs[job_id]
            run.state, run.started, run.waited = "running", at, False
            run.cancel_timer()
            run.left = None
            if run.stop is None and run.node.spec.timeout:
                self._clock.begin(run, run.node.spec.timeout, at)

    def waiting(self, event: events.Waiting | events.Paused) -> None:
        """Bodies gave their slots back, to wait or to rest."""
        for job_id in event.ids:
            run = self.runs[job_id]
            run.state, run.waited = "waiting", True
            self._dispatch.free(run)
            if run.node.held_by:
                self._clock.hold(run)

    def continued(self, event: events.Continued) -> None:
        """Bodies have a slot again."""
        for job_id in event.ids:
            run = self.runs[job_id]
            if run.state == "waiting":
                run.state = "running"
                self._dispatch.hold(run)
                self._clock.go_on(run)

    def completed(self, event: events.Completed, blobs: Sequence[bytes | None]) -> list[int]:
        """Take results in; returns the columns that count now, others wait for their children."""
        kept = []
        for index, job_id in enumerate(event.ids):
            run = self.runs[job_id]
            self._learn(run, event.at[index])
            self._dispatch.left(run)
            if run.children:
                result, blob = event.results[index], blobs[index]
                self.finish(run, End(event.at[index], result=result, blob=blob))
            else:
                kept.append(index)
                self._end(run, completed=True)
        return kept

    def _learn(self, run: Run, ended: float) -> None:
        if run.state == "running" and run.stop is None and not run.waited:
            self._dispatch.durations.observe(run.node.spec.function_id, ended - run.started)
            self._dispatch.history.observe(run.node.spec.function, ended - run.started)

    def attempt_failed(self, event: events.AttemptFailed, blobs: Sequence[bytes | None]) -> None:
        """Attempts raised, or were stopped: run again, or end."""
        for index, job_id in enumerate(event.ids):
            run, error = self.runs[job_id], event.errors[index]
            self._learn(run, event.at[index])
            run.unstarted += error.kind == "lost"
            self._dispatch.left(run)
            blob = blobs[index] if blobs else None
            self._after_attempt(run, End(event.at[index], error=error, blob=blob))

    def _after_attempt(self, run: Run, end: End) -> None:
        """Run again, or end; what it was told to stop for counts more than how it stopped."""
        run.cancel_timer()
        if run.stop is not None:
            end = End(end.at, error=run.stop)
        if end.error is not None and may_retry(run, end.error):
            self._retry(run, end.error)
        else:
            self.finish(run, end)

    def _retry(self, run: Run, error: ErrorInfo) -> None:
        """Wait, then try again; children of the failed attempt that still run are stopped."""
        delay = 0.0
        if error.kind != "lost":
            delay = backoff(run.node.spec.retry, run.failed)
            run.failed += 1
            self._stop_children(run)
        run.stop = None
        run.unclaimed = self.children_to_find(run, failed_too=error.kind == "lost")
        self._journal.requeued(run.id, time.time() + delay)
        self.wait(run, delay)

    def wait(self, run: Run, seconds: float) -> None:
        """Have a job wait for its next attempt."""
        run.state = "backoff"
        run.timer = self._loop.call_later(seconds, self._ready_again, run)

    def children_to_find(self, run: Run, failed_too: bool) -> dict[str, list[JobId]]:
        """Children that the next attempt need not run again: completed, or still under way.

        A parent that was lost finds the failed ones as well: they failed it in no way, and a child
        whose kill took the parent's worker along would do so for ever.
        """
        found: dict[str, list[JobId]] = {}
        wanted = {JobStatus.COMPLETED, JobStatus.FAILED} if failed_too else {JobStatus.COMPLETED}
        for child_id, fingerprint in (run.prints or {}).items():
            child = self.runs.get(child_id)
            goes_on = child is not None and (child.stop is None or failed_too)
            if goes_on or self._journal.status(child_id) in wanted:
                found.setdefault(fingerprint, []).append(child_id)
        return found

    def _ready_again(self, run: Run) -> None:
        run.timer = None
        if run.state == "backoff":
            self._make_ready(run)

    # Losing.

    def lost(
        self, runs: Iterable[Run], message: str, slots: int = 0, *, counts: bool = True
    ) -> None:
        """Their worker is gone; `counts` says whether that is held against them.

        As many as it had `slots` had begun, whether it came to say so or not.
        """
        runs = [run for run in runs if run.state in IN_FLIGHT]
        free = slots - sum(run.state == "running" for run in runs)
        for run in runs:
            end = End(time.time(), error=ErrorInfo("lost", message))
            if run.state == "sent" and free > 0:
                free -= 1
                run.state = "running"
                at = time.time() - (time.monotonic() - run.sent)
                self._journal.presumed_started(run.id, run.attempt, at, run.worker)
            if run.state == "sent":
                run.unstarted += counts
            else:
                run.lost += counts
                self._journal.attempt_failed(run.id, run.attempt, end)
            self._dispatch.left(run)
            self._after_attempt(run, end)

    def returned(self, attempts: Iterable[tuple[JobId, int]]) -> None:
        """A worker gave attempts back that it had not started."""
        for job_id, attempt in attempts:
            if self.is_current(job_id, attempt):
                run = self.runs[job_id]
                self._dispatch.left(run)
                if run.stop is not None:
                    self.finish(run, End(time.time(), error=run.stop))
                else:
                    self._dispatch.ready(run)

    # Stopping.

    def cancel(self, job_id: JobId) -> bool:
        """Stop a job and all below it; False where it has ended already."""
        run = self.runs.get(job_id)
        if run is None:
            return False
        self._journal.cancel_requested(job_id)
        self.stop(run, ErrorInfo("cancelled", "it was cancelled"))
        return True

    def _timed_out(self, run: Run) -> None:
        seconds = run.node.spec.timeout
        self.stop(run, ErrorInfo("timeout", f"it ran longer than its timeout of {seconds:g}s"))

    def stop(self, run: Run, reason: ErrorInfo) -> None:
        """Have a job end for this reason: at once, or when its code lets go or is killed."""
        if run.state == "ended" or (run.stop is not None and run.stop.kind != "timeout"):
            return
        run.stop = reason
        if run.state in IN_FLIGHT:
            run.cancel_timer()
            self._dispatch.tell_to_stop(run, reason)
            run.timer = self._loop.call_later(run.node.spec.grace, self._kill, run)
        elif run.state == "draining":
            if reason.kind == "cancelled":
                run.end = End(time.time(), error=reason)
        else:
            self._dispatch.left(run)
            self.finish(run, End(time.time(), error=reason))
        self._stop_children(run)

    def _stop_children(self, run: Run) -> None:
        for child in list((run.children or {}).values()):
            self.stop(child, CANCELLED_BY_PARENT)

    def _kill(self, run: Run) -> None:
        """End a job whose code does not let go, by its worker's death where that is allowed."""
        if run.state not in IN_FLIGHT or run.stop is None:
            return
        end = End(time.time(), error=run.stop)
        self._journal.attempt_failed(run.id, run.attempt, end)
        worker, attempt = run.worker, run.attempt
        self._dispatch.left(run)
        beside = self._dispatch.kill(worker, (run.id, attempt))
        self.lost(beside, "its worker was killed because of another job", counts=False)
        self._after_attempt(run, end)

    # Ending.

    def finish(self, run: Run, end: End) -> None:
        """End a job, after its children have ended."""
        if run.state == "ended":
            return
        run.cancel_timer()
        if run.children:
            run.state, run.end = "draining", end
            self._stop_children(run)
            return
        if end.error is None and end.result is not None:
            self._journal.completed(run.id, run.attempt, end)
        elif end.error is not None and end.error.kind in ("cancelled", "cancelled_by_parent"):
            self._journal.cancelled(run.id, end)
        else:
            self._journal.failed(run.id, end)
        self._end(run, completed=end.error is None, error=end.error)

    def _end(self, run: Run, completed: bool, error: ErrorInfo | None = None) -> None:
        run.state = "ended"
        run.cancel_timer()
        del self.runs[run.id]
        for follower, needs_result in run.followers or ():
            if completed or not needs_result:
                self._unblock(follower)
            elif follower.state != "ended":
                # Not at once: a chain of a thousand would be as many calls deep.
                self._loop.call_soon(self._end_dependent, follower, run.id)
        if run.parent is not None:
            self._child_ended(run.parent, run, completed, error)
        else:
            self._dispatch.resume(run.id)

    def _child_ended(self, parent: Run, run: Run, completed: bool, error: ErrorInfo | None) -> None:
        (parent.children or {}).pop(run.id, None)
        parent.ended_children += 1
        if not completed:
            parent.bad_children += 1
            parent.bad_child = parent.bad_child or error
            if parent.state in ("plan", *IN_FLIGHT):
                self._apply_policy(parent, error)
        if parent.state == "draining" and not parent.children and parent.end is not None:
            self.finish(parent, parent.end)
        elif parent.state == "plan":
            self._finish_plan_if_over(parent)

    def _apply_policy(self, parent: Run, error: ErrorInfo | None) -> None:
        if parent.node.spec.on_failure is not FailurePolicy.FAIL or parent.stop is not None:
            return
        why = error.message if error else "no result"
        reason = ErrorInfo("children", f"a child did not complete: {why}")
        if parent.has_body:
            self.stop(parent, reason)
        elif parent.children:
            self.finish(parent, End(time.time(), error=reason))

    def _finish_plan_if_over(self, run: Run) -> None:
        expected = run.expected if run.expected is not None else run.ended_children
        if run.children or run.ended_children < expected or run.state != "plan":
            return
        self.finish(run, run.end_as_plan())
