"""Chunks of many documents become embedding jobs of a good size, as few as the workers need."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeVar, cast

import anyio
from anyio.abc import TaskGroup

from parrot_async.children import Child
from parrot_async.context import current_job
from parrot_async.ingest.files import names
from parrot_async.ingest.progress import Progress
from parrot_async.ingest.stages import Embedded, Hashes, Loaded, Model, embed_chunks
from parrot_async.ingest.workers import Place

T = TypeVar("T")


def arriving(child: Child[T]) -> T:
    """`child` as an argument of another job, where it arrives as its result."""
    return cast("T", child)


@dataclass(eq=False, slots=True)
class Batch:
    """Chunks that one job embeds, and how that ended."""

    hashes: dict[bytes, None] = field(default_factory=dict)
    paths: dict[str, None] = field(default_factory=dict)
    sources: dict[Child[Loaded], None] = field(default_factory=dict)
    """The jobs that loaded the chunks."""
    over: anyio.Event = field(default_factory=anyio.Event)
    child: Child[Embedded] | None = None
    error: Exception | None = None

    @property
    def title(self) -> str:
        """What people read in the tree."""
        return f"Embed {len(self.hashes):,} chunks of {names(list(self.paths))}"


class Batches:
    """Forms batches across documents; each hash is in one batch while that is under way."""

    def __init__(
        self, group: TaskGroup, progress: Progress, model: Model, place: Place, size: int
    ) -> None:
        self._group = group
        self._progress = progress
        self._model = model
        self._embed = embed_chunks.options(resources={place.pool: 1})
        self._workers = place.workers
        self._size = size
        self._open = Batch()
        self._ended = anyio.Event()
        self._running = 0
        self._by_hash: dict[bytes, Batch] = {}

    def add(self, source: Child[Loaded], chunks: Mapping[bytes, str]) -> list[Batch]:
        """Take in the hashes of chunks, each with a path that has it.

        Returns the batches that have or get their vectors.
        """
        taken: dict[Batch, None] = {}
        before = len(self._by_hash)
        for key, path in chunks.items():
            batch = self._by_hash.setdefault(key, self._open)
            taken[batch] = None
            if batch is self._open:
                batch.hashes[key] = None
                batch.paths[path] = batch.sources[source] = None
            if len(self._open.hashes) >= self._size:
                self._flush()
        self._progress.expecting(len(self._by_hash) - before)
        self._feed()
        return list(taken)

    async def room(self, ahead: int) -> None:
        """Wait until less than so many chunks wait for their vectors."""
        while len(self._by_hash) >= ahead:
            await self._ended.wait()

    def _flush(self) -> None:
        """Start the open batch, however small."""
        if self._open.hashes:
            batch, self._open = self._open, Batch()
            self._running += 1
            self._group.start_soon(self._run, batch)

    def _feed(self) -> None:
        """Let no worker wait for a batch to be full."""
        if self._running < self._workers:
            self._flush()

    async def _run(self, batch: Batch) -> None:
        sources, backend = [arriving(child) for child in batch.sources], ""
        try:
            titled = self._embed.options(title=batch.title)
            child = await current_job().submit(
                titled, self._model, Hashes(tuple(batch.hashes)), sources
            )
            backend = (await child).backend
            batch.child = child
        except Exception as exc:  # noqa: BLE001  whatever it is, it is the reason of these documents' failure
            batch.error = exc
        finally:
            self._running -= 1
            for key in batch.hashes:
                del self._by_hash[key]
            batch.over.set()
            self._ended.set()
            self._ended = anyio.Event()
            self._feed()
        self._progress.embedding(len(batch.hashes), backend)
