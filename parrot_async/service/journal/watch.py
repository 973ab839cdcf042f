"""The watch: sends durable events to clients that watch the tree, soft ones at most at 10 Hz."""

import asyncio
import logging
import time
from collections import defaultdict, deque
from collections.abc import Iterable
from contextlib import suppress

from distributed.comm.core import Comm, CommClosedError

from parrot_async.model.events import Record
from parrot_async.model.models import JobId
from parrot_async.transport.messages import TreeRecord

SOFT_INTERVAL = 0.1
"""Seconds between two messages of soft events only (`events.is_soft`)."""
HEARTBEAT = 5.0
"""Seconds of silence after which an empty message is sent: both sides see that the other lives."""
MOST_RECORDS = 64
"""Records in one message: few enough that a client's kernel stays responsive."""
MOST_BYTES = 32 * 1024 * 1024
"""Bytes that may be queued for a client that reads more slowly than events come."""

logger = logging.getLogger(__name__)


class Watcher:
    """One client's stream.

    Runs on: the scheduler's loop.
    """

    def __init__(self, comm: Comm, number: int) -> None:
        """Begin with an empty queue; `number` says which of the client's streams it is."""
        self.comm = comm
        self.number = number
        self.roots: set[JobId] = set()
        self._messages: deque[TreeRecord] = deque()
        self._bytes = 0
        self._urgent = asyncio.Event()
        self._any = asyncio.Event()

    def put(self, root_id: JobId, seq: int, record: Record, *, soft: bool) -> None:
        """Queue a record; a soft one may wait for SOFT_INTERVAL.

        A client that is too far behind is disconnected, and fetches what it lacks: one that was
        stopped, or whose notebook computes for an hour, must not fill the service's memory.
        """
        message = TreeRecord(root_id=root_id, seq=seq, body=record.body, blobs=record.blobs)
        self._messages.append(message)
        self._bytes += _size(message)
        if self._bytes > MOST_BYTES:
            self._disconnect()
        self._any.set()
        if not soft:
            self._urgent.set()

    def _disconnect(self) -> None:
        self._messages.clear()
        self._bytes = 0
        self.comm.abort()

    async def send_all(self) -> None:
        """Send what is queued, until the client is gone."""
        last = 0.0
        while True:
            await _within(self._any, HEARTBEAT)
            await _within(self._urgent, last + SOFT_INTERVAL - time.monotonic())
            while True:
                await self.comm.write({"records": self._some()})
                await _drained(self.comm)
                last = time.monotonic()
                if not self._messages:
                    break

    def _some(self) -> list[TreeRecord]:
        """Take the records of the next message out of the queue."""
        count = min(MOST_RECORDS, len(self._messages))
        some = [self._messages.popleft() for _ in range(count)]
        self._bytes -= sum(map(_size, some))
        if not self._messages:
            self._any.clear()
            self._urgent.clear()
        return some


def _size(message: TreeRecord) -> int:
    """Return about how many bytes a message takes."""
    blobs = sum(len(blob) for blob in message["blobs"] if blob is not None)
    return 200 + len(message["body"]) + blobs


async def _drained(comm: Comm) -> None:
    """Wait until the client reads on: Dask's comm itself buffers whatever it is given."""
    stream = getattr(comm, "stream", None)
    if stream is not None and stream.writing():
        await stream.write(b"")


async def _within(event: asyncio.Event, seconds: float) -> None:
    """Wait for the event, but at most so many seconds."""
    if seconds > 0 and not event.is_set():
        # Not `wait_for`, which on Python 3.11 loses a cancellation that comes with the event.
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await event.wait()


class Watch:
    """Which clients watch which trees.

    Runs on: the scheduler's loop.
    """

    def __init__(self) -> None:
        """Begin without a client."""
        self._clients: dict[str, Watcher] = {}
        self._by_root: defaultdict[JobId, set[Watcher]] = defaultdict(set)

    def __len__(self) -> int:
        """Return the number of clients."""
        return len(self._clients)

    def has(self, client: str) -> bool:
        """Whether a client has a stream."""
        return client in self._clients

    async def serve(self, comm: Comm, client: str, number: int) -> None:
        """Serve one client until it goes; a stream older than the one known is closed at once."""
        known = self._clients.get(client)
        if known is not None and known.number > number:
            comm.abort()
            return
        watcher = self._clients[client] = Watcher(comm, number)
        try:
            await comm.write({"records": []})  # the client waits for this before it asks for trees
            await watcher.send_all()
        except (CommClosedError, OSError):
            logger.debug("client %s is gone", client)
        finally:
            if self._clients.get(client) is watcher:
                del self._clients[client]
            self.forget(watcher)

    def forget(self, watcher: Watcher) -> None:
        """Drop the subscriptions of a client that is gone."""
        self._leave(watcher, list(watcher.roots))

    def subscribe(self, client: str, root_id: JobId) -> bool:
        """Send a tree's events from now on; False where the client has no stream."""
        watcher = self._clients.get(client)
        if watcher is None:
            return False
        watcher.roots.add(root_id)
        self._by_root[root_id].add(watcher)
        return True

    def unsubscribe(self, client: str, root_ids: Iterable[JobId]) -> None:
        """Send nothing more of these trees."""
        watcher = self._clients.get(client)
        if watcher is not None:
            self._leave(watcher, root_ids)

    def _leave(self, watcher: Watcher, root_ids: Iterable[JobId]) -> None:
        """Drop all traces of trees that a client stops watching: there may be a million of them."""
        for root_id in root_ids:
            watcher.roots.discard(root_id)
            if (watchers := self._by_root.get(root_id)) is not None:
                watchers.discard(watcher)
                if not watchers:
                    del self._by_root[root_id]

    def is_watched(self, root_id: JobId) -> bool:
        """Whether some client watches a tree."""
        return bool(self._by_root.get(root_id))

    def publish(self, root_id: JobId, seq: int, record: Record, *, soft: bool = False) -> None:
        """Queue a durable record for all clients that watch its tree."""
        for watcher in self._by_root.get(root_id, ()):
            watcher.put(root_id, seq, record, soft=soft)
