"""What is durable goes to every client that watches the tree: ends at once, the rest at 10 Hz."""

import asyncio
import logging
import time
from collections import defaultdict, deque
from collections.abc import Iterable

from distributed.comm.core import Comm, CommClosedError

from parrot_async.model.events import Record
from parrot_async.model.models import JobId
from parrot_async.transport.messages import TreeRecord

SOFT_INTERVAL = 0.1
"""Seconds between two messages that say nothing but progress."""
HEARTBEAT = 5.0
"""Seconds of silence after which a message is sent all the same, so that both sides know."""
MOST_RECORDS = 64
"""Records in one message: a client must not choke on it while its kernel wants to breathe."""
MOST_BYTES = 32 * 1024 * 1024
"""Bytes that may wait for a client that takes in less than there is to tell it."""

_SOFT = (b'{"kind":"progressed"', b'{"kind":"logged"', b'{"kind":"spent"', b'{"kind":"started"')

logger = logging.getLogger(__name__)


class Watcher:
    """One client's stream."""

    def __init__(self, comm: Comm, number: int) -> None:
        """Send nothing yet; `number` says which of the client's streams it is."""
        self.comm = comm
        self.number = number
        self.roots: set[JobId] = set()
        self._messages: deque[TreeRecord] = deque()
        self._bytes = 0
        self._hard = asyncio.Event()
        self._any = asyncio.Event()

    def put(self, root_id: JobId, seq: int, record: Record) -> None:
        """Queue a record; a client that is too far behind is hung up on, and fetches what it lacks.

        One that was stopped, or whose notebook computes for an hour, must not fill our memory.
        """
        message = TreeRecord(root_id=root_id, seq=seq, body=record.body, blobs=record.blobs)
        self._messages.append(message)
        self._bytes += _size(message)
        if self._bytes > MOST_BYTES:
            self._hang_up()
        self._any.set()
        if not record.body.startswith(_SOFT):
            self._hard.set()

    def _hang_up(self) -> None:
        self._messages.clear()
        self._bytes = 0
        self.comm.abort()

    async def send_all(self) -> None:
        """Send what comes, until the client is gone."""
        last = 0.0
        while True:
            await _within(self._any, HEARTBEAT)
            await _within(self._hard, last + SOFT_INTERVAL - time.monotonic())
            while True:
                await self.comm.write({"records": self._some()})
                await _drained(self.comm)
                last = time.monotonic()
                if not self._messages:
                    break

    def _some(self) -> list[TreeRecord]:
        """Take the next records out of the queue."""
        count = min(MOST_RECORDS, len(self._messages))
        some = [self._messages.popleft() for _ in range(count)]
        self._bytes -= sum(map(_size, some))
        if not self._messages:
            self._any.clear()
            self._hard.clear()
        return some


def _size(message: TreeRecord) -> int:
    """Bytes that a message takes, about."""
    blobs = sum(len(blob) for blob in message["blobs"] if blob is not None)
    return 200 + len(message["body"]) + blobs


async def _drained(comm: Comm) -> None:
    """Wait until a client has room for more: Dask's comm takes in all that it is given."""
    stream = getattr(comm, "stream", None)
    if stream is not None and stream.writing():
        await stream.write(b"")


async def _within(event: asyncio.Event, seconds: float) -> None:
    """Wait for the event, at most so long."""
    if seconds > 0 and not event.is_set():
        try:
            await asyncio.wait_for(event.wait(), seconds)
        except TimeoutError:
            return


class Watch:
    """Who watches which tree."""

    def __init__(self) -> None:
        """Nobody watches."""
        self._clients: dict[str, Watcher] = {}
        self._by_root: defaultdict[JobId, set[Watcher]] = defaultdict(set)

    def __len__(self) -> int:
        """Return the number of clients."""
        return len(self._clients)

    def has(self, client: str) -> bool:
        """Whether a client has a stream."""
        return client in self._clients

    async def serve(self, comm: Comm, client: str, number: int) -> None:
        """Serve one client until it goes; an older stream of it that comes late is hung up."""
        known = self._clients.get(client)
        if known is not None and known.number > number:
            comm.abort()
            return
        watcher = self._clients[client] = Watcher(comm, number)
        try:
            await comm.write({"records": []})  # the client goes on when it has this
            await watcher.send_all()
        except (CommClosedError, OSError):
            logger.debug("client %s is gone", client)
        finally:
            if self._clients.get(client) is watcher:
                del self._clients[client]
            self.forget(watcher)

    def forget(self, watcher: Watcher) -> None:
        """Stop sending to a client that is gone."""
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
        """Keep nothing of trees that a client watches no more: there may be a million of them."""
        for root_id in root_ids:
            watcher.roots.discard(root_id)
            if (watchers := self._by_root.get(root_id)) is not None:
                watchers.discard(watcher)
                if not watchers:
                    del self._by_root[root_id]

    def is_watched(self, root_id: JobId) -> bool:
        """Whether some client watches a tree."""
        return bool(self._by_root.get(root_id))

    def publish(self, root_id: JobId, seq: int, record: Record) -> None:
        """Queue a durable record for all who watch its tree."""
        for watcher in self._by_root.get(root_id, ()):
            watcher.put(root_id, seq, record)
