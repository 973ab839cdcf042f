"""The messages between processes: plain dicts with named fields, which any comm can carry."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, TypeAlias, TypedDict, Union

from parrot_async.errors import ErrorInfo, ErrorKind
from parrot_async.model.models import JobId

if TYPE_CHECKING:
    from distributed.protocol.serialize import Serialized

Carried: TypeAlias = Union[bytes, "Serialized"]
"""Bytes, which a comm carries beside the message where they are big."""


class ServiceHello(TypedDict):
    """What a service says of itself when a client connects."""

    version: int
    history: Mapping[str, float]
    """Mean seconds of functions, by name."""
    interrupted: int
    """How many trees nobody runs."""


class Group(TypedDict):
    """Like jobs below one parent: what `events.Submitted` says of them, and their arguments."""

    spec: bytes
    """A `JobSpec` as JSON."""
    ids: list[JobId]
    """Empty below a running body: then the service names them."""
    parent_id: JobId | None
    arguments: list[Carried]
    summaries: list[str]
    depends_on: list[JobId]


class Accepted(TypedDict):
    """The answer to a submission, which is durable now."""

    id: JobId
    """The first job; one that was there before where its key was taken."""
    first: bytes
    """Its first event as JSON; empty where the jobs belong to a tree that was there before."""


class StoredEvent(TypedDict):
    """An event of a tree, from the store."""

    root_id: JobId
    seq: int
    body: bytes


class TreeRecord(TypedDict):
    """An event of a tree as a client's stream carries it, with the values that came with it."""

    root_id: JobId
    seq: int
    body: bytes
    blobs: Sequence[bytes | None]


class PackedRecord(TypedDict):
    """An event as a runner reports it, with the values that go with it."""

    body: bytes
    blobs: Sequence[bytes | None]


class StoredValue(TypedDict):
    """A stored result: its pickle, or where a big one lies, or that its time is over."""

    value: bytes | None
    url: str | None
    expired: bool


class ErrorMessage(TypedDict):
    """An `ErrorInfo` on the wire."""

    kind: ErrorKind
    message: str
    type_name: str
    traceback: str
    bases: Sequence[str]
    retryable: bool | None


class OutcomeMessage(TypedDict):
    """How a child ended: its value's pickle, or where that lies, or its error."""

    id: JobId
    data: bytes | None
    url: str | None
    error: ErrorMessage | None


class Stop(TypedDict):
    """An attempt that is to stop, and why."""

    id: JobId
    attempt: int
    kind: ErrorKind
    message: str


class Attempts(TypedDict):
    """Attempts in columns: job ids, and the number of each one's attempt."""

    ids: list[JobId]
    numbers: list[int]


class StoredFunction(TypedDict):
    """A function as it was submitted: its pickle, and the hash of its code."""

    data: bytes | None
    code: str


class ValueMessage(TypedDict):
    """A result as it travels: its pickle, or where that lies."""

    data: bytes | None
    url: str | None
    parts: Sequence[JobId] | None
    """Of a plan, whose result is the list of theirs."""


class Batch(TypedDict):
    """Attempts that a worker is to run, in columns, and the values that their arguments name."""

    ids: Sequence[JobId]
    attempts: Sequence[int]
    functions: Sequence[str]
    arguments: Sequence[Carried]
    coroutines: Sequence[bool]
    graces: Sequence[float]
    values: dict[JobId, ValueMessage]
    names: dict[JobId, dict[JobId, JobId]]
    """What the arguments of some of the jobs call others, with the ids of those."""
    states: dict[JobId, ValueMessage]
    """What earlier attempts of some of the jobs saved."""
    edited: Sequence[JobId]
    """Jobs that run again later, with their modules as they are now, whatever was submitted."""
    alone: Sequence[JobId]
    """Jobs that were lost with the event loop that they shared; each gets one of its own."""


def attempts_of(pairs: Iterable[tuple[JobId, int]]) -> Attempts:
    """Return attempts, given as job id and number, in columns."""
    listed = list(pairs)
    return Attempts(ids=[i for i, _ in listed], numbers=[number for _, number in listed])


def each_attempt(attempts: Attempts) -> Iterator[tuple[JobId, int]]:
    """Yield job id and number of each attempt."""
    return zip(attempts["ids"], attempts["numbers"], strict=True)


def error_message(info: ErrorInfo) -> ErrorMessage:
    """Return an error as the wire carries it."""
    return ErrorMessage(
        kind=info.kind,
        message=info.message,
        type_name=info.type_name,
        traceback=info.traceback,
        bases=info.bases,
        retryable=info.retryable,
    )


def error_of(message: ErrorMessage) -> ErrorInfo:
    """Return the error that the wire carried."""
    return ErrorInfo(
        message["kind"],
        message["message"],
        message["type_name"],
        message["traceback"],
        tuple(message["bases"]),
        message["retryable"],
    )
