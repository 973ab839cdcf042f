"""The slots of a worker: which job takes one, who waits for one, who has freed one."""

from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from threading import Lock
from typing import Generic, Protocol, TypeVar


class Queued(Protocol):
    """What waits for a slot."""

    dropped: bool
    """True where it must not start any more."""

    def take_slot(self) -> None:
        """Note that it has a slot."""


E = TypeVar("E", bound=Queued)


class Slots(Generic[E]):
    """A fixed number of slots; a job that goes on after a wait gets one before a new job does.

    Runs on: any thread.
    """

    def __init__(self, count: int, start: Callable[[list[E]], None]) -> None:
        """Make `count` slots; `start` is called with executions that have taken one each."""
        self.count = count
        self._free = count
        self._start = start
        self._lock = Lock()
        self._queue: deque[E] = deque()
        self._requests: deque[Future[None]] = deque()

    @property
    def taken(self) -> int:
        """How many slots are taken at this moment."""
        return self.count - self._free

    def add(self, executions: Sequence[E]) -> None:
        """Queue new executions, and start as many as there are free slots."""
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
                execution.take_slot()
                found.append(execution)
        return found

    def hand_on(self) -> E | None:
        """Hand on the caller's slot; return the execution that got it and is to be started.

        Returns None where a job got it that goes on after a wait, or where nobody wants it.
        """
        with self._lock:
            if self._requests:
                self._requests.popleft().set_result(None)
                return None
            found = self._pop(1)
            if not found:
                self._free += 1
        return found[0] if found else None

    def free(self) -> None:
        """Free the caller's slot, and start the execution that gets it, if there is one."""
        if (execution := self.hand_on()) is not None:
            self._start([execution])

    def request(self) -> "Future[None] | None":
        """Take a slot after a wait; returns None, or what is done when there is one."""
        with self._lock:
            if self._free > 0:
                self._free -= 1
                return None
            request: Future[None] = Future()
            self._requests.append(request)
            return request

    def withdraw(self, request: "Future[None]") -> None:
        """Withdraw a request that nobody waits for any more; free the slot that it got."""
        with self._lock:
            if request in self._requests:
                self._requests.remove(request)
                return
        self.free()
