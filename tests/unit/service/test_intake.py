"""What runners report: a record that cannot be read, or taken in, costs nobody else's."""

import json

from parrot_async.errors import ErrorInfo
from parrot_async.model import events
from parrot_async.model.events import AttemptFailedRows, CompletedRows, Event, Record
from parrot_async.model.models import JobResult
from parrot_async.service.intake import take_in
from parrot_async.transport.messages import PackedRecord
from parrot_async.transport.wire import pack

Taken = list[tuple[str, str, int]]
"""Kind of event, job, attempt."""


def completed(*ids: str) -> PackedRecord:
    rows = CompletedRows((job_id, 2, 1.0, JobResult(1, "1"), b"1") for job_id in ids)
    return pack(rows.build()[1])


def spoiled(packed: PackedRecord, **changes: object) -> PackedRecord:
    """A record whose event was written by something else."""
    body = json.dumps(json.loads(packed["body"]) | changes).encode()
    return PackedRecord(body=body, blobs=packed["blobs"])


def taken_of(records: list[PackedRecord], *, refused: str = "") -> Taken:
    """What is taken in of records, where an end of the job `refused` is not."""
    taken: Taken = []

    def take(event: Event, record: Record) -> None:
        assert not record.blobs or len(record.blobs) == len(events.ids_of(event))
        if isinstance(event, events.Completed) and refused in event.ids:
            raise LookupError(refused)
        assert isinstance(event, events.Completed | events.AttemptFailed)
        taken.extend(
            (event.kind, job_id, n) for job_id, n in zip(event.ids, event.attempts, strict=True)
        )

    take_in(records, take)
    return taken


def test_an_attempt_whose_end_cannot_be_read_fails() -> None:
    bad = spoiled(completed("a", "b"), results="what is this")

    assert taken_of([bad, completed("c")]) == [
        ("attempt_failed", "a", 2),
        ("attempt_failed", "b", 2),
        ("completed", "c", 2),
    ]


def test_an_event_of_an_unknown_kind_fails_its_attempts() -> None:
    assert taken_of([spoiled(completed("a"), kind="vanished")]) == [("attempt_failed", "a", 2)]


def test_of_an_event_that_cannot_be_taken_in_the_other_jobs_count() -> None:
    assert taken_of([completed("a", "b", "c")], refused="b") == [
        ("completed", "a", 2),
        ("attempt_failed", "b", 2),
        ("completed", "c", 2),
    ]


def test_what_names_no_job_is_passed_over() -> None:
    nonsense = [PackedRecord(body=body, blobs=()) for body in (b"", b"7", b"{}", b"\xff{", b"[1]")]

    assert taken_of([*nonsense, completed("a")]) == [("completed", "a", 2)]


def test_the_error_says_what_could_not_be_taken_in() -> None:
    errors: list[ErrorInfo] = []

    def take(event: Event, _: Record) -> None:
        if event.kind == "completed":
            raise LookupError("no such tree")
        errors.extend(getattr(event, "errors", ()))

    take_in([completed("a")], take)

    assert errors[0].message.endswith("could not take in what its worker said: no such tree")


def test_a_failure_that_is_refused_too_stops_nothing() -> None:
    def take(event: Event, _: Record) -> None:
        raise LookupError(event.kind)

    rows = AttemptFailedRows([("a", 1, 1.0, ErrorInfo("exception", "no"), None)])

    take_in([pack(rows.build()[1]), completed("b")], take)
