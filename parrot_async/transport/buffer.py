"""What arguments and functions are pickled into: bytes with a limit."""

MOST_BYTES = 64 * 1024 * 1024
"""Bytes of the arguments of one job, and of its function, unless somebody says more."""


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
        """Return all that was written."""
        return b"".join(self._parts)


class TooBigError(Exception):
    """More bytes than the limit."""
