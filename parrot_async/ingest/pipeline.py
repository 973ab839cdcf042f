"""The ingestion of a corpus as one tree of jobs: reading, embedding and storing overlap."""

import time
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace

import anyio
import numpy as np
from anyio import to_thread
from anyio.abc import TaskGroup

from parrot_async.client.client import JobClient
from parrot_async.client.handle import JobHandle
from parrot_async.errors import JobError
from parrot_async.ingest.batches import Batches, Portion, as_argument
from parrot_async.ingest.collection import Collection, Target
from parrot_async.ingest.embed.embedder import Vectors
from parrot_async.ingest.embed.model import EmbeddedChunks, Model
from parrot_async.ingest.errors import IncompleteError
from parrot_async.ingest.load.corpus import Corpus, find_files, is_within
from parrot_async.ingest.load.files import (
    AnyPath,
    FoundFile,
    groups_of,
    listed,
    names_of,
    printable,
    root_of,
)
from parrot_async.ingest.options import IngestOptions
from parrot_async.ingest.progress import STARTED, Progress
from parrot_async.ingest.report import FailedDocument, IngestReport, Stage
from parrot_async.ingest.stages import (
    LoadedFiles,
    StoredDocuments,
    build_index,
    fingerprint_of,
    load_files,
    prepare_model,
    store_documents,
)
from parrot_async.ingest.vectors.records import KnownDocument
from parrot_async.ingest.workers import EmbeddingPool, embedding_pool
from parrot_async.jobs.children import Child
from parrot_async.jobs.context import current_job
from parrot_async.jobs.decorator import job

BATCH, LARGEST_BATCH, BATCH_ON_GPU = 128, 512, 1024
"""Chunks in a full embedding job: three seconds of work for a CPU, up to ten for a big corpus."""
BYTES_PER_CHUNK = 128 * 2**10
"""Batches grow with the corpus: one chunk in a batch for each of these bytes."""
BATCHES_AHEAD = 4
"""Batches of chunks that are read ahead for each embedding worker."""


async def ingest(
    client: JobClient,
    paths: AnyPath | Iterable[AnyPath],
    options: IngestOptions | None = None,
) -> JobHandle[IngestReport]:
    """Submit the ingestion of a file, folder or glob, or of several of them.

    Paths may be relative to this process. Files, model and server are those that the cluster's
    workers see. Raises `TypeError` for what is no path, `LoadError` for an empty path and
    `VectorStoreError` for a malformed DSN; other errors are those of the job, `ingest_documents`.
    """
    # Only what may wait for a disk is in a thread: an iterator of paths belongs to this one.
    absolute, options = await to_thread.run_sync(_anywhere, listed(paths), options)
    named = ingest_documents.options(title=f"Ingest {names_of(absolute)}")
    return await client.submit(named, absolute, options)


def _anywhere(
    paths: Iterable[AnyPath], options: IngestOptions | None
) -> tuple[list[str], IngestOptions]:
    """Return paths and options as they mean the same in any current folder."""
    return list(dict.fromkeys(map(root_of, paths))), (options or IngestOptions()).checked()


@job(queue="ingest", io=1, title="Ingest documents")
async def ingest_documents(
    paths: AnyPath | Sequence[AnyPath], options: IngestOptions | None = None
) -> IngestReport:
    """Make a collection hold what the files of `paths`, which are absolute, hold now.

    Of an unchanged file only the hash is computed. A file that cannot be stored, and a folder that
    cannot be listed, is in the report and stops nothing else. Raises `LoadError` for a path that
    names nothing, `ModelError`, `ServerError` or `VectorStoreError` when nothing can be done at
    all, and `IncompleteError` at the end of a strict run.
    """
    began, options, here = time.monotonic(), options or IngestOptions(), current_job()
    here.progress(STARTED)
    here.step("finding files")
    corpus = await to_thread.run_sync(find_files, paths, options.exclude)
    here.step("preparing the model")
    pool = await embedding_pool()
    prepare = prepare_model.options(resources={pool.label: 1})
    model = await here.run(prepare, options.model, options.backend, options.chunk_size)
    async with Collection(options.target, model) as collection:
        report = await Ingestion(collection, options.target, model, pool).run(corpus, options)
    report = report.model_copy(update={"seconds": time.monotonic() - began})
    here.step(report.headline)
    if options.strict and report.failed:
        raise IncompleteError(report)
    return report


class Ingestion:
    """One run: reads groups of files ahead, and stores each group when it has all its vectors.

    Runs on: the event loop of the ingestion's job.
    """

    def __init__(
        self, collection: Collection, target: Target, model: Model, pool: EmbeddingPool
    ) -> None:
        self._here = current_job()
        self._collection = collection
        self._target = target
        self._model = model
        self._pool = pool

    async def run(self, corpus: Corpus, options: IngestOptions) -> IngestReport:
        """Store every file, forget those that are gone, and build the index."""
        ask = self._collection.ask
        known = await ask(lambda store: store.known())
        files = await self._to_read(corpus.files, known)
        self._sources = {file.path: file.source for file in files}
        self._progress = Progress(self._here, files)
        await self._store_all(files)
        removed = await self._forget(corpus, known, options) if options.prune else 0
        documents, chunks = await ask(lambda store: store.count())
        if chunks and not await ask(lambda store: store.indexed()):
            await self._here.run(build_index, self._target, self._model)
        return self._report(corpus, known).model_copy(
            update={
                "collection": options.collection,
                "removed": removed,
                "kept": tuple(_unseen(corpus, known)) if not options.prune_empty else (),
                "stored_documents": documents,
                "stored_chunks": chunks,
            }
        )

    async def _to_read(
        self, files: Sequence[FoundFile], known: dict[str, KnownDocument]
    ) -> list[FoundFile]:
        """Return the files; one whose stored version has the form of today gets its hash."""
        # In a thread, since it reads the model's files.
        current = await to_thread.run_sync(fingerprint_of, self._model)
        fresh = {path: each.sha256 for path, each in known.items() if each.fingerprint == current}
        return [replace(file, sha256=fresh.get(file.path)) for file in files]

    async def _store_all(self, files: Sequence[FoundFile]) -> None:
        size = _batch_size(files, self._pool)
        groups = groups_of(files)
        async with _first_error(), anyio.create_task_group() as group:
            self._batches = Batches(group, self._progress, self._model, self._pool, size)
            ahead = BATCHES_AHEAD * size * self._pool.workers
            for _ in range(self._pool.workers + 1):
                group.start_soon(self._read_ahead, group, groups, ahead)

    async def _read_ahead(
        self, group: TaskGroup, groups: Iterator[list[FoundFile]], ahead: int
    ) -> None:
        for files in groups:
            await self._batches.wait_for_room(ahead)
            await self._read(group, files)

    async def _read(self, group: TaskGroup, files: list[FoundFile]) -> None:
        """Read a group; its chunks are embedded and stored in tasks of their own."""
        named = load_files.options(title=f"Read {names_of([file.path for file in files])}")
        try:
            child = await self._here.submit(named, files, self._model)
            loaded = await child
        except Exception as exc:  # noqa: BLE001  any error is the reason of a failure
            if len(files) == 1:
                return await self._fail(files[0].path, "load", _reason(exc))
            for file in files:  # one of them took too long or killed its worker: find out which
                await self._read(group, [file])
            return None
        for failure in loaded.failed:
            await self._fail(failure.path, failure.stage, failure.reason)
        await self._embed_and_store(group, child, loaded)
        return None

    async def _embed_and_store(
        self, group: TaskGroup, child: Child[LoadedFiles], loaded: LoadedFiles
    ) -> None:
        """Queue the chunks that have no vector yet, and start the task that stores the group."""
        hashes = {chunk.hash for chunk in loaded.chunks()}
        reused = await self._collection.ask(lambda store: store.vectors_of(hashes))
        missing = {
            chunk.hash: record.path
            for record, chunks in loaded.documents
            for chunk in chunks
            if chunk.hash not in reused
        }
        portions = self._batches.add(child, missing)
        self._progress.add_loaded(loaded)
        if loaded.documents:
            group.start_soon(self._finish, child, loaded, portions, reused)

    async def _finish(
        self,
        child: Child[LoadedFiles],
        loaded: LoadedFiles,
        portions: list[Portion],
        reused: dict[bytes, Vectors],
    ) -> None:
        """Store a group when it has its vectors; a failed batch fails only its own documents."""
        for portion in portions:
            await portion.ended.wait()
        errors = {key: each.error for each in portions if each.error for key in each.chunks}
        to_store = []
        for record, chunks in loaded.documents:
            error = next((errors[chunk.hash] for chunk in chunks if chunk.hash in errors), None)
            if error is None:
                to_store.append(record.path)
            else:
                await self._fail(record.path, "embed", _reason(error))
        if to_store:
            embedded = dict.fromkeys(each.child for each in portions if each.child is not None)
            await self._put(child, to_store, list(embedded), reused)

    async def _put(
        self,
        child: Child[LoadedFiles],
        paths: list[str],
        embedded: list[Child[EmbeddedChunks]],
        reused: dict[bytes, Vectors],
    ) -> None:
        named = store_documents.options(title=f"Store {names_of(paths)}")
        parts = [as_argument(part) for part in embedded]
        if reused:
            parts.append(EmbeddedChunks(tuple(reused), np.stack(list(reused.values()))))
        try:
            loaded = as_argument(child)
            stored = await self._here.run(named, self._target, self._model, loaded, parts)
        except Exception as exc:  # noqa: BLE001  any error is the reason of a failure
            stored = StoredDocuments(
                failed=[_failed(path, "store", _reason(exc)) for path in paths]
            )
        for failure in stored.failed:
            await self._fail(failure.path, failure.stage, failure.reason)
        self._progress.add_stored(stored.paths)

    async def _fail(self, path: str, stage: Stage, reason: str) -> None:
        self._progress.add_failure(_failed(path, stage, reason))
        source = self._sources[path]
        await self._collection.ask(lambda store: store.fail(path, source, stage, reason))

    async def _forget(
        self, corpus: Corpus, known: dict[str, KnownDocument], options: IngestOptions
    ) -> int:
        """Delete what vanished; a path without any file is likely a disk that is not mounted."""
        seen = [file.path for file in corpus.files]
        # What lies below a folder that cannot be listed is not gone.
        seen += [path for path in known if corpus.hides(path)]
        removed = 0
        for source, count in corpus.counts.items():
            if known and (count or options.prune_empty):
                removed += await self._forget_source(source, seen)
        return removed

    async def _forget_source(self, source: str, seen: list[str]) -> int:
        return await self._collection.ask(lambda store: store.forget_vanished(source, seen))

    def _report(self, corpus: Corpus, known: dict[str, KnownDocument]) -> IngestReport:
        progress = self._progress
        hidden = [_failed(path, "load", reason) for path, reason in corpus.unreadable.items()]
        updated = sum(path in known and known[path].chunks > 0 for path in progress.stored)
        return IngestReport(
            collection=self._target.collection,
            model=self._model.name,
            backend=progress.backend,
            added=len(progress.stored) - updated,
            updated=updated,
            unchanged=progress.unchanged,
            failed=tuple(sorted(progress.failed + hidden, key=lambda failed: failed.path)),
            chunks=progress.chunks,
            embedded=progress.embedded,
            reused=progress.chunks - progress.expected,
        )


@asynccontextmanager
async def _first_error() -> AsyncIterator[None]:
    """Raise the first error of the tasks of a group, as if there were no group."""
    try:
        yield
    except ExceptionGroup as several:
        first: BaseException = several
        while isinstance(first, BaseExceptionGroup):
            first = first.exceptions[0]
        raise first from several


def _batch_size(files: Sequence[FoundFile], pool: EmbeddingPool) -> int:
    if pool.label == "gpu":
        return BATCH_ON_GPU
    return min(max(sum(file.size for file in files) // BYTES_PER_CHUNK, BATCH), LARGEST_BATCH)


def _failed(path: str, stage: Stage, reason: str) -> FailedDocument:
    return FailedDocument(path=path, stage=stage, reason=reason)


def _unseen(corpus: Corpus, known: dict[str, KnownDocument]) -> Iterator[str]:
    """Yield the paths that hold no file, but held some when last ingested."""
    for source in corpus.counts:
        if corpus.is_empty(source) and any(is_within(path, source) for path in known):
            yield source


def _reason(exc: Exception) -> str:
    """Return why a job failed, in a line without its traceback."""
    said = exc.info.message if isinstance(exc, JobError) and exc.info else str(exc)
    return printable((said.strip() or type(exc).__name__).splitlines()[0])
