"""A job as one row of a live view, and what differs between two rows of it."""

from collections.abc import Mapping
from datetime import UTC, datetime
from functools import lru_cache
from operator import attrgetter
from typing import Any, cast

from parrot_async.model.models import TERMINAL, JobNode, JobStatus, JobType
from parrot_async.model.progress import remaining
from parrot_async.model.rows import RootRow
from parrot_async.model.tree import ACTIVE
from parrot_async.report import facts
from parrot_async.report.wording import both_ends, line
from parrot_async.view.protocol import Row

TITLE, STEP, PREVIEW, CALL = 160, 80, 80, 40
"""Characters of a text that travel in a row; the details have all of it."""
_EPOCH = datetime.fromtimestamp(0, UTC)
_STANDING = dict.fromkeys(("step", "done", "total", "ends"))
"""What goes only for a job that runs."""


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
"""What the slow part of a row is made of: as long as it is equal, so is that part."""


def row(node: JobNode, history: Mapping[str, float], *, is_top: bool = False) -> Row:
    """What a view shows of a job; the top of a view does not name its parent."""
    now = datetime.now(UTC)
    said = _identity(node, is_top=is_top) | _state(node) | _pace(node, history, now)
    return cast("Row", {name: value for name, value in said.items() if value})


def stamp(node: JobNode) -> Stamp:
    """To be taken before the row is made: what changes meanwhile makes another one."""
    return cast("Stamp", _STATE(node))


def moves(
    node: JobNode, before: Row, history: Mapping[str, float], now: datetime, *, same_stamp: bool
) -> dict[str, object]:
    """How a job's row differs from what it was; only its pace where its stamp is the same."""
    said = _pace(node, history, now)
    return differences(before, said if same_stamp else _state(node) | said)


def stored_row(root: RootRow) -> Row:
    """What a panel shows of a tree that is not here."""
    said = {
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
    return cast("Row", {name: value for name, value in said.items() if value})


def differences(before: Row, now: Mapping[str, object]) -> dict[str, object]:
    """The fields that are said now and not as before; None for one that has its default again."""
    told = before.get
    return {name: value or None for name, value in now.items() if (value or None) != told(name)}


def _identity(node: JobNode, *, is_top: bool) -> dict[str, Any]:
    """What it was submitted as, which never changes."""
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


def _state(node: JobNode) -> dict[str, Any]:
    """What changes seldom: the fields of its stamp."""
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
        "attempt": node.attempt if node.attempt > 1 else 0,
        "tokens": 0 if usage is None else usage.tokens,
        "cost": str(usage.cost) if usage is not None and usage.cost else "",
    }


def _pace(node: JobNode, history: Mapping[str, float], now: datetime) -> dict[str, Any]:
    """What may change at each update."""
    counts = node.child_counts
    said: dict[str, Any] = {
        "progress": round(node.progress_percentage, 1),
        "counts": {key.value: n for key, n in dict(counts).items() if n} if counts else None,
    }
    if node.status not in ACTIVE:
        return said | _STANDING
    left = remaining(node, now, history)
    said["step"] = _step(node.current_step)
    said["done"], said["total"] = node.steps_completed, node.total_steps
    # In whole seconds, since a rate trembles.
    said["ends"] = None if left is None else round(now.timestamp() + left)
    return said


@lru_cache(maxsize=1_000)
def _step(text: str) -> str:
    """Jobs take the same steps again and again."""
    return line(text, STEP)


def _seconds(at: datetime | None) -> float:
    return 0 if at is None else round((at - _EPOCH).total_seconds(), 2)
