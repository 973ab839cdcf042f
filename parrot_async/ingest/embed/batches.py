"""Chunks of many documents become embedding jobs: big ones, and smaller ones towards the end."""

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeVar, cast

import anyio
from anyio.abc import TaskGroup

from parrot_async.ingest.load.files import names
from parrot_async.ingest.progress import Progress
from parrot_async.ingest.stages import Embedded, Hashes, Loaded, Model, embed_chunks
from parrot_async.ingest.workers import Place
from parrot_async.jobs.children import Child
from parrot_async.jobs.context import current_job

T = TypeVar("T")

PORTION = 16
"""Chunks that are embedded and stored together."""
JOBS_A_WORKER = 2
"""Embedding jobs under way for each worker: one that it runs, and one that is ready."""
SMALLEST_SHARE = 8
"""How many of the smallest batches make a full one."""


def arriving(child: Child[T]) -> T:
    """`child` as an argument of another job, where it arrives as its result."""
    return cast("T", child)


@dataclass(eq=False, slots=True)
class Portion:
    """A few chunks, each with a path that has it, and how embedding them ended."""

    chunks: Mapping[bytes, str]
    source: Child[Loaded]
    """The job that loaded them."""
    over: anyio.Event = field(default_factory=anyio.Event)
    child: Child[Embedded] | None = None
    error: Exception | None = None


class Batches:
    """Embeds chunks in the order of their coming; each hash is in one job while that is under way.

    A batch takes an equal share of what waits, at most `size` chunks: so batches shrink towards the
    end, and the workers finish together.
    """

    def __init__(
        self, group: TaskGroup, progress: Progress, model: Model, place: Place, size: int
    ) -> None:
        self._group = group
        self._progress = progress
        self._model = model
        self._embed = embed_chunks.options(resources={place.pool: 1})
        self._most_jobs = JOBS_A_WORKER * place.workers
        self._size = size
        self._waiting: deque[Portion] = deque()
        self._ended = anyio.Event()
        self._jobs = 0
        self._by_hash: dict[bytes, Portion] = {}

    def add(self, source: Child[Loaded], chunks: Mapping[bytes, str]) -> list[Portion]:
        """Take in the hashes of chunks, each with a path that has it.

        Returns the portions that have or get their vectors.
        """
        taken = {self._by_hash[key]: None for key in chunks if key in self._by_hash}
        fresh = [(key, path) for key, path in chunks.items() if key not in self._by_hash]
        for start in range(0, len(fresh), PORTION):
            portion = Portion(dict(fresh[start : start + PORTION]), source)
            self._by_hash.update(dict.fromkeys(portion.chunks, portion))
            self._waiting.append(portion)
            taken[portion] = None
        self._progress.expecting(len(fresh))
        self._feed()
        return list(taken)

    async def room(self, ahead: int) -> None:
        """Wait until less than so many chunks wait for their vectors."""
        while len(self._by_hash) >= ahead:
            await self._ended.wait()

    def _feed(self) -> None:
        """Let no worker wait, not even for a batch to be full."""
        while self._waiting and self._jobs < self._most_jobs:
            self._jobs += 1
            self._group.start_soon(self._run, self._next())

    def _next(self) -> list[Portion]:
        """The portions of the next batch."""
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
        except Exception as exc:  # noqa: BLE001  whatever it is, it is the reason of these documents' failure
            for portion in batch:
                portion.error = exc
        finally:
            self._jobs -= 1
            for portion in batch:
                portion.over.set()
            for key in chunks:
                del self._by_hash[key]
            self._ended.set()
            self._ended = anyio.Event()
            self._feed()
        self._progress.embedding(len(chunks), backend)

    async def _submit(
        self, batch: Sequence[Portion], chunks: Mapping[bytes, str]
    ) -> Child[Embedded]:
        paths = list(dict.fromkeys(chunks.values()))
        sources = dict.fromkeys(portion.source for portion in batch)
        return await current_job().submit(
            self._embed.options(title=f"Embed {len(chunks):,} chunks of {names(paths)}"),
            self._model,
            Hashes(tuple(chunks)),
            [arriving(source) for source in sources],
        )
