"""Why workers died, as far as their memory tells, for the errors of the jobs that they lost."""

from collections.abc import Callable
from typing import Final, NamedTuple

from dask.utils import format_bytes

TERMINATED: Final = "worker-restart-memory"
"""Dask's topic of what a nanny says that ends its worker for its memory."""
CAUSE_WITHIN: Final = 0.5
"""Seconds that a nanny has to say that it killed a worker for its memory."""
MUCH: Final = 0.5
"""Part of its limit from which a worker's memory may have been the cause of its death."""

_ADVICE = "Have fewer such jobs run at once, hold less in each, or give the workers a larger limit"


class WorkerMemory(NamedTuple):
    """What a worker was last known to use of what it may use, in bytes."""

    used: int
    limit: int
    whose: str = "its limit"

    @property
    def is_much(self) -> bool:
        """Whether it may have been the cause of the worker's death."""
        return self.used >= MUCH * self.limit > 0

    def words(self) -> str:
        """Return both figures in words."""
        part = f"{self.used / self.limit:.0%}"
        return f"{format_bytes(self.used)} of {self.whose} of {format_bytes(self.limit)} ({part})"


class WorkerDeaths:
    """Says of dead workers why they died.

    Runs on: the scheduler's loop.
    """

    def __init__(self, memory_of: Callable[[str], WorkerMemory | None]) -> None:
        """`memory_of` returns a worker's memory, also just after its death."""
        self._memory_of = memory_of
        self._terminated: dict[str, int] = {}

    def event(self, topic: str, message: object) -> None:
        """Note what a nanny says of its worker, of all of Dask's events."""
        if topic == TERMINATED and isinstance(message, dict) and "worker" in message:
            self._terminated[message["worker"]] = int(message.get("rss", 0))

    def is_unclear(self, worker: str) -> bool:
        """Whether memory may have been the cause, and the nanny may still say so."""
        memory = self._memory_of(worker)
        return memory is not None and memory.is_much and worker not in self._terminated

    def told(self, worker: str) -> str:
        """Return in words how a worker died, and forget it."""
        used, memory = self._terminated.pop(worker, None), self._memory_of(worker)
        if memory is None or not (used or memory.is_much):
            return f"its worker {worker} died"
        if used:
            words = memory._replace(used=used).words()
            return f"its worker {worker} was killed for its memory: it had {words}. {_ADVICE}"
        words = memory.words()
        return f"its worker {worker} died; its memory was last known to be {words}. {_ADVICE}"
