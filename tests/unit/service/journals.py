"""A journal on a real store, with what it tells others, and the parts beside it without Dask."""

import asyncio
from collections.abc import AsyncIterator, Collection, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from parrot_async.model import events
from parrot_async.model.events import Event, Record
from parrot_async.model.models import JobId, Queue, root_of
from parrot_async.model.rows import RootRow
from parrot_async.service.engine.batches import LoadedValues
from parrot_async.service.engine.dispatch import Dispatch
from parrot_async.service.engine.executor import Executor
from parrot_async.service.engine.state import TrackedJob
from parrot_async.service.journal.journal import Journal, Terminal
from parrot_async.service.journal.watch import Watch
from parrot_async.store import Commit, JobStore, open_store
from tests.unit.service.engine.parts import SpokenFor


class NotedWatch(Watch):
    """Writes down what goes to clients: root, kind, and whether it may wait."""

    def __init__(self) -> None:
        super().__init__()
        self.sent: list[tuple[JobId, int, Record]] = []
        self.soft: list[str] = []

    def publish(self, root_id: JobId, seq: int, record: Record, *, soft: bool = False) -> None:
        self.sent.append((root_id, seq, record))
        if soft:
            self.soft.append(events.load(record.body).kind)
        super().publish(root_id, seq, record, soft=soft)

    def kinds(self) -> list[str]:
        return [events.load(record.body).kind for _, _, record in self.sent]


@dataclass
class Bench:
    """The journal, and what it told."""

    journal: Journal
    watch: NotedWatch
    ended: list[Terminal] = field(default_factory=list)
    taken: list[set[JobId]] = field(default_factory=list)

    async def submit(self, *submitted: events.Submitted, rows: Commit | None = None) -> None:
        """Have these accepted together."""
        commits = [rows or Commit(), *(Commit() for _ in submitted[1:])]
        await self.journal.accept(list(zip(submitted, commits, strict=True)))

    async def settle(self) -> None:
        """Wait until everything that was recorded is durable and told."""
        await asyncio.sleep(0)  # what was gathered in this turn is recorded
        await self.journal.recorder.read(lambda _: None)

    async def stored(self, root_id: JobId = "r") -> list[Event]:
        """All events of a tree, as the store has them."""
        await self.settle()
        bodies = await self.journal.recorder.read(lambda store: store.events(root_id))
        return [events.load(body) for _, body in bodies]


@asynccontextmanager
async def journal_on(path: Path, owner: str = "owner") -> AsyncIterator[Bench]:
    """A journal on this file, closed in the end."""
    store = await asyncio.to_thread(open_store, f"sqlite:///{path}")
    async with journal_of(store, owner) as bench:
        yield bench


@asynccontextmanager
async def journal_of(store: JobStore, owner: str = "owner") -> AsyncIterator[Bench]:
    """A journal on this store, closed in the end."""
    ended: list[Terminal] = []
    taken: list[set[JobId]] = []
    watch = NotedWatch()

    def note_taken(root_ids: Collection[JobId]) -> None:
        taken.append(set(root_ids))

    journal = Journal(store, owner, watch, lambda event, _: ended.append(event), note_taken)
    yield Bench(journal, watch, ended, taken)
    await journal.recorder.close()


@dataclass
class Engine:
    """The executor and what it needs, without a worker."""

    executor: Executor
    dispatch: Dispatch
    placement: SpokenFor
    queues: dict[str, Queue]


def engine_beside(journal: Journal) -> Engine:
    """Everything that runs jobs, where there is nothing to run them."""
    queues = {"default": Queue(name="default")}
    placement = SpokenFor()
    dispatch = Dispatch(placement, queues, _never)
    return Engine(
        Executor(journal, dispatch, lambda _, since: since + 60.0), dispatch, placement, queues
    )


def _never(
    runs: Sequence[TrackedJob],
) -> "asyncio.Future[LoadedValues]":  # nothing is sent, nothing loaded
    return asyncio.get_running_loop().create_future()


def write(store: JobStore, *story: Event, row: RootRow | None = None, owner: str = "other") -> None:
    """Write what another service would have."""
    written = [(root_of(events.ids_of(event)[0]), events.dump(event)) for event in story]
    store.commit(Commit(events=written, roots=[] if row is None else [row], owner=owner))
