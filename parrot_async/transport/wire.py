"""The words that a client, the service and the runners say to each other over Dask's comms."""

from collections import deque
from typing import Any, NamedTuple

from distributed.batched import BatchedSend

from parrot_async.model.events import Record
from parrot_async.model.models import JobId

SERVICE = "parrot"
"""Name of the scheduler plugin and of its place in `scheduler.extensions`."""
RUNNER = "parrot-runner"
"""Name of the worker plugin."""
VERSION = 3
"""Of this protocol: client, service and runners must agree."""

HELLO = "parrot-hello"
EVENTS = "parrot-events"
RETURNED = "parrot-returned"
"""Stream operations, worker to service."""
TAKE = "parrot-take"
CONTROL = "parrot-control"
REST = "parrot-rest"
"""Stream operations, service to worker."""
CHECK = "parrot_check"
"""Question, service to worker: what is wrong with these functions?"""

INTERRUPTED = b"interrupted"
"""Instead of an event: nobody runs this tree."""
GOES_ON = b"goes on"
"""Instead of an event: somebody runs it again."""

Packed = tuple[bytes, tuple[bytes | None, ...]]
"""A `Record` as Dask's comm carries it."""

INLINE = 64 * 1024
"""Bytes up to which a value travels beside its event; a bigger one goes to the result folder."""


class Batch(NamedTuple):
    """What a worker is to run: attempts in columns, and the values that their arguments name."""

    ids: tuple[JobId, ...]
    attempts: tuple[int, ...]
    functions: tuple[str, ...]
    arguments: tuple[bytes, ...]
    coroutines: tuple[bool, ...]
    graces: tuple[float, ...]
    values: dict[JobId, "Value"]
    names: dict[JobId, dict[JobId, JobId]]
    """What the arguments of some of the jobs call others, with the ids of those."""
    states: dict[JobId, "Value"]
    """What earlier attempts of some of the jobs saved."""


class Value(NamedTuple):
    """A result as it travels: its pickle, or where that lies."""

    data: bytes | None
    url: str | None = None
    parts: tuple[JobId, ...] | None = None
    """Of a plan, whose result is the list of theirs."""


def tune(stream: BatchedSend) -> None:
    """Have Dask's stream send at once, and keep nothing of what it has sent.

    Any pause becomes a millisecond of the loop's timer. And Dask keeps the last thousand messages
    of a stream, each of up to a megabyte, for those who look for a fault in them.
    """
    stream.interval = 0.0
    stream.recent_message_log = deque(maxlen=0)


def pack(record: Record) -> Packed:
    """Return the record as a comm carries it."""
    return record.body, record.blobs


def unpack(packed: Any) -> Record:
    """Return the record that a comm carried."""
    body, blobs = packed
    return Record(bytes(body), tuple(None if blob is None else bytes(blob) for blob in blobs))
