"""A job as one row of a live view, and what differs between two rows of it."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, cast

from parrot_async.models import TERMINAL, JobNode, JobStatus, JobType
from parrot_async.progress import remaining
from parrot_async.report import facts
from parrot_async.report.wording import line
from parrot_async.store import RootRow
from parrot_async.tree import ACTIVE
from parrot_async.widget.protocol import Row

TITLE, STEP, PREVIEW, CALL = 160, 80, 80, 40
"""Characters of a text that travel in a row; the details have all of it."""
_EPOCH = datetime.fromtimestamp(0, UTC)


def row(node: JobNode, history: Mapping[str, float], *, is_top: bool = False) -> Row:
    """What a view shows of a job; the top of a view does not name its parent."""
    said: dict[str, Any] = {"id": node.id}
    if node.parent_id is not None and not is_top:
        said["parent"] = node.parent_id
    said["title"] = line(node.title, TITLE) or line(node.spec.function, TITLE) or "(no title)"
    said["status"] = node.status.value
    if node.status in ACTIVE:
        said |= _under_way(node, history)
    elif node.status in TERMINAL:
        said |= _outcome(node)
    said |= _spec(node, said["title"]) | _times(node) | _sums(node)
    return cast("Row", {name: value for name, value in said.items() if value})


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


def differences(before: Row, now: Row) -> dict[str, object]:
    """The fields that are not as before; None for one that has its default again."""
    changed: dict[str, object] = {
        name: value for name, value in now.items() if before.get(name) != value
    }
    return changed | dict.fromkeys(before.keys() - now.keys())


def _spec(node: JobNode, title: str) -> dict[str, Any]:
    """What it was submitted as."""
    spec = node.spec
    is_named = not spec.function.endswith(title)
    return {
        "type": "" if spec.job_type is JobType.TASK else spec.job_type.value,
        "queue": "" if spec.queue == "default" else spec.queue,
        "pool": spec.pool,
        "function": line(spec.function) if is_named else "",
        "call": "" if is_named or not node.arguments else line(node.arguments, CALL),
    }


def _under_way(node: JobNode, history: Mapping[str, float]) -> dict[str, Any]:
    """What changes as long as an attempt runs."""
    left = remaining(node, history=history)
    return {
        "step": line(node.current_step, STEP) if node.current_step else "",
        "done": node.steps_completed,
        "total": node.total_steps,
        "worker": node.worker.rpartition("/")[2],
        # In whole seconds, since a rate trembles.
        "ends": 0 if left is None else round(datetime.now(UTC).timestamp() + left),
        "stopping": node.cancel_requested,
        "pausing": node.pause_requested,
    }


def _outcome(node: JobNode) -> dict[str, Any]:
    """How it ended."""
    preview = node.result.preview if node.result is not None else ""
    return {
        "worker": node.worker.rpartition("/")[2],
        "error": facts.error(node.error) if node.error is not None else "",
        "result": line(preview, PREVIEW) if preview else "",
    }


def _times(node: JobNode) -> dict[str, Any]:
    return {
        "created": _seconds(node.created_at),
        "started": _seconds(node.started_at),
        "ended": _seconds(node.completed_at),
        "retry": _seconds(node.retry_at) if node.status is JobStatus.QUEUED else 0,
        "attempt": node.attempt if node.attempt > 1 else 0,
    }


def _sums(node: JobNode) -> dict[str, Any]:
    """What goes for the job and all below it."""
    usage, counts = node.usage, node.child_counts
    return {
        "progress": round(node.progress_percentage, 1),
        "tokens": 0 if usage is None else usage.tokens,
        "cost": str(usage.cost) if usage is not None and usage.cost else "",
        "counts": {key.value: n for key, n in dict(counts).items() if n} if counts else None,
    }


def _seconds(at: datetime | None) -> float:
    return 0 if at is None else round((at - _EPOCH).total_seconds(), 2)
