"""All that can happen to a job: one union of frozen models, the only wire format.

Each event is about one or many jobs of one tree: `ids` and the tuples beside it are columns of
equal length, so that ten thousand like happenings travel as one. Values of users (arguments,
results, exceptions) are never inside an event: they travel beside it as bytes, see `Record`.
Times are seconds since the epoch, UTC.
"""

from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import Field, TypeAdapter

from parrot_async.errors import ErrorInfo
from parrot_async.model.models import Frozen, Holder, JobId, JobResult, JobSpec, LogLine, Usage

Ids = tuple[JobId, ...]
Numbers = tuple[int, ...]
Times = tuple[float, ...]


class Submitted(Frozen):
    """Jobs were accepted; they are QUEUED (PLANNING when `planning`) below `parent_id`."""

    kind: Literal["submitted"] = "submitted"
    at: float
    spec: JobSpec
    ids: Ids
    parent_id: JobId | None = None
    titles: tuple[str, ...] = ()
    """One each, or none at all: then the spec's."""
    arguments: tuple[str, ...] = ()
    """Short summaries for people, one each or none at all."""
    depends_on: Ids = ()
    fingerprints: tuple[str, ...] = ()
    """Hash of function and arguments, by which a parent that runs again finds its children."""
    known_as: Ids = ()
    """What the arguments call the jobs in `depends_on`, one each; empty: by their ids."""
    origins: Ids = ()
    """The jobs that these run again, one each or none at all; "" for one that is new."""
    reuse: bool = False
    """Whether results of what completed below the origins are taken instead of a new run."""
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
    """A job used tokens or money."""

    kind: Literal["spent"] = "spent"
    id: JobId
    attempt: int
    usage: Usage


class Waiting(Frozen):
    """Bodies wait for children and gave their slot back: WAITING_FOR_CHILDREN.

    A plan, which has no body, waits with attempt 0.
    """

    kind: Literal["waiting"] = "waiting"
    ids: Ids
    attempts: Numbers
    at: float


class PauseRequested(Frozen):
    """Somebody wants these jobs to hold: what does not run is PAUSED, a body gets told."""

    kind: Literal["pause_requested"] = "pause_requested"
    ids: Ids
    at: float
    by: Holder = "person"


class Paused(Frozen):
    """Bodies that were told to hold do so at a checkpoint, and gave their slot back: PAUSED."""

    kind: Literal["paused"] = "paused"
    ids: Ids
    attempts: Numbers
    at: float


class Resumed(Frozen):
    """Who paused these jobs lets them go on; they are where they were, unless another holds them.

    A body that held is told, and a `Continued` follows.
    """

    kind: Literal["resumed"] = "resumed"
    ids: Ids
    at: float
    by: Holder = "person"


class Continued(Frozen):
    """Bodies that waited, or held, go on: RUNNING."""

    kind: Literal["continued"] = "continued"
    ids: Ids
    attempts: Numbers
    at: float


class Checkpointed(Frozen):
    """Bodies saved what a later attempt goes on from; the states travel beside the event."""

    kind: Literal["checkpointed"] = "checkpointed"
    ids: Ids
    attempts: Numbers
    at: Times
    urls: tuple[str | None, ...]
    """Where a state lies that is too big to travel."""


class Completed(Frozen):
    """Jobs ended with a result: COMPLETED. The values travel beside the event, in this order."""

    kind: Literal["completed"] = "completed"
    ids: Ids
    attempts: Numbers
    at: Times
    results: tuple[JobResult, ...]


class AttemptFailed(Frozen):
    """An attempt ended without a result; a `Requeued` or `Failed` follows, from the service."""

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
    """Somebody wants these jobs to stop; those that run get told."""

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


def load(body: bytes | str) -> Event:
    """The event of its JSON form; pydantic.ValidationError where it is none."""
    return _ADAPTER.validate_json(body)


def dump(event: Event) -> bytes:
    """The event's JSON form."""
    return event.model_dump_json().encode()


def ids_of(event: Event) -> Ids:
    """The jobs that an event is about."""
    return (event.id,) if isinstance(event, Logged | Spent) else event.ids


def select(event: Event, keep: list[int]) -> Event:
    """Return the event with some of its columns only, by their index."""
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
    blobs: tuple[bytes | None, ...] = ()
