"""The trees that a client watches: filled on the connection's thread, read on any."""

import asyncio
import logging
import threading
import weakref
from collections import defaultdict, deque
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Iterable
from typing import Generic, TypeVar

from parrot_async.client.pulse import Pulse
from parrot_async.client.replica import Changes, Replica, Terminal
from parrot_async.errors import (
    DisconnectedError,
    InterruptedJobError,
    JobNotFoundError,
    ParrotError,
)
from parrot_async.model import events
from parrot_async.model.events import Event, Record
from parrot_async.model.models import JobId, root_of
from parrot_async.model.tree import JobTree
from parrot_async.transport.outcome import Outcome
from parrot_async.transport.wire import GOES_ON, INTERRUPTED

T = TypeVar("T")

MOST_AT_ONCE = 500
"""Ends that a waiting coroutine takes before other coroutines get a turn."""

logger = logging.getLogger(__name__)


class _Inbox(Generic[T]):
    """Takes things on the connection's thread and hands them out on a loop, woken once for many."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._wake = asyncio.Event()
        self._things: deque[T] = deque()
        self._error: ParrotError | None = None

    def put(self, thing: T) -> None:
        self._things.append(thing)
        if len(self._things) == 1:
            self._loop.call_soon_threadsafe(self._wake.set)

    def lose(self, error: ParrotError) -> None:
        """Raise this error in who waits, once everything that came was handed out."""
        self._error = error
        self._loop.call_soon_threadsafe(self._wake.set)

    async def some(self) -> list[T]:
        """Wait for the next things and return them, at least one."""
        while not self._things:
            if self._error is not None:
                raise self._error
            self._wake.clear()
            if not self._things:
                with Pulse.of_this_loop():
                    await self._wake.wait()
        return [self._things.popleft() for _ in range(min(MOST_AT_ONCE, len(self._things)))]


Waiter = _Inbox[JobId]
"""A coroutine that waits for ends of jobs."""
_Stream = _Inbox[tuple[int, Event]]
"""A coroutine that reads a tree's events, with their numbers."""
Past = Callable[[int], Awaitable[list[tuple[int, Event]]]]
"""Returns a page of a tree's events after a number; an empty one after the last."""


class Claim:
    """Keeps a tree in the session for as long as anybody holds the claim."""

    __slots__ = ("__weakref__",)


class WatchedTrees:
    """Copies of trees, values that came with their ends, and who waits for what.

    Runs on: the connection's thread, where events come in; the caller's loop, where somebody waits;
    any thread for reading. A lock guards all of it.
    """

    def __init__(self) -> None:
        """Watch no tree yet."""
        # A finalizer may run anywhere, so that none takes this lock: see `claim`.
        self._lock = threading.Lock()
        self._claims: weakref.WeakValueDictionary[JobId, Claim] = weakref.WeakValueDictionary()
        self._replicas: dict[JobId, Replica] = {}
        self._waiting: dict[JobId, Waiter | list[Waiter]] = {}
        self._streams: defaultdict[JobId, set[_Stream]] = defaultdict(set)
        self._interrupted: set[JobId] = set()
        self._error: DisconnectedError | None = None

    # On the connection's thread.

    def take_in(self, records: list[tuple[JobId, int, Record]]) -> None:
        """Apply records that came, and wake who waits for them."""
        for root_id, seq, record in records:
            if record.body in (INTERRUPTED, GOES_ON):
                self._mark(root_id, record.body)
                continue
            event = events.load(record.body)
            with self._lock:
                self._interrupted.discard(root_id)
                replica = self._replicas.get(root_id)
                if replica is None:
                    continue
                replica.take(seq, event, record)
                waiters = self._waiters(event)
                streams = list(self._streams.get(root_id, ()))
            for waiter, job_id in waiters:
                waiter.put(job_id)
            for stream in streams:
                stream.put((seq, event))

    def _mark(self, root_id: JobId, word: bytes) -> None:
        """Note whether a service runs a tree, and raise in who waits for one that none runs."""
        if word == GOES_ON:
            self.goes_on([root_id])
            return
        error = _interrupted(root_id)
        with self._lock:
            known = root_id in self._interrupted
            self._interrupted.add(root_id)
            waiting = [some for i, some in self._waiting.items() if root_of(i) == root_id]
            waiters = {id(one): one for some in waiting for one in _listed(some)}
            streams = list(self._streams.get(root_id, ()))
        if not known:
            logger.warning("%s", error)
        for waiter in waiters.values():
            waiter.lose(error)
        for stream in streams:
            stream.lose(error)

    def _waiters(self, event: Event) -> list[tuple[Waiter, JobId]]:
        if not isinstance(event, Terminal) or not self._waiting:
            return []
        pop = self._waiting.pop
        found: list[tuple[Waiter, JobId]] = []
        for job_id in event.ids:
            waiter = pop(job_id, None)
            if waiter is not None:
                found += [(one, job_id) for one in _listed(waiter)]
        return found

    def lose(self, error: DisconnectedError) -> None:
        """Raise in everybody who waits that the service is gone."""
        with self._lock:
            self._error = error
            waiters = [waiter for some in self._waiting.values() for waiter in _listed(some)]
            streams = [stream for some in self._streams.values() for stream in some]
            self._waiting.clear()
        for waiter in waiters:
            waiter.lose(error)
        for stream in streams:
            stream.lose(error)

    # On any thread.

    def claim(self, root_id: JobId, let_go: Callable[[JobId], None]) -> Claim:
        """Keep a tree for as long as somebody holds the claim that is returned.

        `let_go` is called with the tree's id when nobody does, on any thread.
        """
        with self._lock:
            claim = self._claims.get(root_id)
            if claim is None:
                claim = self._claims[root_id] = Claim()
                weakref.finalize(claim, let_go, root_id).atexit = False
                self._replicas.setdefault(root_id, Replica())
            return claim

    def goes_on(self, root_ids: Iterable[JobId]) -> None:
        """Note that a service runs these trees again."""
        with self._lock:
            self._interrupted.difference_update(root_ids)

    def drop(self, root_id: JobId) -> bool:
        """Forget a tree, unless somebody has claimed it again; returns whether it is gone."""
        with self._lock:
            if root_id in self._claims:
                return False
            self._replicas.pop(root_id, None)
            return True

    def knows(self, job_id: JobId) -> bool:
        """Whether a job is in a tree that is watched."""
        with self._lock:
            replica = self._replicas.get(root_of(job_id))
            return replica is not None and job_id in replica.tree()

    def tree(self, root_id: JobId) -> JobTree:
        """Return a live tree; JobNotFoundError where this client does not watch it."""
        with self._lock:
            replica = self._replicas.get(root_id)
            tree = replica.tree() if replica is not None else None
        if tree is None or tree.root_id is None:
            raise JobNotFoundError(f"job {root_id} is not watched here: `await client.attach(...)`")
        return tree

    @property
    def error(self) -> DisconnectedError | None:
        """Why no more events will come; None while they do."""
        return self._error

    def changes(self, root_id: JobId, wake: Callable[[], None]) -> Changes:
        """Collect from now on which jobs of a claimed tree change."""
        with self._lock:
            return self._replicas[root_id].changes(wake)

    def outcome(self, job_id: JobId) -> Outcome:
        """Return how a job ended, with its value if that came with its end."""
        replica = self._replicas.get(root_of(job_id))
        return Outcome(job_id) if replica is None else replica.outcome(job_id)

    def _register(self, ids: Iterable[JobId], waiter: Waiter) -> int:
        """Give a waiter each end of these jobs, also past ones; returns how many jobs they are."""
        count = 0
        with self._lock:
            if self._error is not None:
                raise self._error
            for job_id in ids:
                count += 1
                root_id = root_of(job_id)
                replica = self._replicas.get(root_id)
                if replica is not None and replica.has_ended(job_id):
                    waiter.put(job_id)
                elif root_id in self._interrupted:
                    raise _interrupted(root_id)
                else:
                    before = self._waiting.get(job_id)
                    self._waiting[job_id] = [*_listed(before), waiter] if before else waiter
        return count

    def _unregister(self, ids: Iterable[JobId], waiter: Waiter) -> None:
        with self._lock:
            for job_id in ids:
                others = [one for one in _listed(self._waiting.get(job_id)) if one is not waiter]
                if others:
                    self._waiting[job_id] = others
                else:
                    self._waiting.pop(job_id, None)

    async def shown(self, root_id: JobId, count: int) -> None:
        """Wait until a claimed tree has so many jobs below its root."""
        stream = _Stream()
        self._streams[root_id].add(stream)
        try:
            while self._error is None and self._replicas[root_id].submitted < count:
                await stream.some()
        except (DisconnectedError, InterruptedJobError):
            return  # whoever asks for a result gets the error
        finally:
            self._streams[root_id].discard(stream)

    async def ended(self, ids: Collection[JobId]) -> None:
        """Wait until all of these have ended."""
        async for _ in self.ends(ids):
            pass

    async def ends(self, ids: Iterable[JobId]) -> AsyncIterator[JobId]:
        """Yield the ids of these jobs as they end, each once."""
        wanted = list(dict.fromkeys(ids))
        waiter = Waiter()
        left = 0
        try:
            for start in range(0, len(wanted), MOST_AT_ONCE):
                left += self._register(wanted[start : start + MOST_AT_ONCE], waiter)
                await asyncio.sleep(0)
            while left:
                for job_id in await waiter.some():
                    left -= 1
                    yield job_id
                await asyncio.sleep(0)
        finally:
            if left:
                self._unregister(wanted, waiter)

    async def events(
        self,
        job_id: JobId,
        past: Past,
        since: int,
        claim: Claim,  # noqa: ARG002 - held for as long as the next event may be asked for
    ) -> AsyncIterator[Event]:
        """Yield a tree's events but the first `since`, until the job has ended."""
        root_id, count = root_of(job_id), 0
        stream = _Stream()
        self._streams[root_id].add(stream)
        if root_id in self._interrupted:
            stream.lose(_interrupted(root_id))
        try:
            async for event in _all_of(past, stream, self._replicas[root_id]):
                count += 1
                if count > since:
                    yield event
                if isinstance(event, Terminal) and job_id in event.ids:
                    return
        finally:
            self._streams[root_id].discard(stream)


async def _all_of(past: Past, stream: _Stream, replica: Replica) -> AsyncIterator[Event]:
    """Yield a tree's past and then what comes; nothing before the live tree shows it."""
    last = 0
    async for seq, event in _stored(past, replica):
        last = seq
        yield event
    while True:
        for seq, event in await stream.some():
            if seq > last:
                yield event


async def _stored(past: Past, replica: Replica) -> AsyncIterator[tuple[int, Event]]:
    """Yield stored events page by page, as far as the live tree shows them."""
    last = 0
    while page := await past(last):
        for seq, event in page:
            # The first event came with the answer to the submission, without its number.
            if last and seq > replica.latest:
                return
            last = seq
            yield seq, event


def _interrupted(root_id: JobId) -> InterruptedJobError:
    return InterruptedJobError(
        f"job {root_id} was interrupted: its job service ended before it did. "
        "`await client.recover()` goes on with it from what had completed"
    )


def _listed(waiters: "Waiter | list[Waiter] | None") -> list[Waiter]:
    """Return waiters as a list; one alone is kept without, as ten thousand jobs have one each."""
    if waiters is None:
        return []
    return waiters if isinstance(waiters, list) else [waiters]
