"""What the stores have in common: SQL in files, rows as they lie in tables, and refused commits."""

import re
from collections.abc import Iterable, Sequence
from decimal import Decimal
from functools import cache
from importlib.resources import files
from typing import NoReturn

from pydantic import ValidationError

from parrot_async.errors import KeyTakenError, LeaseLostError, StoreError
from parrot_async.model.models import JobId, JobStatus, Queue
from parrot_async.model.rows import RootRow
from parrot_async.store.port import Commit, StoredResult
from parrot_async.store.sealing import sealed

Rows = Sequence[Sequence[object]]
RootColumns = tuple[str, str, str, str, str, float, float | None, str, str | None, str]
"""A root's row in the order of its table; the cost is a text, so that no digit is lost."""


@cache
def statements(name: str) -> dict[str, str]:
    """Return the statements of `sql/<name>.sql`, each under the name that begins its comment."""
    text = (files("parrot_async.store") / "sql" / f"{name}.sql").read_text("utf-8")
    parts = re.split(r"^-- (\w+): .*\n(?:-- .*\n)*", text, flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def tables(batch: Commit) -> Iterable[tuple[str, Rows]]:
    """Return each statement of a commit with its rows, except for the events.

    Those are written apart, because the store gives them numbers.
    """
    return (
        ("put_arguments", [(job_id, sealed(data)) for job_id, data in batch.arguments]),
        ("put_result", batch.results),
        ("put_function", [(function_id, sealed(data)) for function_id, data in batch.functions]),
        ("put_root", [root_columns(row, batch.owner) for row in batch.roots]),
        ("put_key", batch.keys),
        ("move_key", batch.moved_keys),
        ("put_checkpoint", batch.checkpoints),
        ("put_cached", batch.cached),
    )


def root_columns(row: RootRow, owner: str) -> RootColumns:
    """Return a root's row as it is written, with the owner who writes it."""
    head = (row.id, row.title, row.function, row.queue, str(row.status))
    return (*head, row.created_at, row.completed_at, str(row.cost), row.error, owner)


def root_row(row: RootColumns) -> RootRow:
    """Return the root's row of what was read."""
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
    """Return a result as it is at `now`: without its value where its time is over."""
    if expired or (expires_at is not None and expires_at <= now):
        return StoredResult(None, None, expires_at, expired=True)
    return StoredResult(value, url, expires_at)


def queues_of(bodies: Iterable[str]) -> list[Queue]:
    """Return queues of their JSON forms; raises StoreError for those of another version."""
    try:
        return [Queue.model_validate_json(body) for body in bodies]
    except ValidationError as exc:
        raise StoreError(
            "a queue in the job store was saved by another version of parrot_async:"
            f" use that version, or save the queue again ({exc})"
        ) from exc


def written_roots(batch: Commit) -> set[JobId]:
    """Return the trees that a commit writes to."""
    return {root_id for root_id, _ in batch.events} | {row.id for row in batch.roots}


def refuse_lost(lost: set[str], batch: Commit) -> None:
    """Raise LeaseLostError where a commit writes to one of the lost trees."""
    if hit := sorted(lost & written_roots(batch)):
        raise LeaseLostError(
            f"another job service has taken over {', '.join(hit[:5])}"
            f"{' and others' if len(hit) > 5 else ''}: it goes on there",
            tuple(hit),
        )


def refuse_key(key: str, job_id: str) -> NoReturn:
    """Raise KeyTakenError for a key that another job has."""
    raise KeyTakenError(f"job {job_id} has the key {key!r} already", key, job_id)
