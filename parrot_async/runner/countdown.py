"""The countdown of a batch: its last end is sent at once."""

import threading
from collections.abc import Callable


class Countdown:
    """Counts the executions of a batch down, and calls when all have ended.

    Ends may wait a little, so that many travel together. After the last one of a batch no other is
    to be expected, and the service may be waiting to send the next batch.

    Runs on: any thread.
    """

    __slots__ = ("_left", "_lock", "_zero")

    def __init__(self, count: int, zero: Callable[[], None]) -> None:
        """`zero` is called once, by the thread that counts the last one."""
        self._left = count
        self._lock = threading.Lock()
        self._zero = zero

    def down(self) -> None:
        """Count one that has ended."""
        with self._lock:
            self._left -= 1
            last = not self._left
        if last:
            self._zero()
