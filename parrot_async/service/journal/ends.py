"""How jobs and attempts end, and the events that many ends become together."""

import time
from collections.abc import Callable
from dataclasses import dataclass

from parrot_async.errors import ErrorInfo
from parrot_async.model import events
from parrot_async.model.events import Event, Record
from parrot_async.model.models import JobResult

Row = tuple[object, ...]


@dataclass(slots=True, frozen=True)
class End:
    """How a job ends, or an attempt of it."""

    at: float
    result: JobResult | None = None
    error: ErrorInfo | None = None
    blob: bytes | None = None
    """Pickle of the value or of the exception."""


Columns = list[tuple[object, ...]]
_Made = tuple[Event, Record]


def _requeued(columns: Columns) -> _Made:
    ids, retry_at = columns
    event = events.Requeued(ids=ids, at=time.time(), retry_at=retry_at)  # type: ignore[arg-type]
    return event, Record(events.dump(event))


def _attempt_failed(columns: Columns) -> _Made:
    ids, attempts, at, errors = columns
    event = events.AttemptFailed(ids=ids, attempts=attempts, at=at, errors=errors)  # type: ignore[arg-type]
    return event, Record(events.dump(event))


def _completed(columns: Columns) -> _Made:
    ids, attempts, at, results, blobs = columns
    event = events.Completed(ids=ids, attempts=attempts, at=at, results=results)  # type: ignore[arg-type]
    return event, Record(events.dump(event), blobs)  # type: ignore[arg-type]


def _failed(columns: Columns) -> _Made:
    ids, at, errors, blobs = columns
    event = events.Failed(ids=ids, at=at, errors=errors)  # type: ignore[arg-type]
    return event, Record(events.dump(event), blobs)  # type: ignore[arg-type]


def _cancelled(columns: Columns) -> _Made:
    ids, at, errors, blobs = columns
    event = events.Cancelled(ids=ids, at=at, errors=errors)  # type: ignore[arg-type]
    return event, Record(events.dump(event), blobs)  # type: ignore[arg-type]


ENDS = (events.Completed, events.Failed, events.Cancelled)


def rank(gathered: tuple[type[Event], list[Row]]) -> int:
    """An attempt fails before its job waits for the next one, or ends."""
    order = (events.AttemptFailed, events.Requeued)
    return order.index(gathered[0]) if gathered[0] in order else len(order)


MAKERS: dict[type[Event], Callable[[Columns], _Made]] = {
    events.Requeued: _requeued,
    events.AttemptFailed: _attempt_failed,
    events.Completed: _completed,
    events.Failed: _failed,
    events.Cancelled: _cancelled,
}
