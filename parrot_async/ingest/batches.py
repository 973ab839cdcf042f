"""Chunks of many documents become embedding jobs: big ones, and smaller ones towards the end."""

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeVar, cast

import anyio
from anyio.abc import TaskGroup

from parrot_async.ingest.embed.model import ChunkHashes, EmbeddedChunks, Model
from parrot_async.ingest.load.files import names_of
from parrot_async.ingest.progress import Progress
from parrot_async.ingest.stages import LoadedFiles, embed_chunks
from parrot_async.ingest.workers import EmbeddingPool
from parrot_async.jobs.children import Child
from parrot_async.jobs.context import current_job

T = TypeVar("T")

PORTION = 16
"""Chunks that are embedded and stored together."""
JOBS_PER_WORKER = 2
"""Embedding jobs at once for each worker: one that runs, and one that is ready."""
SMALLEST_SHARE = 8
"""A batch has at least this fraction (1/8) of a full one."""


def as_argument(child: Child[T]) -> T:
    """Return `child` typed as its result, which is what another job gets in its place."""
    return cast("T", child)


@dataclass(eq=False, slots=True)
class Portion:
    """A few chunks, each with a path that has it, and how embedding them ended."""

    chunks: Mapping[bytes, str]
    source: Child[LoadedFiles]
    """The job that loaded them."""
    ended: anyio.Event = field(default_factory=anyio.Event)
    child: Child[EmbeddedChunks] | None = None
    error: Exception | None = None


class Batches:
    """Embeds chunks in the order of their arrival; no hash is in two jobs at once.

    A batch takes an equal share of the chunks that wait, at most `size`: so batches shrink towards
    the end, and the workers finish together.

    Runs on: the event loop of the ingestion's job.
    """

    def __init__(
        self, group: TaskGroup, progress: Progress, model: Model, pool: EmbeddingPool, size: int
    ) -> None:
        self._group = group
        self._progress = progress
        self._model = model
        self._embed = embed_chunks.options(resources={pool.label: 1})
        self._most_jobs = JOBS_PER_WORKER * pool.workers
        self._size = size
        self._waiting: deque[Portion] = deque()
        self._batch_ended = anyio.Event()
        self._jobs = 0
        self._by_hash: dict[bytes, Portion] = {}

    def add(self, source: Child[LoadedFiles], chunks: Mapping[bytes, str]) -> list[Portion]:
        """Queue the hashes of chunks, each with a path that has it.

        Returns the portions that these chunks are in: new ones, and those under way.
        """
        portions = {self._by_hash[key]: None for key in chunks if key in self._by_hash}
        fresh = [(key, path) for key, path in chunks.items() if key not in self._by_hash]
        for start in range(0, len(fresh), PORTION):
            portion = Portion(dict(fresh[start : start + PORTION]), source)
            self._by_hash.update(dict.fromkeys(portion.chunks, portion))
            self._waiting.append(portion)
            portions[portion] = None
        self._progress.expect_chunks(len(fresh))
        self._start_jobs()
        return list(portions)

    async def wait_for_room(self, ahead: int) -> None:
        """Wait until fewer than `ahead` chunks are queued or under way."""
        while len(self._by_hash) >= ahead:
            await self._batch_ended.wait()

    def _start_jobs(self) -> None:
        # A batch that is not full starts as well, so that no worker waits.
        while self._waiting and self._jobs < self._most_jobs:
            self._jobs += 1
            self._group.start_soon(self._run, self._next_batch())

    def _next_batch(self) -> list[Portion]:
        share = sum(len(portion.chunks) for portion in self._waiting) // self._most_jobs
        wanted = min(max(share, self._size // SMALLEST_SHARE), self._size)
        batch: list[Portion] = []
        while self._waiting and wanted > 0:
            batch.append(self._waiting.popleft())
            wanted -= len(batch[-1].chunks)
        return batch

    async def _run(self, batch: Sequence[Portion]) -> None:
        chunks = {key: path for portion in batch for key, path in portion.chunks.items()}
        backend = ""
        try:
            child = await self._submit(batch, chunks)
            backend = (await child).backend
            for portion in batch:
                portion.child = child
        except Exception as exc:  # noqa: BLE001  any error is the reason why these documents failed
            for portion in batch:
                portion.error = exc
        finally:
            self._end(batch)
        self._progress.add_embedded(len(chunks), backend)

    def _end(self, batch: Sequence[Portion]) -> None:
        self._jobs -= 1
        for portion in batch:
            portion.ended.set()
            for key in portion.chunks:
                del self._by_hash[key]
        self._batch_ended.set()
        self._batch_ended = anyio.Event()
        self._start_jobs()

    async def _submit(
        self, batch: Sequence[Portion], chunks: Mapping[bytes, str]
    ) -> Child[EmbeddedChunks]:
        paths = list(dict.fromkeys(chunks.values()))
        sources = dict.fromkeys(portion.source for portion in batch)
        return await current_job().submit(
            self._embed.options(title=f"Embed {len(chunks):,} chunks of {names_of(paths)}"),
            self._model,
            ChunkHashes(tuple(chunks)),
            [as_argument(source) for source in sources],
        )
