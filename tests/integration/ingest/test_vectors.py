"""The vector store on a real PostgreSQL: whole documents or none, searches that are never short."""

import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from dataclasses import replace
from uuid import uuid4

import anyio
import numpy as np
import psycopg
import pytest

from parrot_async.ingest.embed.chunks import Chunk
from parrot_async.ingest.embed.embedder import Vectors
from parrot_async.ingest.errors import VectorStoreError
from parrot_async.ingest.vectors.records import DocumentRecord, Filter
from parrot_async.ingest.vectors.server import ensure_server, stop_server
from parrot_async.ingest.vectors.store import VectorStore

DIMENSION = 8

pytestmark = pytest.mark.anyio


@pytest.fixture(scope="module")
def dsn(postgres: str) -> str:
    """The embedded server of the tests' own PARROT_HOME."""
    return postgres


@pytest.fixture
async def store(dsn: str) -> AsyncIterator[VectorStore]:
    """A fresh collection."""
    async with await VectorStore.open(
        dsn, model="model", dimension=DIMENSION, collection=uuid4().hex
    ) as opened:
        yield opened


def _record(
    path: str, sha256: str = "1", kind: str = "text", source: str = "/docs"
) -> DocumentRecord:
    return DocumentRecord(
        path, source, kind, path.rpartition("/")[2], sha256, "loader-chunker-model"
    )


def _chunks(*texts: str) -> list[Chunk]:
    return [
        Chunk(ordinal, text, text.encode().ljust(32)[:32], 0, len(text), page=ordinal + 1)
        for ordinal, text in enumerate(texts)
    ]


def _vectors(count: int, seed: int = 0) -> Vectors:
    drawn = np.random.default_rng(seed).normal(size=(count, DIMENSION)).astype(np.float32)
    unit: Vectors = drawn / np.linalg.norm(drawn, axis=1, keepdims=True)
    return unit


async def test_what_is_put_is_found_with_its_source(store: VectorStore) -> None:
    vectors = _vectors(2)

    await store.put(_record("/docs/a.txt"), _chunks("cats purr", "dogs bark"), vectors)
    (best, *_) = await store.search(vectors[1], limit=1)

    assert (best.text, best.path, best.title, best.page) == ("dogs bark", "/docs/a.txt", "a.txt", 2)
    assert best.score == pytest.approx(1, abs=1e-5)


async def test_a_changed_document_replaces_its_chunks(store: VectorStore) -> None:
    await store.put(_record("/docs/a.txt", "1"), _chunks("old", "older"), _vectors(2))

    await store.put(_record("/docs/a.txt", "2"), _chunks("new"), _vectors(1))

    assert await store.count() == (1, 1)
    assert (await store.known())["/docs/a.txt"].sha256 == "2"


async def test_a_document_that_fails_midway_leaves_its_former_version_whole(
    store: VectorStore,
) -> None:
    vectors = _vectors(2)
    await store.put(_record("/docs/a.txt", "1"), _chunks("old", "older"), vectors)
    poisoned = [*_chunks("new"), replace(_chunks("new")[0], text="nul \0 byte")]

    with pytest.raises(VectorStoreError):
        await store.put(_record("/docs/a.txt", "2"), poisoned, vectors)

    assert (await store.known())["/docs/a.txt"].sha256 == "1"
    assert {hit.text for hit in await store.search(vectors[0])} == {"old", "older"}


KILLED_WRITER = """
import os, signal, sys
import anyio, numpy as np
from parrot_async.ingest.embed.chunks import Chunk
from parrot_async.ingest.vectors.records import DocumentRecord
from parrot_async.ingest.vectors.store import VectorStore

class Deadly(list):
    def __iter__(self):
        for number, chunk in enumerate(super().__iter__()):
            if number == 5000:
                os.kill(os.getpid(), signal.SIGKILL)
            yield chunk

async def main(dsn, collection):
    chunks = Deadly(Chunk(n, f"new {n}", bytes(32), 0, 1) for n in range(6000))
    record = DocumentRecord("/docs/a.txt", "/docs", "text", "a.txt", "2", "f")
    async with await VectorStore.open(dsn, model="m", dimension=8, collection=collection) as store:
        await store.put(record, chunks, np.ones((6000, 8), np.float32))

anyio.run(main, *sys.argv[1:])
"""


async def test_a_writer_killed_midway_leaves_the_former_version_whole(dsn: str) -> None:
    name = uuid4().hex
    async with await VectorStore.open(dsn, model="m", dimension=8, collection=name) as store:
        await store.put(_record("/docs/a.txt", "1"), _chunks("old", "older"), _vectors(2))

        killed = await anyio.run_process(
            [sys.executable, "-c", KILLED_WRITER, dsn, name], check=False
        )

        assert killed.returncode == -signal.SIGKILL
        assert (await store.known())["/docs/a.txt"].sha256 == "1"
        assert {hit.text for hit in await store.search(_vectors(1)[0])} == {"old", "older"}


async def test_a_failure_keeps_the_last_good_version_and_is_tried_again(store: VectorStore) -> None:
    await store.put(_record("/docs/a.txt"), _chunks("good"), _vectors(1))

    await store.fail("/docs/a.txt", "/docs", "load", "is broken: repair it")

    (failure,) = await store.failures()
    assert (failure.stage, failure.error) == ("load", "is broken: repair it")
    assert (await store.known())["/docs/a.txt"].sha256 is None
    assert [hit.text for hit in await store.search(_vectors(1)[0])] == ["good"]


async def test_a_repaired_document_is_no_failure_any_more(store: VectorStore) -> None:
    await store.fail("/docs/a.txt", "/docs", "load", "is broken")

    await store.put(_record("/docs/a.txt"), _chunks("good"), _vectors(1))

    assert await store.failures() == []
    assert (await store.known())["/docs/a.txt"].status == "stored"


async def test_vectors_are_found_again_by_the_hash_of_their_chunks(store: VectorStore) -> None:
    chunks, vectors = _chunks("same", "other"), _vectors(2)
    await store.put(_record("/docs/a.txt"), chunks, vectors)

    known = await store.vectors_of([chunks[0].hash, b"?" * 32])

    assert list(known) == [chunks[0].hash]
    assert np.array_equal(known[chunks[0].hash], vectors[0])


async def test_only_what_vanished_from_the_same_source_is_forgotten(store: VectorStore) -> None:
    for path in ("/docs/a.txt", "/docs/b.txt", "/docs-2/c.txt"):
        source = path.rpartition("/")[0]
        await store.put(_record(path, source=source), _chunks(path), _vectors(1))

    deleted = await store.forget_vanished("/docs", ["/docs/a.txt"])

    assert deleted == 1
    assert set(await store.known()) == {"/docs/a.txt", "/docs-2/c.txt"}
    assert await store.count() == (2, 2)


async def test_a_glob_forgets_only_what_it_once_named(store: VectorStore) -> None:
    await store.put(_record("/docs/a.md", source="/docs/*.md"), _chunks("a"), _vectors(1))
    await store.put(_record("/docs/b.txt", source="/docs"), _chunks("b"), _vectors(1))

    deleted = await store.forget_vanished("/docs/*.md", [])

    assert deleted == 1
    assert set(await store.known()) == {"/docs/b.txt"}


async def test_a_filtered_search_on_the_index_is_never_short(store: VectorStore) -> None:
    vectors = _vectors(3000)
    for number in range(30):
        record = _record(f"/docs/{number}.txt", kind="pdf" if number == 7 else "text")
        part = vectors[number * 100 : number * 100 + 100]
        await store.put(record, _chunks(*(f"{number}-{each}" for each in range(100))), part)
    await store.build_index()

    counts = [
        len(await store.search(question, limit=20, where=Filter(kinds=("pdf",))))
        for question in _vectors(20, seed=1)
    ]

    assert counts == [20] * 20


async def test_hits_come_best_first_and_match_the_exact_answer(store: VectorStore) -> None:
    vectors = _vectors(500)
    await store.put(_record("/docs/a.txt"), _chunks(*map(str, range(500))), vectors)
    await store.build_index()
    question = _vectors(1, seed=2)[0]

    hits = await store.search(question, limit=10)

    exact = np.argsort(-(vectors @ question))[:10]
    assert [hit.score for hit in hits] == sorted((hit.score for hit in hits), reverse=True)
    assert len({int(hit.text) for hit in hits} & set(exact.tolist())) >= 9


async def test_filters_by_path_prefix_and_metadata_hold(store: VectorStore) -> None:
    tagged = replace(_record("/docs/x/a.txt"), metadata={"lang": "en"})
    await store.put(tagged, _chunks("one"), _vectors(1))
    await store.put(_record("/docs/y/b.txt"), _chunks("two"), _vectors(1))

    under = await store.search(_vectors(1)[0], where=Filter(under="/docs/y/"))
    english = await store.search(_vectors(1)[0], where=Filter(metadata={"lang": "en"}))

    assert [hit.text for hit in under] == ["two"]
    assert [hit.text for hit in english] == ["one"]


async def test_two_models_never_mix_in_one_collection(dsn: str) -> None:
    name = uuid4().hex
    async with await VectorStore.open(dsn, model="a", dimension=8, collection=name) as one:
        await one.put(_record("/docs/a.txt"), _chunks("a"), _vectors(1))

        async with await VectorStore.open(dsn, model="b", dimension=4, collection=name) as other:
            assert await other.known() == {}


async def test_many_first_users_at_once_make_one_collection(dsn: str) -> None:
    name = uuid4().hex
    opened: list[VectorStore] = []

    async def open_one() -> None:
        opened.append(await VectorStore.open(dsn, model="m", dimension=8, collection=name))

    async with anyio.create_task_group() as group:
        for _ in range(8):
            group.start_soon(open_one)

    await opened[0].put(_record("/docs/a.txt"), _chunks("a"), _vectors(1))
    assert [len(await store.known()) for store in opened] == [1] * 8
    for store in opened:
        await store.aclose()


async def test_an_empty_collection_and_a_wrong_dimension_say_so(
    dsn: str, store: VectorStore
) -> None:
    with pytest.raises(VectorStoreError, match="ingest something"):
        await VectorStore.open(dsn, model="m", dimension=8, collection=uuid4().hex, create=False)
    with pytest.raises(VectorStoreError, match="shape"):
        await store.search(np.zeros(3, np.float32))
    with pytest.raises(VectorStoreError, match="dimensions"):
        await VectorStore.open(dsn, model="m", dimension=5000)


async def test_a_server_that_is_not_there_is_named_without_its_password() -> None:
    with pytest.raises(VectorStoreError, match="check the DSN") as caught:
        await VectorStore.open("postgresql://me:hush@127.0.0.1:9/x", model="m", dimension=8)

    assert "hush" not in str(caught.value)


async def test_calls_of_many_tasks_take_turns(store: VectorStore) -> None:
    async with anyio.create_task_group() as group:
        for number in range(20):
            chunks = _chunks(f"{number}-a", f"{number}-b")
            group.start_soon(store.put, _record(f"/docs/{number}.txt"), chunks, _vectors(2))

    assert await store.count() == (20, 40)


def test_processes_that_race_to_start_the_server_get_the_same_one(dsn: str) -> None:
    stop_server()
    code = "from parrot_async.ingest.vectors.server import ensure_server; print(ensure_server())"

    started = [
        subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
        for _ in range(4)
    ]
    said = {process.communicate()[0].strip() for process in started}

    assert said == {ensure_server()}


def test_a_stopped_server_says_so_and_starts_again_with_its_data() -> None:
    with psycopg.connect(ensure_server(), autocommit=True) as before:
        before.execute("create table kept as select 1 as one")

    stopped = [stop_server(), stop_server()]

    assert stopped == [True, False]
    with psycopg.connect(ensure_server(), autocommit=True) as after:
        assert after.execute("select one from kept").fetchall() == [(1,)]
        after.execute("drop table kept")


def test_a_killed_server_is_seen_and_started_again() -> None:
    with psycopg.connect(ensure_server()) as client:
        data = client.execute("show data_directory").fetchone()
    assert data is not None
    subprocess.run(
        ["sh", "-c", f"kill -9 $(head -1 {data[0]}/postmaster.pid)"], check=True, timeout=10
    )

    with psycopg.connect(ensure_server()) as client:
        answer = client.execute("select 1").fetchone()

    assert answer == (1,)
