"""A job as one row of a live view, and the fields in which two rows of it differ."""

from collections.abc import Mapping
from datetime import UTC, datetime
from functools import lru_cache
from operator import attrgetter
from typing import cast

from parrot_async.model.models import TERMINAL, JobNode, JobStatus, JobType, Usage
from parrot_async.model.progress import remaining
from parrot_async.model.rows import RootRow
from parrot_async.model.tree import ACTIVE
from parrot_async.report import facts
from parrot_async.report.wording import both_ends, line
from parrot_async.view.protocol import Row

TITLE, STEP, PREVIEW, CALL = 160, 80, 80, 40
"""Characters of a text in a row; the details have the rest of it."""
_EPOCH = datetime.fromtimestamp(0, UTC)
_STANDING = dict.fromkeys(("step", "done", "total", "ends"))
"""The fields that only a running job has."""

_STATE = attrgetter(
    "status",
    "attempt",
    "worker",
    "cancel_requested",
    "held_by",
    "started_at",
    "completed_at",
    "retry_at",
    "result",
    "error",
    "usage",
)
Stamp = tuple[object, ...]
"""What the expensive part of a row is made of: while the stamp is equal, so is that part."""


def row(node: JobNode, history: Mapping[str, float], *, is_top: bool = False) -> Row:
    """Return what a view shows of a job; the top job of a view does not name its parent."""
    now = datetime.now(UTC)
    fields = _identity(node, is_top=is_top) | _state(node) | _progress(node, history, now)
    return cast("Row", {name: value for name, value in fields.items() if value})


def stamp(node: JobNode) -> Stamp:
    """Return the node's stamp; take it before the row is made, so that no change is missed."""
    return cast("Stamp", _STATE(node))


def changed_fields(
    node: JobNode, before: Row, history: Mapping[str, float], now: datetime, *, same_stamp: bool
) -> dict[str, object]:
    """Return the fields in which a job's row differs from `before`, None for one that is gone.

    Only its progress is compared if its stamp is the same.
    """
    fields = _progress(node, history, now)
    return differences(before, fields if same_stamp else _state(node) | fields)


def stored_row(root: RootRow) -> Row:
    """Return what a panel shows of a tree that is not here."""
    fields = {
        "id": root.id,
        "title": line(root.title, TITLE) or line(root.function, TITLE) or "(no title)",
        "status": root.status.value,
        "type": JobType.ROOT_JOB.value,
        "created": round(root.created_at, 2),
        "ended": root.completed_at and round(root.completed_at, 2),
        "queue": "" if root.queue == "default" else root.queue,
        "function": line(root.function),
        "cost": str(root.cost) if root.cost else "",
        "error": line(root.error or ""),
    }
    return cast("Row", {name: value for name, value in fields.items() if value})


def differences(before: Row, now: Mapping[str, object]) -> dict[str, object]:
    """Return the fields that differ from `before`; None for one that has its default again."""
    old = before.get
    return {name: value or None for name, value in now.items() if (value or None) != old(name)}


def _identity(node: JobNode, *, is_top: bool) -> dict[str, object]:
    """Return what a job was submitted as, which never changes."""
    spec = node.spec
    title = line(node.title, TITLE) or line(spec.function, TITLE) or "(no title)"
    is_named = not spec.function.endswith(title)
    return {
        "id": node.id,
        "parent": "" if is_top else node.parent_id,
        "title": title,
        "type": "" if spec.job_type is JobType.TASK else spec.job_type.value,
        "queue": "" if spec.queue == "default" else spec.queue,
        "pool": spec.pool,
        "function": line(spec.function) if is_named else "",
        "call": "" if is_named or not node.arguments else both_ends(node.arguments, CALL),
        "created": _seconds(node.created_at),
    }


def _state(node: JobNode) -> dict[str, object]:
    """Return what changes seldom: the fields that its stamp is made of."""
    status, usage, result = node.status, node.usage, node.result
    is_active, has_ended = status in ACTIVE, status in TERMINAL
    preview = result.preview if has_ended and result is not None else ""
    return {
        "status": status.value,
        "worker": node.worker.rpartition("/")[2] if is_active or has_ended else "",
        "stopping": is_active and node.cancel_requested,
        "pausing": is_active and node.pause_requested,
        "error": facts.error(node.error) if has_ended and node.error is not None else "",
        "result": line(preview, PREVIEW) if preview else "",
        "source": line(result.source) if has_ended and result is not None else "",
        "started": _seconds(node.started_at),
        "ended": _seconds(node.completed_at),
        "retry": _seconds(node.retry_at) if status is JobStatus.QUEUED else 0,
        "incomplete": has_ended and _is_incomplete(node),
        "attempt": node.attempt if node.attempt > 1 else 0,
        "tokens": 0 if usage is None else usage.tokens,
        "cost": cost_text(usage) if usage is not None and usage.cost else "",
    }


def _is_incomplete(node: JobNode) -> bool:
    """Whether something of a tree that has ended would run again, and something would not."""
    is_tree = node.child_counts is not None
    return is_tree and (node.status is not JobStatus.COMPLETED or node.incomplete_below)


def cost_text(usage: Usage) -> str:
    """Return a cost as the page takes it: "" if it is not known, "0.24+" if some of it is not."""
    if usage.cost is None:
        return ""
    return f"{usage.cost}+" if usage.unpriced else str(usage.cost)


def _progress(node: JobNode, history: Mapping[str, float], now: datetime) -> dict[str, object]:
    """Return what may change at each update."""
    counts = node.child_counts
    fields: dict[str, object] = {
        "progress": round(node.progress_percentage, 1),
        "counts": {key.value: n for key, n in dict(counts).items() if n} if counts else None,
    }
    if node.status not in ACTIVE:
        return fields | _STANDING
    left = remaining(node, now, history)
    fields["step"] = _step(node.current_step)
    fields["done"], fields["total"] = node.steps_completed, node.total_steps
    # In whole seconds: a measured rate varies a little at each update.
    fields["ends"] = None if left is None else round(now.timestamp() + left)
    return fields


@lru_cache(maxsize=1_000)
def _step(text: str) -> str:
    """Return the step on one line; cached, since jobs take the same steps again and again."""
    return line(text, STEP)


def _seconds(at: datetime | None) -> float:
    return 0 if at is None else round((at - _EPOCH).total_seconds(), 2)
