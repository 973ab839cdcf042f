"""What arguments and functions are pickled into: bytes with a limit."""

from typing import cast

MOST_BYTES = 64 * 1024 * 1024
"""Bytes of the arguments of one job, and of its function, unless somebody says more."""

PIECE = 4 * 1024 * 1024
"""Bytes that are copied or searched at once, while every other thread waits."""


class Buffer:
    """What a pickler writes to: it has a limit, and other threads run between two writes.

    A pickler that writes to an `io.BytesIO` keeps every other thread waiting until it is done.
    """

    def __init__(self, limit: float) -> None:
        """Take at most so many bytes."""
        self._limit = limit
        self._size = 0
        self._parts: list[bytes] = []

    def write(self, data: bytes) -> int:
        """Take what a pickler writes; raises TooBigError beyond the limit."""
        size = memoryview(data).nbytes  # it may be a PickleBuffer
        self._size += size
        if self._size > self._limit:
            raise TooBigError
        self._parts.append(data if type(data) is bytes else bytes(data))
        return size

    def getvalue(self) -> bytes:
        """Return all that was written; many bytes in a mutable copy, made piece by piece."""
        if self._size <= PIECE:
            return b"".join(self._parts)
        whole = bytearray(self._size)
        at = 0
        for written in self._parts:
            part = memoryview(written)
            for start in range(0, len(part), PIECE):
                piece = part[start : start + PIECE]
                whole[at : at + len(piece)] = piece
                at += len(piece)
        return cast("bytes", whole)  # a copy of another type would keep all threads waiting


def holds(data: bytes, needle: bytes) -> bool:
    """Return whether bytes hold others; lets other threads run meanwhile."""
    beyond = PIECE + len(needle) - 1
    return any(data.find(needle, at, at + beyond) >= 0 for at in range(0, len(data), PIECE))


class TooBigError(Exception):
    """More bytes than the limit."""
