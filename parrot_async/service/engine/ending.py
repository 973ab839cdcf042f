"""How jobs end: after their children, as their parents' policies say, and before who needs them."""

import asyncio
import time
from collections.abc import Callable

from parrot_async.errors import ErrorInfo
from parrot_async.model.models import FailurePolicy, JobId, JobResult
from parrot_async.service.engine.agenda import Agenda
from parrot_async.service.engine.dispatch import Dispatch
from parrot_async.service.engine.state import IN_FLIGHT, TrackedJob
from parrot_async.service.journal.ends import End
from parrot_async.service.journal.journal import Journal

CANCELLED_BY_PARENT = ErrorInfo("cancelled_by_parent", "its parent ended before it")


class Ending:
    """Ends jobs, and tells their parents and those that wait for them.

    What is done to a job is done at once; what follows for its parent, its followers and the
    children of its children is put on the agenda, so that nothing recurses over a tree.

    Runs on: the scheduler's loop.
    """

    def __init__(
        self,
        jobs: dict[JobId, TrackedJob],
        journal: Journal,
        dispatch: Dispatch,
        agenda: Agenda,
        *,
        stop: Callable[[TrackedJob, ErrorInfo], None],
        unblock: Callable[[TrackedJob], None],
    ) -> None:
        """Share the service's parts; `jobs` are all that have not ended.

        `stop` is called with jobs that must end because a relative did, `unblock` with jobs that
        have one thing less to wait for.
        """
        self._jobs = jobs
        self._journal = journal
        self._dispatch = dispatch
        self._agenda = agenda
        self._stop = stop
        self._unblock = unblock
        self._loop = asyncio.get_running_loop()

    def finish(self, job: TrackedJob, end: End) -> None:
        """End a job, after its children have ended; they are stopped."""
        if job.state == "ended":
            return
        job.cancel_timer()
        if job.children:
            # An end is never taken back, and a parent's sums up its children's: were it recorded
            # now, who waits for the tree would see it over while children still run, or fail.
            job.end = end
            if job.state != "draining":
                job.to("draining")
            self._agenda.add(self.stop_children, job)
            return
        self._record(job, end)
        self.close(job, end.error)

    def _record(self, job: TrackedJob, end: End) -> None:
        if end.error is None and end.result is not None:
            self._journal.completed(job.id, job.attempt, end)
        elif end.error is not None and end.error.kind in ("cancelled", "cancelled_by_parent"):
            self._journal.cancelled(job.id, end)
        else:
            self._journal.failed(job.id, end)

    def close(self, job: TrackedJob, error: ErrorInfo | None = None) -> None:
        """Forget a job whose end is recorded, and go on with those that waited for it.

        Without an `error` it has completed.
        """
        job.to("ended")
        job.cancel_timer()
        del self._jobs[job.id]
        if job.followers:
            self._agenda.add(self._release_followers, job, error)
        if job.parent is not None:
            self._child_ended(job.parent, job, error)
        else:
            self._dispatch.resume(job.id)

    def _release_followers(self, job: TrackedJob, error: ErrorInfo | None) -> None:
        # Taken out: who is held by a follower of a follower would be freed by as deep a recursion.
        followers, job.followers = job.followers or (), None
        for follower, needs_result in followers:
            if error is None or not needs_result:
                self._unblock(follower)
            elif follower.state != "ended":
                self._loop.call_soon(self.fail_dependent, follower, job.id)

    def fail_dependent(self, job: TrackedJob, needed: JobId) -> None:
        """End a job that needs the result of one that did not complete."""
        message = f"it needs job {needed}, which did not complete"
        self.finish(job, End(time.time(), error=ErrorInfo("dependency", message)))

    def stop_children(self, job: TrackedJob) -> None:
        """Stop all children of a job that have not ended, and all below them."""
        for child in list((job.children or {}).values()):
            self._stop(child, CANCELLED_BY_PARENT)

    # Policies of parents.

    def _child_ended(self, parent: TrackedJob, child: TrackedJob, error: ErrorInfo | None) -> None:
        (parent.children or {}).pop(child.id, None)
        parent.ended_children += 1
        if error is not None:
            parent.bad_children += 1
            parent.bad_child = parent.bad_child or error
        elif parent.children:
            return
        self._agenda.add(self._review_parent, parent, error)

    def _review_parent(self, parent: TrackedJob, error: ErrorInfo | None) -> None:
        """Go on with a parent whose last child has ended, or one of its children badly."""
        if error is not None and parent.state in ("plan", *IN_FLIGHT):
            self._apply_policy(parent, error)
        if parent.state == "draining" and not parent.children and parent.end is not None:
            self.finish(parent, parent.end)
        elif parent.state == "plan":
            self._finish_plan_if_over(parent)

    def review_plan(self, job: TrackedJob) -> None:
        """End a plan that has just started, where the children that it has had decide that."""
        if job.bad_children:
            self._apply_policy(job, job.bad_child)
        self._finish_plan_if_over(job)

    def _apply_policy(self, parent: TrackedJob, error: ErrorInfo | None) -> None:
        """End a parent that fails with its first child."""
        if parent.node.spec.on_failure is not FailurePolicy.FAIL or parent.stop is not None:
            return
        why = error.message if error else "no result"
        reason = ErrorInfo("children", f"a child did not complete: {why}")
        if parent.has_body:
            self._stop(parent, reason)
        elif parent.children:
            self.finish(parent, End(time.time(), error=reason))

    def _finish_plan_if_over(self, job: TrackedJob) -> None:
        expected = job.expected if job.expected is not None else job.ended_children
        if job.children or job.ended_children < expected or job.state != "plan":
            return
        self.finish(job, end_of_plan(job))


def end_of_plan(job: TrackedJob) -> End:
    """Return how a plan ends of which all children have ended."""
    count, good = job.ended_children, job.ended_children - job.bad_children
    if job.bad_children and job.node.spec.on_failure is not FailurePolicy.IGNORE:
        first = job.bad_child.message if job.bad_child else "no result"
        message = f"{job.bad_children:,} of {count:,} children did not complete: {first}"
        return End(time.time(), error=ErrorInfo("children", message))
    done = JobResult(preview=f"{good:,} of {count:,} children completed")
    return End(time.time(), result=done)
