"""The host of a job's context: what a running job can ask of its worker."""

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import Any, Protocol

from parrot_async.jobs.context import JobContext
from parrot_async.jobs.futures import all_ended
from parrot_async.jobs.host import AcceptedChildren
from parrot_async.jobs.progress import JobProgress
from parrot_async.model.events import Continued, Paused, Waiting
from parrot_async.model.models import JobId, Usage
from parrot_async.runner.call import read_value
from parrot_async.runner.outbox import Outbox
from parrot_async.runner.slots import Slots
from parrot_async.transport import results
from parrot_async.transport.messages import ValueMessage
from parrot_async.transport.outcome import Outcome
from parrot_async.transport.pickling import Call, dump_value
from parrot_async.transport.wire import INLINE, Value


class HostRunner(Protocol):
    """What a host needs of its runner."""

    slots: Slots[Any]
    outbox: Outbox
    results_url: str

    def submit(
        self, parent: "ExecutionHost", fn: Callable[..., Any], calls: Sequence[Call]
    ) -> "Future[AcceptedChildren]":
        """Ask the service for children."""


class ExecutionHost:
    """One attempt as its own job sees it: its slot, its children, and whether it is to stop.

    Runs on: the job's thread or the jobs' loop; `stop`, `pause`, `resume` on the worker's loop.
    """

    __slots__ = (
        "__weakref__",
        "_closed",
        "_lock",
        "_request",
        "_runner",
        "_state",
        "_stopped",
        "_submissions",
        "_waits",
        "attempt",
        "children",
        "context",
        "has_slot",
        "held",
        "id",
    )

    def __init__(
        self, runner: HostRunner, job_id: JobId, attempt: int, state: ValueMessage | None
    ) -> None:
        """`state` is what an earlier attempt saved last."""
        self.id = job_id
        self.attempt = attempt
        self.context = JobContext(self, job_id, attempt)
        self.children: list[tuple[JobId, Future[Outcome]]] = []
        self.held: Future[None] | None = None
        self.has_slot = False
        self._runner = runner
        self._state = state
        self._waits = 0
        self._closed = False
        self._request: Future[None] | None = None
        self._submissions: list[Future[Any]] = []
        self._stopped: Future[None] | None = None
        self._lock = threading.Lock()

    # The slot.

    def free_slot(self, *, paused: bool = False) -> None:
        """Free the slot while the job waits, or while it is `paused`."""
        self._waits += 1
        if self._waits == 1:
            self._runner.outbox.slot_changed(self, Paused if paused else Waiting)
            if self.give_up_slot():
                self._runner.slots.free()

    def take_slot(self) -> "Future[None] | None":
        """Take a slot again when no part of this job waits any more.

        Returns None, or what is done when there is a slot.
        """
        self._waits -= 1
        with self._lock:
            if self._waits or self.has_slot or self._closed:
                return None
            self._request = self._runner.slots.request()
            self.has_slot = self._request is None
        self._runner.outbox.slot_changed(self, Continued)
        return self._request

    def give_up_slot(self) -> bool:
        """Give the slot up, once; True where the caller has to free it, or to hand it on.

        A request for a slot is withdrawn.
        """
        with self._lock:
            had, self.has_slot = self.has_slot, False
            request, self._request = self._request, None
        if request is not None:
            self._runner.slots.withdraw(request)
        return had

    def close(self) -> None:
        """Take no slot again: code that the job left running must not hold one."""
        with self._lock:
            self._closed = True

    # Stop and pause.

    @property
    def stopped(self) -> "Future[None]":
        """Is done when the job has been told to stop."""
        if self._stopped is None:  # most jobs never ask
            with self._lock:
                if self._stopped is None:
                    self._stopped = Future()
        return self._stopped

    def stop(self) -> None:
        """Tell the job to stop."""
        if not self.stopped.done():
            self.stopped.set_result(None)

    def pause(self) -> None:
        """Hold the job at its next checkpoint."""
        self.held = self.held or Future()

    def resume(self) -> None:
        """Let the job go on."""
        held, self.held = self.held, None
        if held is not None:
            held.set_result(None)

    # What the job reports and asks for.

    def progressed(self, progress: JobProgress) -> None:
        """Send the latest progress with the next flush."""
        self._runner.outbox.progressed(self, progress)

    def spent(self, usage: Usage) -> None:
        """Send the usage."""
        self._runner.outbox.spent(self, usage)

    def save(self, state: Any) -> None:
        """Keep a state for a later attempt; one over 64 KiB is written before this returns."""
        self._runner.outbox.saved(self, *self.store(dump_value(state), ".checkpoint.pickle"))

    def store(self, data: bytes, suffix: str) -> tuple[bytes | None, str | None]:
        """Return a small value as it is, and of a bigger one the URL where it is written now."""
        if len(data) <= INLINE:
            return data, None
        name = f"{self.id}.{self.attempt}{suffix}"
        return None, results.write(self._runner.results_url, name, data)

    def restored(self) -> Any:
        """Return what an earlier attempt saved last; ResultExpiredError where its file is gone."""
        return None if self._state is None else read_value(Value(**self._state))

    def submit(self, fn: Callable[..., Any], calls: Sequence[Call]) -> "Future[AcceptedChildren]":
        """Ask the service for children of this job."""
        submission = self._runner.submit(self, fn, calls)
        self._submissions.append(submission)
        return submission

    def open_children(self) -> "Future[None] | None":
        """Return what is done when the children that have not ended have; None without any."""
        futures = [asked for asked in self._submissions if not asked.done()]
        futures = futures or [end for _, end in self.children if not end.done()]
        return all_ended(futures) if futures else None
