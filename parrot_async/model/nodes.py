"""The fields of a node as the fold changes them: a new node, its attempts, its pauses."""

from collections.abc import Mapping
from datetime import datetime
from functools import lru_cache

from parrot_async.errors import ErrorInfo
from parrot_async.model.models import Bills, Holder, JobId, JobNode, JobResult, JobStatus, utc

NOBODY: frozenset[Holder] = frozenset()
# Python 3.11 finds a member of an enum in 100 ns, a name in 10.
RUNNING, WAITING, PAUSED = JobStatus.RUNNING, JobStatus.WAITING_FOR_CHILDREN, JobStatus.PAUSED
HOLDING = frozenset({JobStatus.QUEUED, WAITING, PAUSED})
"""Stages in which no code of the job itself runs."""


def blank_node() -> JobNode:
    """Return a node to which nothing has happened.

    It sets each field by itself: pydantic's constructor would take 7 us to validate what the event
    has validated already, and a node must cost less than its event. A test compares the node with
    one of the constructor, so that no field is forgotten.
    """
    node: JobNode = object.__new__(JobNode)
    node.children = node.known_as = ()
    node.child_counts = node.past = node.result = node.error = node.origin = None
    node.begun_at = node.ended_at = node.attempt_error = None
    node.started_at = node.completed_at = node.retry_at = node.saved_at = None
    node.usage = node.own_usage = node.logs = node.bills = None
    node.child_weight = node.child_progress = node.counted_progress = node.own_progress = 0.0
    node.turned_at = 0.0
    node.attempt = node.steps_completed = node.total_steps = 0
    node.worker = node.current_step = ""
    node.cancel_requested = node.incomplete_below = False
    node.held_by = NOBODY
    node.held_at = node.rested = 0.0
    return node


def shown_status(node: JobNode) -> JobStatus:
    """Return the state to show: PAUSED where the job is paused and nothing of it runs."""
    stage = RUNNING if node.stage is PAUSED else node.stage
    if not node.held_by or node.stage not in HOLDING:
        return stage
    counts = node.child_counts
    runs = counts is not None and (counts.get(RUNNING) or counts.get(WAITING))
    return stage if runs else PAUSED


@lru_cache(maxsize=256)
def shared(result: JobResult) -> JobResult:
    """Return the first equal result, to keep it once: ten thousand jobs often have the same."""
    return result


def retire(node: JobNode) -> None:
    """Move the latest attempt, if there is one, to the past ones."""
    if node.begun_at is not None:
        node.past = node.attempts
        node.begun_at = node.ended_at = node.attempt_error = None


def close(node: JobNode, at: float, error: ErrorInfo | None) -> None:
    """End the latest attempt, if it runs."""
    if node.begun_at is not None and node.ended_at is None:
        node.ended_at, node.attempt_error = max(utc(at), node.begun_at), error


def end_time(node: JobNode, at: float) -> datetime:
    """Return the time of a job's end: not before it began, or was created, by other clocks."""
    ended = utc(at)
    return max(ended, node.created_at or ended, node.started_at or ended)


def is_over(node: JobNode) -> bool:
    """Whether the latest attempt has ended, so that later events of it do not count."""
    return node.ended_at is not None


def note_incomplete(nodes: Mapping[JobId, JobNode], node: JobNode) -> None:
    """Have all above a job know that it has ended without a result; each is told once."""
    while node.parent_id is not None:
        node = nodes[node.parent_id]
        if node.incomplete_below:
            return
        node.incomplete_below = True


def is_billed(node: JobNode, attempt: int, number: int) -> bool:
    """Whether this usage of an attempt was counted before; it is noted as counted now."""
    if not number:
        return False
    node.bills = node.bills or {}
    return not node.bills.setdefault(attempt, Bills()).is_new(number)


def is_newer(node: JobNode, at: float) -> bool:
    """Whether the latest attempt runs and began after `at`."""
    if node.begun_at is None or is_over(node):
        return False
    return node.begun_at > utc(at)


def hold(node: JobNode, by: Holder, at: float, wanted: bool) -> None:
    """Add, or remove, one who paused the job; the time of a pause does not count as running."""
    began = node.begun_at or node.started_at
    if node.held_by and began is not None:
        node.rested += max(at - max(node.held_at, began.timestamp()), 0.0)
    node.held_by = node.held_by | {by} if wanted else node.held_by - {by}
    node.held_at = at


def forget_progress(node: JobNode) -> None:
    """Reset the progress, as the next attempt begins at nothing."""
    node.own_progress, node.current_step = 0.0, ""
    node.steps_completed = node.total_steps = 0
