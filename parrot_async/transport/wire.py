"""Names and sizes that both ends of a line agree on, and records as a comm carries them."""

import math
from collections import deque
from collections.abc import Sequence
from typing import NamedTuple, cast

from distributed.batched import BatchedSend
from distributed.protocol.serialize import Serialized, serialize

from parrot_async.model.events import Record
from parrot_async.model.models import JobId
from parrot_async.transport.messages import Carried, Group, PackedRecord, TreeRecord

SERVICE = "parrot"
"""Name of the scheduler plugin and of its place in `scheduler.extensions`."""
RUNNER = "parrot-runner"
"""Name of the worker plugin."""

INTERRUPTED = b"interrupted"
"""Instead of an event: nobody runs this tree."""
GOES_ON = b"goes on"
"""Instead of an event: somebody runs it again."""

INLINE = 64 * 1024
"""Bytes up to which a value travels beside its event; a bigger one goes to the result folder."""


class Value(NamedTuple):
    """A result as it travels: its pickle, or where that lies."""

    data: bytes | None
    url: str | None = None
    parts: Sequence[JobId] | None = None
    """Of a plan, whose result is the list of theirs."""


def tune(stream: BatchedSend) -> None:
    """Have Dask's stream send at once, and keep nothing of what it has sent.

    Any pause becomes a millisecond of the loop's timer, and one that ends at a time of the wall
    clock lasts for as long as that is set back. And Dask keeps the last thousand messages of a
    stream, each of up to a megabyte, for those who look for a fault in them.
    """
    stream.interval = -math.inf
    stream.recent_message_log = deque(maxlen=0)


def beside(data: bytes) -> Carried:
    """Return bytes as a comm carries them: big ones beside the message, which copies what it has.

    msgpack takes 0.3 s for 50 MB, in which no other thread runs.
    """
    return data if len(data) <= INLINE else Serialized(*serialize(data, serializers=("dask",)))


def whole(data: Carried) -> bytes:
    """Return the bytes that a comm carried, in this process or in another one."""
    if isinstance(data, Serialized):
        frames: list[bytes] = data.frames
        return bytes(frames[0]) if len(frames) == 1 else b"".join(frames)
    return bytes(data)


def all_beside(groups: Sequence[Group]) -> Sequence[Group]:
    """Return groups of jobs as a comm carries them."""
    if all(len(data) <= INLINE for group in groups for data in _arguments(group)):
        return groups
    return [{**group, "arguments": list(map(beside, _arguments(group)))} for group in groups]


def _arguments(group: Group) -> list[bytes]:
    """Return the arguments of a group, which are bytes until they are sent."""
    return cast("list[bytes]", group["arguments"])


def pack(record: Record) -> PackedRecord:
    """Return a record as a comm carries it."""
    return PackedRecord(body=record.body, blobs=record.blobs)


def unpack(message: PackedRecord | TreeRecord) -> Record:
    """Return the record that a comm carried, which may have made other buffers of its bytes."""
    blobs = tuple(None if blob is None else bytes(blob) for blob in message["blobs"])
    return Record(bytes(message["body"]), blobs)
