"""Takes in what runners report, each record by itself: one that cannot be read costs no other."""

import json
import logging
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from parrot_async.errors import ErrorInfo
from parrot_async.model import events
from parrot_async.model.events import AttemptFailedRows, Event, Record
from parrot_async.model.models import JobId
from parrot_async.service.journal.journal import part_of
from parrot_async.transport.messages import PackedRecord
from parrot_async.transport.text import text_of
from parrot_async.transport.wire import unpack

Take = Callable[[Event, Record], None]
"""Takes in one event of attempts."""

logger = logging.getLogger(__name__)


def take_in(records: Sequence[PackedRecord], take: Take) -> None:
    """Take in records; the attempts of one that cannot be taken in end as failed."""
    for packed in records:
        try:
            record = unpack(packed)
            take(events.load(record.body), record)
        except Exception:
            logger.exception("could not take in what a worker said; each job of it is tried alone")
            _take_alone(packed, take)


def _take_alone(packed: PackedRecord, take: Take) -> None:
    """Take in a record job by job, and have those attempts fail of which that cannot be read."""
    try:
        record = unpack(packed)
        event = events.load(record.body)
    except Exception as exc:  # noqa: BLE001 - whatever a worker of another version sends
        for job_id, attempt in _named(packed):
            _fail(job_id, attempt, exc, take)
        return
    for index, job_id in enumerate(events.ids_of(event)):
        try:
            take(*part_of(event, record, [index]))
        except Exception as exc:  # noqa: BLE001 - told as the end of the attempt
            _fail(job_id, _number(event, index), exc, take)


def _number(event: Event, index: int) -> int:
    numbers: Any = getattr(event, "attempts", None)
    return int(numbers[index]) if numbers else int(getattr(event, "attempt", 0))


def _named(packed: PackedRecord) -> Iterator[tuple[JobId, int]]:
    """Yield the attempts that an unreadable event names."""
    try:
        said = json.loads(bytes(packed["body"]).decode("utf-8", "replace"))
        ids = said.get("ids", [said.get("id")])
        numbers = said.get("attempts", [said.get("attempt")])
        yield from ((str(i), int(number)) for i, number in zip(ids, numbers, strict=False))
    except (AttributeError, KeyError, TypeError, ValueError):
        logger.error("a worker's message names no job: its jobs end when the worker does")  # noqa: TRY400 - the cause is logged


def _fail(job_id: JobId, attempt: int, error: Exception, take: Take) -> None:
    """Have an attempt end with the error; one that counts no more is left as it is."""
    message = f"the job service could not take in what its worker said: {text_of(error, 500)}"
    info = ErrorInfo("exception", message, type(error).__qualname__)
    try:
        take(*AttemptFailedRows([(job_id, attempt, time.time(), info, None)]).build())
    except Exception:
        logger.exception("job %s cannot end", job_id)


def guarded(handler: Callable[..., None]) -> Callable[..., None]:
    """Keep a handler's error from ending the worker's stream, and so the worker."""

    def caught(**message: object) -> None:
        try:
            handler(**message)
        except Exception:
            logger.exception("could not take in what a worker said")

    return caught
