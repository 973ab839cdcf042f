"""The pipeline on a store in memory: what is read, embedded, reused, failed and forgotten."""

import hashlib
import os
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from anyio import to_thread

from parrot_async.ingest import pipeline
from parrot_async.ingest.embed.model import ChunkHashes, EmbeddedChunks, Model
from parrot_async.ingest.errors import ModelError
from parrot_async.ingest.load.corpus import Corpus, find_files
from parrot_async.ingest.load.files import FoundFile
from parrot_async.ingest.options import IngestOptions
from parrot_async.ingest.pipeline import Ingestion
from parrot_async.ingest.report import IngestReport
from parrot_async.ingest.stages import (
    LoadedFiles,
    StoredDocuments,
    build_index,
    embed_chunks,
    load_files,
    store_documents,
)
from parrot_async.ingest.vectors.records import KnownDocument
from parrot_async.ingest.workers import EmbeddingPool
from parrot_async.jobs.children import Child
from parrot_async.testing import Recording, recording_job
from tests.unit.ingest.forbidden import forbidden, open_folder
from tests.unit.ingest.memory import MemoryCollection, MemoryStore, MemoryTarget

MODEL = Model("all-MiniLM-L6-v2", "auto", "fingerprint", 4, 800)
CPU, GPU = EmbeddingPool("cpu", 1), EmbeddingPool("gpu", 1)


def embed(model: Model, hashes: ChunkHashes, sources: Sequence[LoadedFiles]) -> EmbeddedChunks:
    """Zeros in the place of the model's vectors; a chunk "poison" fails its batch."""
    if hashlib.sha256(b"poison").digest() in hashes.keys:
        raise ModelError("the model gives numbers that are not finite")
    vectors = np.zeros((len(hashes.keys), model.dimension), np.float32)
    return EmbeddedChunks(hashes.keys, vectors, "none")


async def store(
    target: MemoryTarget,
    model: Model,
    loaded: Child[LoadedFiles],
    embedded: Sequence[Child[EmbeddedChunks] | EmbeddedChunks],
) -> StoredDocuments:
    """Store with the children's results, as a cluster gives them to the job."""
    parts = [part if isinstance(part, EmbeddedChunks) else await part for part in embedded]
    return await store_documents(target, model, await loaded, parts)


def read(files: Sequence[FoundFile], model: Model) -> LoadedFiles:
    """Read; a file named "killer" kills its worker."""
    if any("killer" in file.path for file in files):
        raise MemoryError("the worker was killed")
    return load_files(files, model)


@pytest.fixture
def recorded() -> Iterator[Recording]:
    """The ingestion's job, whose children run here."""
    instead: dict[Callable[..., Any], Callable[..., Any]] = {
        embed_chunks: embed,
        store_documents: store,
        load_files: read,
    }
    with recording_job(instead) as recording:
        yield recording


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three small texts."""
    for name in ("cats", "dogs", "owls"):
        (tmp_path / f"{name}.txt").write_text(f"All about {name}.")
    return tmp_path


@pytest.fixture
def memory() -> MemoryStore:
    """An empty store."""
    return MemoryStore()


async def run(memory: MemoryStore, folder: Path, **options: bool) -> IngestReport:
    return await run_corpus(memory, await to_thread.run_sync(find_files, str(folder)), **options)


async def run_corpus(memory: MemoryStore, corpus: Corpus, **options: bool) -> IngestReport:
    target = MemoryTarget(memory)
    ingestion = Ingestion(MemoryCollection(target, MODEL), target, MODEL, CPU)
    return await ingestion.run(corpus, IngestOptions().model_copy(update=options))


async def test_a_first_run_stores_every_file_and_builds_the_index(
    recorded: Recording, memory: MemoryStore, folder: Path
) -> None:
    report = await run(memory, folder)

    assert (report.added, report.embedded, report.stored_documents) == (3, 3, 3)
    assert [Path(path).name for path in memory.documents] == ["cats.txt", "dogs.txt", "owls.txt"]
    assert recorded.children[-1].fn is build_index


async def test_a_second_run_reads_only_hashes_and_builds_no_index_again(
    recorded: Recording, memory: MemoryStore, folder: Path
) -> None:
    await run(memory, folder)
    memory.built = True
    before = len(recorded.children)

    report = await run(memory, folder)

    assert (report.unchanged, report.added, report.chunks) == (3, 0, 0)
    assert len(recorded.children) == before + 1


async def test_a_changed_file_is_updated_and_equal_chunks_keep_their_vectors(
    recorded: Recording, memory: MemoryStore, folder: Path
) -> None:
    await run(memory, folder)
    (folder / "dogs.txt").write_text("Dogs bark.")
    (folder / "copy.txt").write_text("All about cats.")

    report = await run(memory, folder)

    assert (report.updated, report.added, report.unchanged) == (1, 1, 2)
    assert (report.embedded, report.reused) == (1, 1)


async def test_a_file_that_is_gone_is_forgotten_unless_told_to_keep_it(
    recorded: Recording, memory: MemoryStore, folder: Path
) -> None:
    await run(memory, folder)
    (folder / "dogs.txt").unlink()

    kept = await run(memory, folder, prune=False)
    pruned = await run(memory, folder)

    assert (kept.removed, pruned.removed) == (0, 1)


async def test_a_path_that_lost_all_its_files_keeps_what_is_stored_unless_told(
    recorded: Recording, memory: MemoryStore, folder: Path
) -> None:
    await run(memory, folder)
    for name in ("cats", "dogs", "owls"):
        (folder / f"{name}.txt").unlink()

    unmounted = await run(memory, folder)
    emptied = await run(memory, folder, prune_empty=True)

    assert (unmounted.removed, unmounted.kept) == (0, (str(folder),))
    assert (emptied.removed, emptied.kept) == (3, ())


async def test_a_file_that_kills_its_reader_is_found_and_stops_no_other(
    recorded: Recording, memory: MemoryStore, folder: Path
) -> None:
    (folder / "killer.txt").write_text("boom")

    report = await run(memory, folder)

    (failure,) = report.failed
    assert (Path(failure.path).name, failure.stage) == ("killer.txt", "load")
    assert failure.reason == "the worker was killed"
    assert report.added == 3
    assert list(memory.failed) == [failure.path]


async def test_a_batch_that_fails_fails_the_documents_that_have_its_chunks(
    recorded: Recording, memory: MemoryStore, tmp_path: Path
) -> None:
    (tmp_path / "bad.txt").write_text("poison")

    report = await run(memory, tmp_path)

    (failure,) = report.failed
    assert (failure.stage, failure.reason) == (
        "embed",
        "the model gives numbers that are not finite",
    )
    assert memory.documents == {}


async def test_a_document_that_the_database_refuses_is_reported(
    recorded: Recording, memory: MemoryStore, folder: Path
) -> None:
    (folder / "refused.txt").write_text("All about refusal.")

    report = await run(memory, folder)

    (failure,) = report.failed
    assert (failure.stage, report.added) == ("store", 3)


async def test_a_name_that_is_not_utf8_is_stored_and_found_unchanged_by_the_next_run(
    recorded: Recording, memory: MemoryStore, folder: Path
) -> None:
    (folder / os.fsdecode(b"caf\xe9.txt")).write_text("Coffee is made of beans.")

    first = await run(memory, folder)
    again = await run(memory, folder)

    assert (first.added, first.failed, again.unchanged) == (4, (), 4)
    assert f"{folder}/caf\\xe9.txt" in memory.documents
    assert all(path.encode() for path in memory.documents)


async def test_what_is_stored_below_a_folder_that_cannot_be_listed_stays(
    recorded: Recording, memory: MemoryStore
) -> None:
    with open_folder() as folder:
        for name in ("a", "below/b", "gone"):
            (folder / name).parent.mkdir(exist_ok=True)
            (folder / name).write_text(f"All about {name}.")
        await run(memory, folder)
        (folder / "gone").unlink()
        with forbidden(folder / "below"):
            corpus = await to_thread.run_sync(find_files, str(folder))

        report = await run_corpus(memory, corpus)

    (failure,) = report.failed
    assert (failure.path, report.removed, report.unchanged) == (str(folder / "below"), 1, 1)
    assert "cannot be listed" in str(report)
    assert str(folder / "below/b") in memory.documents


async def test_a_source_that_cannot_be_listed_is_not_called_empty(
    recorded: Recording, memory: MemoryStore
) -> None:
    with open_folder() as folder:
        (folder / "a").write_text("All about a.")
        await run(memory, folder)
        with forbidden(folder):
            corpus = await to_thread.run_sync(find_files, str(folder))

        report = await run_corpus(memory, corpus, prune_empty=True)

    assert (report.removed, report.kept, len(report.failed)) == (0, (), 1)
    assert len(memory.documents) == 1


@pytest.mark.parametrize(
    ("size", "pool", "batch"),
    [
        (10, CPU, pipeline.BATCH),
        (200 * pipeline.BYTES_PER_CHUNK, CPU, 200),
        (10**9, CPU, pipeline.LARGEST_BATCH),
        (10, GPU, pipeline.BATCH_ON_GPU),
    ],
)
def test_batches_grow_with_the_corpus_and_are_large_on_a_gpu(
    size: int, pool: EmbeddingPool, batch: int
) -> None:
    assert pipeline._batch_size([FoundFile("/docs/a", "/docs", size)], pool) == batch


def test_only_an_empty_path_that_held_something_is_unseen() -> None:
    known = {"/docs/a.txt": KnownDocument("1", "f", "stored", 1)}
    corpus = Corpus([], Counter({"/docs": 0, "/docs-2": 0, "/full": 3}))

    assert list(pipeline._unseen(corpus, known)) == ["/docs"]


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (ValueError("first\nsecond"), "first"),
        (ValueError(""), "ValueError"),
        (ValueError("caf\udce9 is torn"), "caf\\xe9 is torn"),
    ],
)
def test_the_reason_of_a_failure_is_one_printable_line(error: Exception, reason: str) -> None:
    assert pipeline._reason(error) == reason
