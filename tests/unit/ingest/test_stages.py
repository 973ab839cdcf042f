"""The jobs of an ingestion, called plainly: without a cluster and without a server."""

import hashlib
import pickle
from pathlib import Path

import numpy as np
import pytest

from parrot_async.ingest.embed.chunks import Chunk
from parrot_async.ingest.embed.model import ChunkHashes, EmbeddedChunks, Model
from parrot_async.ingest.errors import VectorStoreError
from parrot_async.ingest.load.files import FoundFile
from parrot_async.ingest.stages import (
    LoadedFiles,
    build_index,
    embed_chunks,
    fingerprint_of,
    load_files,
    store_documents,
)
from parrot_async.ingest.vectors.records import DocumentRecord
from parrot_async.testing import recording_job
from tests.ingest_files import BAD, GOOD, write_files
from tests.unit.ingest.memory import MemoryStore, MemoryTarget

MODEL = Model("all-MiniLM-L6-v2", "auto", "fingerprint-of-the-model", 4, 800)


@pytest.fixture
def files(tmp_path: Path) -> list[FoundFile]:
    """A dozen files of every kind, some of them broken."""
    write_files(tmp_path / "files")
    return [
        FoundFile(str(tmp_path / "files" / name), str(tmp_path / "files"), 1)
        for name in sorted(GOOD | BAD)
    ]


def document(name: str, *texts: str) -> tuple[DocumentRecord, list[Chunk]]:
    record = DocumentRecord(f"/docs/{name}", "/docs", "text", name, "1", "f")
    return record, [
        Chunk(ordinal, text, hashlib.sha256(text.encode()).digest(), 0, len(text))
        for ordinal, text in enumerate(texts)
    ]


def embedded(*documents: tuple[DocumentRecord, list[Chunk]]) -> EmbeddedChunks:
    hashes = tuple({chunk.hash: None for _, chunks in documents for chunk in chunks})
    vectors = np.stack([np.full(4, key[0], np.float32) for key in hashes])
    return EmbeddedChunks(hashes, vectors, "none")


def test_a_group_is_read_and_its_broken_files_stop_no_other(files: list[FoundFile]) -> None:
    with recording_job() as recorded:
        loaded = load_files(files, MODEL)

    assert {Path(record.path).name for record, _ in loaded.documents} == {
        Path(name).name for name in GOOD
    }
    assert {Path(failed.path).name for failed in loaded.failed} == BAD
    assert all(failed.stage == "load" and failed.reason for failed in loaded.failed)
    assert recorded.percents[-1] == 100


def test_a_file_whose_bytes_are_known_is_not_loaded_again(tmp_path: Path) -> None:
    file = tmp_path / "a.txt"
    file.write_text("A parrot talks.")
    digest = hashlib.sha256(file.read_bytes()).hexdigest()

    known = load_files([FoundFile(str(file), str(tmp_path), 1, digest)], MODEL)
    other = load_files([FoundFile(str(file), str(tmp_path), 1, "0" * 64)], MODEL)

    assert (known.unchanged, known.documents) == ([str(file)], [])
    assert (other.unchanged, len(other.documents)) == ([], 1)


def test_a_record_says_where_the_document_is_from_and_what_made_its_chunks(tmp_path: Path) -> None:
    (tmp_path / "a.md").write_text("# Parrots\n\nThey talk.")

    loaded = load_files([FoundFile(str(tmp_path / "a.md"), "/source", 1)], MODEL)

    ((record, chunks),) = loaded.documents
    assert (record.source, record.kind, record.title) == ("/source", "markdown", "Parrots")
    assert record.fingerprint == fingerprint_of(MODEL)
    assert record.metadata == {"bytes": 21}
    assert [chunk.text for chunk in chunks] == ["# Parrots\n\nThey talk."]


def test_another_model_and_other_chunks_have_another_fingerprint() -> None:
    other = Model(MODEL.name, "auto", "another-model", 4, 800)
    smaller = Model(MODEL.name, "auto", MODEL.fingerprint, 4, 400)

    assert len({fingerprint_of(each) for each in (MODEL, other, smaller)}) == 3


@pytest.mark.slow
def test_only_the_chunks_that_are_asked_for_are_embedded_each_once() -> None:
    pytest.importorskip("sentence_transformers")
    twice = LoadedFiles([document("a", "cats purr", "dogs bark"), document("b", "cats purr")])
    hashes = tuple(chunk.hash for _, chunks in twice.documents[1:] for chunk in chunks)

    found = embed_chunks(MODEL, ChunkHashes(hashes), [twice])

    assert found.hashes == hashes
    assert found.vectors.shape == (1, 384)
    assert np.linalg.norm(found.vectors[0]) == pytest.approx(1, abs=1e-5)


async def test_documents_are_stored_with_the_vectors_of_their_own_chunks() -> None:
    store = MemoryStore()
    documents = [document("a", "cats purr", "dogs bark"), document("b", "dogs bark")]
    parts = [embedded(documents[1]), embedded(documents[0])]

    stored = await store_documents(MemoryTarget(store), MODEL, LoadedFiles(documents), parts)

    assert stored.paths == ["/docs/a", "/docs/b"]
    for _, chunks, vectors in store.documents.values():
        assert [vector[0] for vector in vectors] == [chunk.hash[0] for chunk in chunks]


async def test_a_document_without_all_its_vectors_is_left_for_its_failure() -> None:
    store = MemoryStore()
    documents = [document("a", "cats purr", "dogs bark"), document("b", "birds sing")]

    stored = await store_documents(
        MemoryTarget(store), MODEL, LoadedFiles(documents), [embedded(documents[1])]
    )

    assert stored.paths == list(store.documents) == ["/docs/b"]


async def test_a_document_without_chunks_is_stored_as_well() -> None:
    store = MemoryStore()

    await store_documents(MemoryTarget(store), MODEL, LoadedFiles([document("empty")]), [])

    assert store.documents["/docs/empty"][2].shape == (0, 4)


async def test_a_document_that_the_database_refuses_stops_no_other() -> None:
    store = MemoryStore()
    documents = [document("refused", "cats purr"), document("b", "cats purr")]

    stored = await store_documents(
        MemoryTarget(store), MODEL, LoadedFiles(documents), [embedded(*documents)]
    )

    (failure,) = stored.failed
    assert (failure.path, failure.stage) == ("/docs/refused", "store")
    assert stored.paths == ["/docs/b"]


async def test_a_database_that_is_lost_fails_the_job_so_that_it_is_tried_again() -> None:
    documents = [document("lost", "cats purr")]

    with pytest.raises(VectorStoreError):
        await store_documents(
            MemoryTarget(MemoryStore()), MODEL, LoadedFiles(documents), [embedded(*documents)]
        )


async def test_the_index_is_built_over_the_target() -> None:
    store = MemoryStore()

    await build_index(MemoryTarget(store), MODEL)

    assert store.built


def test_what_travels_between_jobs_is_short_to_read_and_can_be_pickled() -> None:
    loaded = LoadedFiles([document("a", "cats purr")], ["/docs/b"])

    copy = pickle.loads(pickle.dumps(loaded))  # noqa: S301

    assert copy == loaded
    assert repr(loaded) == "<1 documents, 1 unchanged, 0 failed>"
    assert repr(ChunkHashes((b"1", b"2"))) == "<2 chunks>"
    assert (repr(embedded(document("a", "x"))), repr(MODEL)) == ("<1 vectors>", MODEL.name)
