"""Progress of a job as people ask for it: time elapsed and left, what runs now, latest results."""

import heapq
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime

from parrot_async.model.models import Frozen, JobId, JobNode, JobStatus
from parrot_async.model.tree import ACTIVE, FULL, UNSTARTED, JobTree

NO_HISTORY: Mapping[str, float] = {}
LATEST = 5
_EXPECTED = (ACTIVE | {JobStatus.QUEUED}) - {JobStatus.PAUSED}
"""States in which the time left can be estimated."""
_TRUSTED = 1.0
"""Percent from which a job's own rate is a better estimate than its function's history."""


class LatestResult(Frozen):
    """A recent result: its job, and a preview of the value."""

    job_id: JobId
    title: str
    preview: str
    completed_at: datetime | None


class JobStatusReport(Frozen):
    """State of a job and all below it at one moment; times in seconds, None where not known."""

    job_id: JobId
    title: str
    status: JobStatus
    progress_percentage: float
    current_activity: str
    time_elapsed: float | None
    estimated_remaining: float | None
    children_summary: dict[JobStatus, int]
    """Number of direct children in each state that occurs."""
    latest_results: tuple[LatestResult, ...]
    """The latest first."""


def status_report(
    tree: JobTree,
    job_id: JobId | None = None,
    *,
    now: datetime | None = None,
    history: Mapping[str, float] = NO_HISTORY,
) -> JobStatusReport:
    """Return the report of a job, of the root where no id is given.

    `history` has the mean seconds that each function took, by its `module:qualname`.
    """
    node = tree.root if job_id is None else tree[job_id]
    now = now or datetime.now(UTC)
    return JobStatusReport(
        job_id=node.id,
        title=node.title,
        status=node.status,
        progress_percentage=node.progress_percentage,
        current_activity=current_activity(tree, node),
        time_elapsed=elapsed(node, now),
        estimated_remaining=remaining(node, now, history),
        children_summary=children_summary(node),
        latest_results=tuple(latest_results(tree, node.id)),
    )


def elapsed(node: JobNode, now: datetime | None = None) -> float | None:
    """Return the seconds from the first start to the end, or to now; None before the start."""
    if node.started_at is None:
        return None
    end = node.completed_at or now or datetime.now(UTC)
    return max((end - node.started_at).total_seconds(), 0.0)


def remaining(
    node: JobNode, now: datetime | None = None, history: Mapping[str, float] = NO_HISTORY
) -> float | None:
    """Estimate the seconds until the end by the job's own rate, else by its function's history.

    The rate is that of the running attempt, without the time for which it was paused. Returns None
    where there is no estimate: without history before 1 %, while paused or being planned, and
    after the end.
    """
    if node.status not in _EXPECTED:
        return None
    now = now or datetime.now(UTC)
    begun = node.begun_at or node.started_at
    mean = history.get(node.spec.function)
    if node.status in UNSTARTED or begun is None:
        pause = 0.0 if node.retry_at is None else (node.retry_at - now).total_seconds()
        return None if mean is None else mean + max(pause, 0.0)
    ran = max((now - begun).total_seconds() - node.rested, 0.0)
    done = node.progress_percentage
    if done >= _TRUSTED:
        return ran * (FULL - done) / done
    return None if mean is None else max(mean - ran, 0.0)


def current_activity(tree: JobTree, node: JobNode) -> str:
    """Say what happens now: its step, else the deepest running job below it, else its state."""
    if node.status is JobStatus.RUNNING and node.current_step:
        return node.current_step
    deepest = _deepest_running(tree, node) if node.status in ACTIVE else node
    if deepest is node:
        return node.status.value.replace("_", " ").title()
    step = f": {deepest.current_step}" if deepest.current_step else ""
    return f"Processing: {deepest.title}{step}"


def children_summary(node: JobNode) -> dict[JobStatus, int]:
    """Return the number of direct children in each state that occurs."""
    return {status: count for status, count in (node.child_counts or {}).items() if count}


def latest_results(
    tree: JobTree, job_id: JobId | None = None, limit: int = LATEST
) -> Iterator[LatestResult]:
    """Yield the latest results of a job and all below it, the latest first."""
    ended = (node for node in tree.walk(job_id) if node.result is not None)
    epoch = datetime.min.replace(tzinfo=UTC)
    for node in heapq.nlargest(limit, ended, key=lambda node: node.completed_at or epoch):
        preview = node.result.preview if node.result else ""
        yield LatestResult(
            job_id=node.id, title=node.title, preview=preview, completed_at=node.completed_at
        )


def _deepest_running(tree: JobTree, node: JobNode) -> JobNode:
    """Return the first running job below without a running job below it; else the job itself."""
    pending = [node]
    while pending:
        here = pending.pop()
        active = list(_active_children(tree, here))
        if not active and here.status is JobStatus.RUNNING:
            return here
        pending.extend(reversed(active))
    return node


def _active_children(tree: JobTree, node: JobNode) -> Iterator[JobNode]:
    counts = node.child_counts or {}
    if any(counts.get(status) for status in ACTIVE):
        yield from (child for child in tree.children(node.id) if child.status in ACTIVE)
