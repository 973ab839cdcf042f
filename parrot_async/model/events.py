"""All that can happen to a job: one union of frozen models, the only wire format.

Each event is about one or many jobs of one tree: `ids` and the tuples beside it are columns of
equal length, so that ten thousand equal changes travel as one event. Values of users (arguments,
results, exceptions) are never inside an event: they travel beside it as bytes, see `Record`.
Who gathers such changes one by one does it in rows (`CompletedRows` and its like), which become
the columns of one event. Times are seconds since the epoch, UTC.
"""

from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

from pydantic import Field, TypeAdapter

from parrot_async.errors import ErrorInfo
from parrot_async.model.models import Frozen, Holder, JobId, JobResult, JobSpec, LogLine, Usage

Ids = tuple[JobId, ...]
Numbers = tuple[int, ...]
Times = tuple[float, ...]
Blob = bytes | None
"""A user's value as a pickle; None where there is none, or where it is too big to travel."""


class Submitted(Frozen):
    """Jobs were accepted; they are QUEUED (PLANNING when `planning`) below `parent_id`."""

    kind: Literal["submitted"] = "submitted"
    at: float
    spec: JobSpec
    ids: Ids
    parent_id: JobId | None = None
    titles: tuple[str, ...] = ()
    """One title a job; empty: each has the title of the spec."""
    arguments: tuple[str, ...] = ()
    """One short summary a job, for people; or empty."""
    depends_on: Ids = ()
    fingerprints: tuple[str, ...] = ()
    """One hash of function and arguments a job: by it a parent that reruns finds its children."""
    known_as: Ids = ()
    """One id a job in `depends_on`, by which the arguments name it; empty: by its own id."""
    origins: Ids = ()
    """One earlier job a job, which it runs again, "" for a new job; or empty."""
    reuse: bool = False
    """Whether children take the results of what completed below the origins, and do not run."""
    planning: bool = False


class Started(Frozen):
    """Attempts began on a worker: RUNNING."""

    kind: Literal["started"] = "started"
    ids: Ids
    attempts: Numbers
    at: Times
    worker: str


class Progressed(Frozen):
    """The latest progress, in percent and in steps; a total of 0 means that it is not known."""

    kind: Literal["progressed"] = "progressed"
    ids: Ids
    attempts: Numbers
    percents: tuple[float, ...]
    steps: tuple[str, ...]
    done: Numbers
    totals: Numbers


class Logged(Frozen):
    """A job logged, printed or warned."""

    kind: Literal["logged"] = "logged"
    id: JobId
    attempt: int
    lines: tuple[LogLine, ...]


class Spent(Frozen):
    """A job used tokens or money; each counts once, however often it comes."""

    kind: Literal["spent"] = "spent"
    id: JobId
    attempt: int
    usage: Usage
    number: int = 0
    """From 1 on for each attempt; 0: without a number, it counts each time that it comes."""


class Waiting(Frozen):
    """Bodies wait for children and gave their slot back: WAITING_FOR_CHILDREN.

    A plan, which has no body, waits with attempt 0.
    """

    kind: Literal["waiting"] = "waiting"
    ids: Ids
    attempts: Numbers
    at: float


class PauseRequested(Frozen):
    """Somebody paused these jobs: one that does not run is PAUSED, a running body is told to."""

    kind: Literal["pause_requested"] = "pause_requested"
    ids: Ids
    at: float
    by: Holder = "person"


class Paused(Frozen):
    """Bodies that were told to pause did so at a checkpoint, and gave their slot back: PAUSED."""

    kind: Literal["paused"] = "paused"
    ids: Ids
    attempts: Numbers
    at: float


class Resumed(Frozen):
    """Who paused these jobs resumed them: they go back to their state, unless another paused them.

    A paused body is told to go on, and a `Continued` follows.
    """

    kind: Literal["resumed"] = "resumed"
    ids: Ids
    at: float
    by: Holder = "person"


class Continued(Frozen):
    """Bodies that waited, or were paused, go on: RUNNING."""

    kind: Literal["continued"] = "continued"
    ids: Ids
    attempts: Numbers
    at: float


class Checkpointed(Frozen):
    """Bodies saved a state from which a later attempt goes on; it travels beside the event."""

    kind: Literal["checkpointed"] = "checkpointed"
    ids: Ids
    attempts: Numbers
    at: Times
    urls: tuple[str | None, ...]
    """One URL a job, of a state that is too big to travel; else None."""


class Completed(Frozen):
    """Jobs ended with a result: COMPLETED. The values travel beside the event, in this order."""

    kind: Literal["completed"] = "completed"
    ids: Ids
    attempts: Numbers
    at: Times
    results: tuple[JobResult, ...]


class AttemptFailed(Frozen):
    """Attempts ended without a result; the service sends a `Requeued` or an end afterwards."""

    kind: Literal["attempt_failed"] = "attempt_failed"
    ids: Ids
    attempts: Numbers
    at: Times
    errors: tuple[ErrorInfo, ...]


class Requeued(Frozen):
    """Jobs wait for their next attempt, until `retry_at`: QUEUED."""

    kind: Literal["requeued"] = "requeued"
    ids: Ids
    at: float
    retry_at: Times


class Failed(Frozen):
    """Jobs ended without a result: FAILED."""

    kind: Literal["failed"] = "failed"
    ids: Ids
    at: Times
    errors: tuple[ErrorInfo, ...]


class CancelRequested(Frozen):
    """Somebody cancelled these jobs; those that run are told to stop."""

    kind: Literal["cancel_requested"] = "cancel_requested"
    ids: Ids
    at: float


class Cancelled(Frozen):
    """Jobs were stopped, or never started: CANCELLED."""

    kind: Literal["cancelled"] = "cancelled"
    ids: Ids
    at: Times
    errors: tuple[ErrorInfo, ...]


Event = Annotated[
    Submitted
    | Started
    | Progressed
    | Logged
    | Spent
    | Waiting
    | PauseRequested
    | Paused
    | Resumed
    | Continued
    | Checkpointed
    | Completed
    | AttemptFailed
    | Requeued
    | Failed
    | CancelRequested
    | Cancelled,
    Field(discriminator="kind"),
]

_ADAPTER: TypeAdapter[Event] = TypeAdapter(Event)


_SOFT = (Started, Progressed, Logged, Spent)


def is_soft(event: Event) -> bool:
    """Whether clients may hear of an event a moment later, because nobody waits for it."""
    return isinstance(event, _SOFT)


def load(body: bytes | str) -> Event:
    """Return the event of its JSON form; raises pydantic.ValidationError where it is none."""
    return _ADAPTER.validate_json(body)


def dump(event: Event) -> bytes:
    """Return the event's JSON form."""
    return event.model_dump_json().encode()


def ids_of(event: Event) -> Ids:
    """Return the jobs that an event is about."""
    return (event.id,) if isinstance(event, Logged | Spent) else event.ids


def select(event: Event, keep: list[int]) -> Event:
    """Return the event with only those rows of its columns whose index is in `keep`.

    An event without such columns (`Logged`, `Spent`, `Submitted`) is returned as it is.
    """
    if isinstance(event, Logged | Spent | Submitted):
        return event
    count = len(event.ids)
    columns = {name: value for name, value in event if isinstance(value, tuple)}
    return event.model_copy(
        update={
            name: tuple(value[index] for index in keep)
            for name, value in columns.items()
            if len(value) == count
        }
    )


@dataclass(slots=True, frozen=True)
class Record:
    """An event as it travels: its JSON form, with the users' values beside it.

    `blobs` is empty or as long as the event's `ids`: pickled arguments beside `Submitted`,
    states beside `Checkpointed` as far as the store, results beside `Completed`, exceptions
    beside `AttemptFailed` and `Failed`; None where a value is too big to travel (it lies at the
    result's URL) or there is none.
    """

    body: bytes
    blobs: tuple[Blob, ...] = ()


# Rows by index and not by `zip`: only so mypy knows the type of each column. It takes 0.1 us a row.


class CompletedRows(list[tuple[JobId, int, float, JobResult, Blob]]):
    """Jobs that completed: id, attempt, time, result, and the value."""

    __slots__ = ()

    def build(self) -> tuple[Completed, Record]:
        """Return all rows as one event, and the record of it."""
        event = Completed(
            ids=tuple([row[0] for row in self]),
            attempts=tuple([row[1] for row in self]),
            at=tuple([row[2] for row in self]),
            results=tuple([row[3] for row in self]),
        )
        return event, Record(dump(event), tuple([row[4] for row in self]))


class AttemptFailedRows(list[tuple[JobId, int, float, ErrorInfo, Blob]]):
    """Attempts without a result: job id, attempt, time, error, and the exception."""

    __slots__ = ()

    def build(self) -> tuple[AttemptFailed, Record]:
        """Return all rows as one event, and the record of it."""
        event = AttemptFailed(
            ids=tuple([row[0] for row in self]),
            attempts=tuple([row[1] for row in self]),
            at=tuple([row[2] for row in self]),
            errors=tuple([row[3] for row in self]),
        )
        return event, Record(dump(event), tuple([row[4] for row in self]))


class _EndedRows(list[tuple[JobId, float, ErrorInfo, Blob]]):
    __slots__ = ()
    kind: ClassVar[type[Failed | Cancelled]]

    def build(self) -> tuple[Failed | Cancelled, Record]:
        """Return all rows as one event, and the record of it."""
        event = self.kind(
            ids=tuple([row[0] for row in self]),
            at=tuple([row[1] for row in self]),
            errors=tuple([row[2] for row in self]),
        )
        return event, Record(dump(event), tuple([row[3] for row in self]))


class FailedRows(_EndedRows):
    """Jobs that failed: id, time, error, and the exception."""

    __slots__ = ()
    kind = Failed


class CancelledRows(_EndedRows):
    """Jobs that were cancelled: id, time, error, and the exception."""

    __slots__ = ()
    kind = Cancelled


class RequeuedRows(list[tuple[JobId, float, float]]):
    """Jobs that wait for their next attempt: id, time, and when they may run again."""

    __slots__ = ()

    def build(self) -> tuple[Requeued, Record]:
        """Return all rows as one event of the latest row's time, and the record of it."""
        event = Requeued(
            ids=tuple([row[0] for row in self]),
            at=self[-1][1],
            retry_at=tuple([row[2] for row in self]),
        )
        return event, Record(dump(event))


class CheckpointedRows(list[tuple[JobId, int, float, str | None, Blob]]):
    """Saved states: job id, attempt, time, URL of a big state, and a small state itself."""

    __slots__ = ()

    def build(self) -> tuple[Checkpointed, Record]:
        """Return all rows as one event, and the record of it."""
        event = Checkpointed(
            ids=tuple([row[0] for row in self]),
            attempts=tuple([row[1] for row in self]),
            at=tuple([row[2] for row in self]),
            urls=tuple([row[3] for row in self]),
        )
        return event, Record(dump(event), tuple([row[4] for row in self]))
