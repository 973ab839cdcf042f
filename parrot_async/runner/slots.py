"""A worker's slots: who runs now, who waits for a turn, who gave the place back."""

from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from threading import Lock
from typing import Generic, Protocol, TypeVar


class Queued(Protocol):
    """What waits for a slot."""

    dropped: bool
    """Set where it must not start any more."""
    holds: bool
    """Set where it has got a place."""


E = TypeVar("E", bound=Queued)


class Slots(Generic[E]):
    """`count` places; who comes back from waiting goes before who has not started."""

    def __init__(self, count: int, start: Callable[[list[E]], None]) -> None:
        """Keep `count` places; `start` is called with those that have got one."""
        self.count = count
        self._free = count
        self._start = start
        self._lock = Lock()
        self._queue: deque[E] = deque()
        self._returning: deque[Future[None]] = deque()

    def add(self, executions: Sequence[E]) -> None:
        """Queue new executions and start as many as there are free places."""
        with self._lock:
            self._queue.extend(executions)
            started = self._pop(self._free)
            self._free -= len(started)
        if started:
            self._start(started)

    def _pop(self, most: int) -> list[E]:
        found: list[E] = []
        while self._queue and len(found) < most:
            execution = self._queue.popleft()
            if not execution.dropped:
                execution.holds = True
                found.append(execution)
        return found

    def next(self) -> E | None:
        """Hand on the caller's place: to one that returns, else to the next, which is returned."""
        with self._lock:
            if self._returning:
                self._returning.popleft().set_result(None)
                return None
            found = self._pop(1)
            if not found:
                self._free += 1
        return found[0] if found else None

    def leave(self) -> None:
        """Give the caller's place to whoever is next."""
        if (execution := self.next()) is not None:
            self._start([execution])

    def come_back(self) -> "Future[None] | None":
        """Ask for a place again; None when there is one at once."""
        with self._lock:
            if self._free > 0:
                self._free -= 1
                return None
            place: Future[None] = Future()
            self._returning.append(place)
            return place

    def forget(self, place: "Future[None]") -> None:
        """Withdraw a request that nobody waits for any more, or pass on what it got."""
        with self._lock:
            if place in self._returning:
                self._returning.remove(place)
                return
        self.leave()
