"""The journal: every event enters the tree at once, then the store in a group, then the clients."""

import asyncio
import time
from collections import OrderedDict
from collections.abc import Callable, Collection, Iterable, Sequence

from parrot_async.model import events
from parrot_async.model.events import (
    AttemptFailedRows,
    CancelledRows,
    CompletedRows,
    Event,
    FailedRows,
    Record,
    RequeuedRows,
    is_soft,
)
from parrot_async.model.models import JobId, JobNode, JobStatus, root_of
from parrot_async.model.rows import RootRow
from parrot_async.model.tree import JobTree
from parrot_async.service.journal.checkpoints import Checkpoints
from parrot_async.service.journal.ends import End, EndGroups, R
from parrot_async.service.journal.recorder import Entry, Recorder
from parrot_async.service.journal.stored_tree import StoredTree
from parrot_async.service.journal.watch import Watch
from parrot_async.store import Commit, JobStore
from parrot_async.transport.wire import Value

KEPT_NODES = 10_000
"""How many nodes of finished trees stay in memory."""
KEPT_BYTES = 16 * 1024 * 1024
"""How many bytes of recent results stay in memory, for jobs that take them as arguments."""

Terminal = events.Completed | events.Failed | events.Cancelled


class Journal:
    """All trees of this service that are in memory, and the way of every event through them.

    Runs on: the scheduler's loop; its recorder writes in a thread of its own.
    """

    def __init__(
        self,
        store: JobStore,
        owner: str,
        watch: Watch,
        ended: Callable[[Terminal, Record], None],
        taken: Callable[[Collection[JobId]], None],
    ) -> None:
        """Begin without a tree.

        `ended` is called with each end of jobs when it is durable, `taken` with the roots of trees
        that another service has taken over.
        """
        self.recorder = Recorder(store, owner, self._publish, taken)
        self.checkpoints = Checkpoints()
        self._watch = watch
        self._ended = ended
        self._loop = asyncio.get_running_loop()
        self._trees: OrderedDict[JobId, JobTree] = OrderedDict()
        self._finished: OrderedDict[JobId, int] = OrderedDict()
        """How many nodes each finished tree has, the one that ended longest ago first."""
        self._finished_nodes = 0
        self._recent: OrderedDict[JobId, Value] = OrderedDict()
        self._recent_bytes = 0
        self._groups = EndGroups()
        self._first: dict[JobId, bytes] = {}
        """First events of new trees in their JSON form, until the client has fetched them."""
        self._orders: dict[JobId, int] = {}
        self._order = 0
        self._published: dict[JobId, int] = {}
        self._foreign: set[JobId] = set()
        """Trees in memory that another service runs, or none, as they were when fetched."""
        self._contents: dict[JobId, str] = {}
        """Content keys of unfinished jobs whose results are shared."""

    # Reading.

    def node(self, job_id: JobId) -> JobNode | None:
        """Return a job's node, if its tree is in memory."""
        tree = self._trees.get(root_of(job_id))
        return tree.nodes.get(job_id) if tree is not None else None

    def size(self, root_id: JobId) -> int:
        """Return how many jobs a tree has, 0 where it is not in memory."""
        return len(self._trees.get(root_id, ()))

    def status(self, job_id: JobId) -> JobStatus | None:
        """Return a job's state, if its tree is in memory."""
        node = self.node(job_id)
        return None if node is None else node.status

    async def first_event(self, root_id: JobId) -> bytes:
        """Return a tree's first event in its JSON form, empty for an unknown tree.

        The bytes of a new tree are kept until they are fetched; a client that asks again, because
        its connection was cut, gets them from the store.
        """
        body = self._first.pop(root_id, None)
        if body is None:
            stored = await self.recorder.read(lambda store: store.events(root_id, limit=1))
            body = stored[0][1] if stored else b""
        return body

    def value(self, job_id: JobId) -> Value | None:
        """Return a recent result."""
        return self._recent.get(job_id)

    def with_parts(self, ids: Iterable[JobId]) -> list[JobId]:
        """Return the jobs, and below each plan those of which its result is made."""
        found: list[JobId] = []
        pending = list(ids)[::-1]
        while pending:
            job_id = pending.pop()
            found.append(job_id)
            node = self.node(job_id)
            if node is not None and node.spec.function_id is None:
                pending.extend(reversed(node.children))
        return found

    def published(self, root_id: JobId) -> int:
        """Return the number of a tree's latest event that went to the clients."""
        return self._published.get(root_id, 0)

    def order_of(self, root_id: JobId) -> int:
        """Return a tree's place in the order of arrival."""
        if root_id not in self._orders:
            self._order += 1
            self._orders[root_id] = self._order
        return self._orders[root_id]

    async def fetch(self, root_id: JobId) -> None:
        """Load a tree from the store, once more where another service may have gone on with it."""
        if root_id in self._trees and root_id not in self._foreign:
            return
        stored = await self.stored_tree(root_id)
        # While the store was read, this service may have accepted the tree, or taken it over.
        if stored.tree.root_id is None or (root_id in self._trees and root_id not in self._foreign):
            return
        self._trees[root_id] = stored.tree
        if stored.tree.root.status.terminal:
            self._foreign.discard(root_id)
            self._keep_finished(root_id, stored.tree)
        else:
            self._foreign.add(root_id)

    def is_foreign(self, job_id: JobId) -> bool:
        """Whether a job's tree was unfinished when it was fetched, and does not run here."""
        return root_of(job_id) in self._foreign

    async def stored_tree(self, root_id: JobId, before: StoredTree | None = None) -> StoredTree:
        """Read a tree from the store; `before` is what was read of it earlier."""
        stored = before or StoredTree()
        bodies = await self.recorder.read(lambda store: store.events(root_id, stored.last))
        # In a thread, because the events of a big tree would block the loop.
        return await asyncio.to_thread(stored.read, bodies)

    def adopt(self, stored: StoredTree) -> None:
        """Keep a tree in memory that this service runs from now on."""
        root_id = stored.tree.root.id
        self._foreign.discard(root_id)
        self._trees[root_id] = stored.tree
        self._published[root_id] = stored.last
        for node in stored.tree.walk():
            if node.spec.cache and not node.status.terminal:
                self.shares(node.id, stored.prints.get(node.id, ""))

    def forget(self, root_id: JobId) -> None:
        """Drop a tree that was deleted from the store, or that another service runs."""
        tree = self._trees.pop(root_id, None)
        self._foreign.discard(root_id)
        self._finished_nodes -= self._finished.pop(root_id, 0)
        self._first.pop(root_id, None)
        self._orders.pop(root_id, None)
        self._published.pop(root_id, None)
        for job_id in tree.nodes if tree is not None else ():
            self._contents.pop(job_id, None)

    def shares(self, job_id: JobId, content: str) -> None:
        """Share a job's result, when it has completed, with all jobs of this content key."""
        if content:
            self._contents[job_id] = content

    # Writing.

    async def accept(
        self, submitted: Sequence[tuple[events.Submitted, Commit]], *, insists: bool = False
    ) -> list[JobNode]:
        """Write a submission, and return its nodes when it is durable and in the tree.

        With `insists` it waits for a store that is away. Raises StoreError where it is not kept.
        """
        entries = []
        for event, rows in submitted:
            root_id = root_of(event.ids[0])
            if event.parent_id is None:
                rows.roots.append(_row(event))
            entries.append(Entry(root_id, Record(events.dump(event)), rows))
        await self.recorder.accept(entries, insists=insists)
        for (event, _), entry in zip(submitted, entries, strict=True):
            self._trees.setdefault(entry.root_id, JobTree()).apply(event)
            if event.parent_id is None:
                self._first[entry.root_id] = entry.record.body
        nodes = (self.node(job_id) for event, _ in submitted for job_id in event.ids)
        return [node for node in nodes if node is not None]

    def take(self, event: Event, record: Record) -> None:
        """Record an event that a runner reported; its jobs may be of several trees."""
        by_root: dict[JobId, list[int]] = {}
        for index, job_id in enumerate(events.ids_of(event)):
            by_root.setdefault(root_of(job_id), []).append(index)
        if len(by_root) == 1:
            self._enter(event, record)
        else:
            for keep in by_root.values():
                self._enter(*part_of(event, record, keep))

    def waiting(self, job_id: JobId) -> None:
        """Record that a plan's children may run."""
        now = time.time()
        event = events.Waiting(ids=(job_id,), attempts=(0,), at=now)
        self._enter(event, Record(events.dump(event)))

    def cancel_requested(self, job_id: JobId) -> None:
        """Record that somebody cancelled a job."""
        event = events.CancelRequested(ids=(job_id,), at=time.time())
        self._enter(event, Record(events.dump(event)))

    def pause_changed(self, event: events.PauseRequested | events.Resumed) -> None:
        """Record that somebody paused or resumed jobs of one tree."""
        self._enter(event, Record(events.dump(event)))

    def presumed_started(self, job_id: JobId, attempt: int, at: float, worker: str) -> None:
        """Record the start of a lost attempt that very likely began, unreported by its worker."""
        event = events.Started(ids=(job_id,), attempts=(attempt,), at=(at,), worker=worker)
        self._enter(event, Record(events.dump(event)))

    def requeued(self, job_id: JobId, retry_at: float) -> None:
        """Record that a job waits for its next attempt."""
        self._rows(RequeuedRows, job_id).append((job_id, time.time(), retry_at))

    def attempt_failed(self, job_id: JobId, attempt: int, end: End) -> None:
        """Record an attempt that was lost or killed, which no runner reports."""
        row = (job_id, attempt, end.at, end.require_error(), None)
        self._rows(AttemptFailedRows, job_id).append(row)

    def completed(self, job_id: JobId, attempt: int, end: End) -> None:
        """Record that a job ended with a result."""
        row = (job_id, attempt, end.at, end.require_result(), end.blob)
        self._rows(CompletedRows, job_id).append(row)

    def failed(self, job_id: JobId, end: End) -> None:
        """Record that a job ended with an error."""
        self._rows(FailedRows, job_id).append((job_id, end.at, end.require_error(), end.blob))

    def cancelled(self, job_id: JobId, end: End) -> None:
        """Record that a job was cancelled."""
        self._rows(CancelledRows, job_id).append((job_id, end.at, end.require_error(), end.blob))

    def _rows(self, kind: type[R], job_id: JobId) -> R:
        """Return the rows that take what ends in this turn of the loop, and become one event."""
        if not self._groups:
            self._loop.call_soon(self._flush)
        return self._groups.rows(kind, root_of(job_id))

    def _flush(self) -> None:
        for rows in self._groups.take():
            self._enter(*rows.build())

    def _enter(self, event: Event, record: Record) -> None:
        root_id = root_of(events.ids_of(event)[0])
        tree = self._trees.get(root_id)
        if tree is None:
            return
        before = tree.root.status
        tree.apply(event)
        rows = Commit()
        if isinstance(event, Terminal):
            self._keep_results(event, record, tree, rows)
        elif isinstance(event, events.Checkpointed):
            rows.checkpoints = self.checkpoints.keep(event, record)
            record = Record(record.body)  # clients have no use for the states
        if tree.root.status is not before:
            self._root_changed(tree, rows)
        self.recorder.record(Entry(root_id, record, rows, event=event, soft=is_soft(event)))

    def _keep_results(self, event: Terminal, record: Record, tree: JobTree, rows: Commit) -> None:
        for index, blob in enumerate(record.blobs):
            job_id, at = event.ids[index], event.at[index]
            ttl = tree[job_id].spec.result_ttl
            expires_at = None if ttl is None else at + ttl
            url = event.results[index].url if isinstance(event, events.Completed) else None
            if blob is None and url is None:
                continue
            rows.results.append((job_id, blob, expires_at, url))
            if isinstance(event, events.Completed):
                self._remember(job_id, Value(blob, url))
                if (content := self._contents.pop(job_id, None)) is not None:
                    rows.cached.append((content, job_id))

    def _remember(self, job_id: JobId, value: Value) -> None:
        self._recent[job_id] = value
        self._recent_bytes += 200 + len(value.data or b"")
        while self._recent_bytes > KEPT_BYTES:
            _, old = self._recent.popitem(last=False)
            self._recent_bytes -= 200 + len(old.data or b"")

    def _root_changed(self, tree: JobTree, rows: Commit) -> None:
        root = tree.root
        rows.roots.append(
            RootRow(
                id=root.id,
                title=root.title,
                function=root.spec.function,
                queue=root.spec.queue,
                status=root.status,
                created_at=root.created_at.timestamp() if root.created_at else 0.0,
                completed_at=root.completed_at.timestamp() if root.completed_at else None,
                cost=root.usage.cost if root.usage else None,
                error=root.error.message if root.error else None,
            )
        )
        self._keep_finished(root.id, tree)

    def _keep_finished(self, root_id: JobId, tree: JobTree) -> None:
        """Count a finished tree, and drop those that ended longest ago."""
        if tree.root.status.terminal:
            self._finished_nodes += len(tree) - self._finished.pop(root_id, 0)
            self._finished[root_id] = len(tree)
            while len(self._finished) > 1 and self._finished_nodes > KEPT_NODES:
                self.forget(next(iter(self._finished)))

    def _publish(self, entries: list[Entry]) -> None:
        for entry in entries:
            self._published[entry.root_id] = entry.seq
            self._watch.publish(entry.root_id, entry.seq, entry.record, soft=entry.soft)
            if isinstance(entry.event, Terminal):
                self._ended(entry.event, entry.record)
            elif isinstance(entry.event, events.Checkpointed):
                self.checkpoints.written(entry.event)


def part_of(event: Event, record: Record, keep: list[int]) -> tuple[Event, Record]:
    """Return an event with some of its rows only, by their index, and the record of it."""
    if len(keep) == len(events.ids_of(event)):
        return event, record
    part = events.select(event, keep)
    blobs = tuple(record.blobs[index] for index in keep) if record.blobs else ()
    return part, Record(events.dump(part), blobs)


def _row(event: events.Submitted) -> RootRow:
    spec = event.spec
    status = JobStatus.PLANNING if event.planning else JobStatus.QUEUED
    return RootRow(event.ids[0], spec.title, spec.function, spec.queue, status, event.at)
