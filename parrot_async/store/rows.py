"""What the stores have in common: rows as they lie in tables, and commits that are refused."""

from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Any, NoReturn

from pydantic import ValidationError

from parrot_async.errors import KeyTakenError, LeaseLostError, StoreError
from parrot_async.model.models import JobId, JobStatus, Queue
from parrot_async.model.rows import RootRow
from parrot_async.store.port import Commit, StoredResult

Rows = Sequence[Sequence[Any]]


def tables(batch: Commit) -> Iterable[tuple[str, Rows]]:
    """Each statement of a commit with its rows; the events are apart, for their numbers."""
    return (
        ("put_arguments", batch.arguments),
        ("put_result", batch.results),
        ("put_function", batch.functions),
        ("put_root", [root_columns(row, batch.owner) for row in batch.roots]),
        ("put_key", batch.keys),
        ("move_key", batch.moved_keys),
        ("put_checkpoint", batch.checkpoints),
        ("put_cached", batch.cached),
    )


def root_columns(row: RootRow, owner: str) -> tuple[str | float | None, ...]:
    """A root's row as it is written, in the order of the table."""
    head = (row.id, row.title, row.function, row.queue, str(row.status))
    return (*head, row.created_at, row.completed_at, str(row.cost), row.error, owner)


def root_row(row: tuple[Any, ...]) -> RootRow:
    """A root's row as it was read."""
    root_id, title, function, queue, status, created_at, completed_at, cost, error, owner = row
    return RootRow(
        root_id,
        title,
        function,
        queue,
        JobStatus(status),
        created_at,
        completed_at,
        Decimal(cost),
        error,
        owner,
    )


def stored_result(
    now: float, value: bytes | None, url: str | None, expires_at: float | None, expired: bool
) -> StoredResult:
    """A result as it is at `now`."""
    if expired or (expires_at is not None and expires_at <= now):
        return StoredResult(None, None, expires_at, expired=True)
    return StoredResult(value, url, expires_at)


def queues_of(bodies: Iterable[str]) -> list[Queue]:
    """The queues as they were saved; StoreError for those of another version."""
    try:
        return [Queue.model_validate_json(body) for body in bodies]
    except ValidationError as exc:
        raise StoreError(
            "a queue in the job store was saved by another version of parrot_async:"
            f" use that version, or save the queue again ({exc})"
        ) from exc


def written_roots(batch: Commit) -> set[JobId]:
    """The trees that a commit writes to."""
    return {root_id for root_id, _ in batch.events} | {row.id for row in batch.roots}


def refuse_lost(lost: set[str], batch: Commit) -> None:
    """LeaseLostError where a commit writes to a tree that its owner has lost."""
    if hit := sorted(lost & written_roots(batch)):
        raise LeaseLostError(
            f"another job service has taken over {', '.join(hit[:5])}"
            f"{' and others' if len(hit) > 5 else ''}: it goes on there",
            tuple(hit),
        )


def refuse_key(key: str, job_id: str) -> NoReturn:
    """KeyTakenError for a key that another job has."""
    raise KeyTakenError(f"job {job_id} has the key {key!r} already", key, job_id)
