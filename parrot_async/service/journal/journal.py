"""The journal: every event enters the tree at once, the store in groups, and then the clients."""

import asyncio
import time
from collections import OrderedDict
from collections.abc import Callable, Collection, Iterable, Sequence
from decimal import Decimal

from parrot_async.model import events
from parrot_async.model.events import Event, Record
from parrot_async.model.models import JobId, JobNode, JobStatus, root_of
from parrot_async.model.rows import RootRow
from parrot_async.model.tree import JobTree
from parrot_async.service.journal.checkpoints import States
from parrot_async.service.journal.ends import ENDS, MAKERS, End, Row, rank
from parrot_async.service.journal.recorder import Entry, Recorder
from parrot_async.service.journal.stored_tree import Past
from parrot_async.service.journal.watch import Watch
from parrot_async.store import Commit, JobStore
from parrot_async.transport.wire import Value

KEPT_NODES = 10_000
"""Nodes of finished trees that stay in memory."""
KEPT_BYTES = 16 * 1024 * 1024
"""Bytes of recent results that stay in memory, for jobs that take them as arguments."""

Terminal = events.Completed | events.Failed | events.Cancelled


class Journal:
    """All trees of this service, and the way of every event through them."""

    def __init__(
        self,
        store: JobStore,
        owner: str,
        watch: Watch,
        ended: Callable[[Terminal, Record], None],
        taken: Callable[[Collection[JobId]], None],
    ) -> None:
        """`ended` is called with each end of jobs, once it is durable.

        `taken` is called with trees that another service has taken over.
        """
        self.recorder = Recorder(store, owner, self._publish, taken)
        self.states = States()
        self._watch = watch
        self._ended = ended
        self._loop = asyncio.get_running_loop()
        self._trees: OrderedDict[JobId, JobTree] = OrderedDict()
        self._finished: OrderedDict[JobId, int] = OrderedDict()
        self._recent: OrderedDict[JobId, Value] = OrderedDict()
        self._recent_bytes = 0
        self._finished_nodes = 0
        self._gathered: list[tuple[type[Event], list[Row]]] = []
        self._open: dict[tuple[type[Event] | None, JobId], tuple[type[Event], list[Row]]] = {}
        self._orders: dict[JobId, int] = {}
        self._published: dict[JobId, int] = {}
        self._foreign: set[JobId] = set()
        """Trees in memory that others run, or nobody, as they were when they were fetched."""
        self._contents: dict[JobId, str] = {}
        """Content keys of jobs that have not ended, and whose results are shared."""
        self._order = 0

    # Reading.

    def node(self, job_id: JobId) -> JobNode | None:
        """Return a job's node, if its tree is in memory."""
        tree = self._trees.get(root_of(job_id))
        return tree.nodes.get(job_id) if tree is not None else None

    def status(self, job_id: JobId) -> JobStatus | None:
        """Return a job's state, if its tree is in memory."""
        node = self.node(job_id)
        return None if node is None else node.status

    def first_event(self, job_id: JobId) -> events.Submitted | None:
        """Say again how a job began, if its tree is in memory."""
        node = self.node(job_id)
        if node is None or node.created_at is None:
            return None
        return events.Submitted(
            at=node.created_at.timestamp(),
            spec=node.spec,
            ids=(node.id,),
            arguments=(node.arguments,),
            depends_on=node.depends_on,
        )

    def value(self, job_id: JobId) -> Value | None:
        """Return a recent result."""
        return self._recent.get(job_id)

    def with_parts(self, ids: Iterable[JobId]) -> list[JobId]:
        """Return the jobs, and in the place of plans all below them whose results are theirs."""
        found: list[JobId] = []
        for job_id in ids:
            node = self.node(job_id)
            found.append(job_id)
            if node is not None and node.spec.function_id is None:
                found += self.with_parts(node.children)
        return found

    def published(self, root_id: JobId) -> int:
        """Return the number of the last event of a tree that went to the clients."""
        return self._published.get(root_id, 0)

    def order_of(self, root_id: JobId) -> int:
        """Return a tree's place in the order of arrival."""
        if root_id not in self._orders:
            self._order += 1
            self._orders[root_id] = self._order
        return self._orders[root_id]

    async def fetch(self, root_id: JobId) -> None:
        """Take a tree from the store into memory, again where another service goes on with it."""
        if root_id in self._trees and root_id not in self._foreign:
            return
        past = await self.past(root_id)
        if past.tree.root_id is None or (root_id in self._trees and root_id not in self._foreign):
            return
        self._trees[root_id] = past.tree
        if past.tree.root.status.terminal:
            self._foreign.discard(root_id)
            self._keep_finished(root_id, past.tree)
        else:
            self._foreign.add(root_id)

    def is_foreign(self, job_id: JobId) -> bool:
        """Whether a job's tree had not ended when it was fetched, and does not run here."""
        return root_of(job_id) in self._foreign

    async def past(self, root_id: JobId, before: Past | None = None) -> Past:
        """Return a tree's past from the store; `before` is as much of it as is known already."""
        past = before or Past()
        bodies = await self.recorder.read(lambda store: store.events(root_id, past.last))
        return await asyncio.to_thread(past.read, bodies)

    def adopt(self, past: Past) -> None:
        """Keep a tree from now on that this service goes on with."""
        root_id = past.tree.root.id
        self._foreign.discard(root_id)
        self._trees[root_id] = past.tree
        self._published[root_id] = past.last
        for node in past.tree.walk():
            if node.spec.cache and not node.status.terminal:
                self.shares(node.id, past.prints.get(node.id, ""))

    def forget(self, root_id: JobId) -> None:
        """Keep no tree that is gone from the store, or that another service goes on with."""
        tree = self._trees.pop(root_id, None)
        self._foreign.discard(root_id)
        self._finished_nodes -= self._finished.pop(root_id, 0)
        self._orders.pop(root_id, None)
        self._published.pop(root_id, None)
        for job_id in tree.nodes if tree is not None else ():
            self._contents.pop(job_id, None)

    def shares(self, job_id: JobId, content: str) -> None:
        """Have a job's result found by what it was called with, when it has completed."""
        if content:
            self._contents[job_id] = content

    # Writing.

    async def accept(
        self, submitted: Sequence[tuple[events.Submitted, Commit]], *, insists: bool = False
    ) -> list[JobNode]:
        """Write a submission; in the tree and with the clients when it is durable."""
        entries = []
        for event, rows in submitted:
            root_id = root_of(event.ids[0])
            if event.parent_id is None:
                rows.roots.append(_row(event))
            entries.append(Entry(root_id, Record(events.dump(event)), rows))
        await self.recorder.accept(entries, insists=insists)
        for (event, _), entry in zip(submitted, entries, strict=True):
            self._trees.setdefault(entry.root_id, JobTree()).apply(event)
        nodes = (self.node(job_id) for event, _ in submitted for job_id in event.ids)
        return [node for node in nodes if node is not None]

    def take(self, event: Event, record: Record) -> None:
        """Take an event that a runner reported, of jobs of any trees."""
        by_root: dict[JobId, list[int]] = {}
        for index, job_id in enumerate(events.ids_of(event)):
            by_root.setdefault(root_of(job_id), []).append(index)
        if len(by_root) == 1:
            self._enter(event, record)
        else:
            for keep in by_root.values():
                self._enter(*part_of(event, record, keep))

    def waiting(self, job_id: JobId) -> None:
        """A plan's children run."""
        now = time.time()
        event = events.Waiting(ids=(job_id,), attempts=(0,), at=now)
        self._enter(event, Record(events.dump(event)))

    def cancel_requested(self, job_id: JobId) -> None:
        """Somebody wants a job to stop."""
        event = events.CancelRequested(ids=(job_id,), at=time.time())
        self._enter(event, Record(events.dump(event)))

    def pause_changed(self, event: events.PauseRequested | events.Resumed) -> None:
        """Somebody holds jobs of a tree, or lets them go on."""
        self._enter(event, Record(events.dump(event)))

    def presumed_started(self, job_id: JobId, attempt: int, at: float, worker: str) -> None:
        """An attempt was lost that very likely had begun, though its worker had not said so."""
        event = events.Started(ids=(job_id,), attempts=(attempt,), at=(at,), worker=worker)
        self._enter(event, Record(events.dump(event)))

    def requeued(self, job_id: JobId, retry_at: float) -> None:
        """A job waits for its next attempt."""
        self._add(events.Requeued, job_id, retry_at)

    def attempt_failed(self, job_id: JobId, attempt: int, end: End) -> None:
        """An attempt was lost or killed, so that no runner reports it."""
        self._add(events.AttemptFailed, job_id, attempt, end.at, end.error)

    def completed(self, job_id: JobId, attempt: int, end: End) -> None:
        """A job ended with a result."""
        self._add(events.Completed, job_id, attempt, end.at, end.result, end.blob)

    def failed(self, job_id: JobId, end: End) -> None:
        """A job ended without a result."""
        self._add(events.Failed, job_id, end.at, end.error, end.blob)

    def cancelled(self, job_id: JobId, end: End) -> None:
        """A job was stopped."""
        self._add(events.Cancelled, job_id, end.at, end.error, end.blob)

    def _add(self, kind: type[Event], job_id: JobId, *column: object) -> None:
        """Gather like events of this turn of the loop into one; ends of jobs keep their order."""
        if not self._gathered:
            self._loop.call_soon(self._flush)
        place = (None if kind in ENDS else kind, root_of(job_id))
        found = self._open.get(place)
        if found is None or found[0] is not kind:
            found = self._open[place] = (kind, [])
            self._gathered.append(found)
        found[1].append((job_id, *column))

    def _flush(self) -> None:
        gathered, self._gathered, self._open = self._gathered, [], {}
        for kind, rows in sorted(gathered, key=rank):
            self._enter(*MAKERS[kind](list(zip(*rows, strict=True))))

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
            rows.checkpoints = self.states.keep(event, record)
            record = Record(record.body)
        if tree.root.status is not before:
            self._root_changed(tree, rows)
        self.recorder.record(Entry(root_id, record, rows, event=event))

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
                cost=root.usage.cost if root.usage else Decimal(0),
                error=root.error.message if root.error else None,
            )
        )
        self._keep_finished(root.id, tree)

    def _keep_finished(self, root_id: JobId, tree: JobTree) -> None:
        """Let go of the trees that ended longest ago."""
        if tree.root.status.terminal:
            self._finished_nodes += len(tree) - self._finished.pop(root_id, 0)
            self._finished[root_id] = len(tree)
            while len(self._finished) > 1 and self._finished_nodes > KEPT_NODES:
                self.forget(next(iter(self._finished)))

    def _publish(self, entries: list[Entry]) -> None:
        for entry in entries:
            self._published[entry.root_id] = entry.seq
            self._watch.publish(entry.root_id, entry.seq, entry.record)
            if isinstance(entry.event, Terminal):
                self._ended(entry.event, entry.record)
            elif isinstance(entry.event, events.Checkpointed):
                self.states.written(entry.event)


def part_of(event: Event, record: Record, keep: list[int]) -> tuple[Event, Record]:
    """Return some columns of an event, by their index, as an event."""
    if len(keep) == len(events.ids_of(event)):
        return event, record
    part = events.select(event, keep)
    blobs = tuple(record.blobs[index] for index in keep) if record.blobs else ()
    return part, Record(events.dump(part), blobs)


def _row(event: events.Submitted) -> RootRow:
    spec = event.spec
    status = JobStatus.PLANNING if event.planning else JobStatus.QUEUED
    return RootRow(event.ids[0], spec.title, spec.function, spec.queue, status, event.at)
