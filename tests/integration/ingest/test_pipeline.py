"""The whole ingestion on a real cluster and server: complete, incremental, and hard to break."""

import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from uuid import uuid4

import anyio
import psycopg
import pytest
from pydantic import SecretStr

from parrot_async import JobClient, JobHandle, JobStatus, Pools, job
from parrot_async.cluster import down
from parrot_async.ingest import (
    IncompleteError,
    IngestError,
    IngestOptions,
    IngestReport,
    ingest,
    ingest_documents,
    search,
)
from parrot_async.ingest.batches import PORTION
from parrot_async.ingest.embed.chunks import Chunker, count_tokens
from parrot_async.ingest.embed.model_files import find_model
from parrot_async.ingest.load.loaders import load
from tests.ingest_files import BAD, GOOD, write_files
from tests.integration.ingesting import stored, write_corpus

pytestmark = [pytest.mark.anyio, pytest.mark.slow, pytest.mark.usefixtures("postgres")]

DOCUMENTS, PARAGRAPHS = 24, 12


@pytest.fixture
def collection() -> str:
    """A fresh collection's name."""
    return uuid4().hex


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A few small files of every kind, some of them broken."""
    write_files(tmp_path / "files")
    return tmp_path / "files"


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    """Documents that take some seconds to embed."""
    write_corpus(tmp_path / "corpus", DOCUMENTS, PARAGRAPHS)
    return tmp_path / "corpus"


async def run(client: JobClient, path: Path, collection: str, **options: bool) -> IngestReport:
    wanted = IngestOptions(collection=collection).model_copy(update=options)
    return await (await ingest(client, [path], wanted))


def chunked(folder: Path) -> dict[str, list[str]]:
    """What must be stored of a folder, no more and no less."""
    chunker = Chunker(find_model().tokenizer_file)
    return {
        file.name: [chunk.text for chunk in chunker.chunk(load(file))] for file in folder.iterdir()
    }


def kill_server(data: str) -> None:
    pid = Path(data, "postmaster.pid").read_text().split()[0]
    os.kill(int(pid), signal.SIGKILL)


def rename_all(folder: Path) -> None:
    for file in list(folder.iterdir()):
        file.rename(file.with_name(f"new-{file.name}"))


async def middle_of(handle: JobHandle[IngestReport]) -> None:
    """Wait until some, but by far not all chunks are embedded."""
    with anyio.fail_after(60):
        async for _ in handle.events():
            if 5 < handle.progress < 60:
                return


async def test_documents_of_every_kind_are_stored_and_found(
    client: JobClient, folder: Path, collection: str
) -> None:
    report = await run(client, folder, collection)

    (best, *_) = await search("how long does a cat sleep?", collection=collection)
    assert (report.added, report.stored_documents) == (len(GOOD), len(GOOD))
    assert set(stored(collection)) == {Path(name).name for name in GOOD}
    assert (Path(best.path).name, best.page) == ("cats.pdf", 1)


async def test_what_cannot_be_read_is_reported_with_its_reason_and_stops_nothing(
    client: JobClient, folder: Path, collection: str
) -> None:
    report = await run(client, folder, collection)

    reasons = {Path(failed.path).name: (failed.stage, failed.reason) for failed in report.failed}
    assert set(reasons) == BAD
    assert {stage for stage, _ in reasons.values()} == {"load"}
    assert "encrypted" in reasons["secret.pdf"][1]
    assert "empty" in reasons["empty.txt"][1]
    assert "no supported kind" in reasons["picture.png"][1]
    assert str(folder / "scan.pdf") in str(report)


async def test_a_strict_run_stores_all_it_can_and_then_fails(
    client: JobClient, folder: Path, collection: str
) -> None:
    with pytest.raises(IncompleteError, match="6 of 13") as caught:
        await run(client, folder, collection, strict=True)

    assert caught.value.report.added == len(GOOD)
    assert len(stored(collection)) == len(GOOD)


async def test_a_second_run_embeds_and_reads_nothing_again(
    client: JobClient, folder: Path, collection: str
) -> None:
    first = await run(client, folder, collection)

    again = await run(client, folder, collection)

    assert (again.unchanged, again.embedded, again.added) == (len(GOOD), 0, 0)
    assert again.stored_chunks == first.stored_chunks


async def test_changed_new_and_deleted_files_are_followed(
    client: JobClient, folder: Path, collection: str
) -> None:
    await run(client, folder, collection)
    (folder / "guide" / "horses.txt").write_text("A horse has one toe.\n")
    (folder / "guide" / "bees.txt").write_text("A bee dances.\n")
    (folder / "cats.pdf").unlink()

    report = await run(client, folder, collection)

    now = stored(collection)
    assert (report.added, report.updated, report.removed) == (1, 1, 1)
    assert now["horses.txt"] == ["A horse has one toe."]
    assert "bees.txt" in now
    assert "cats.pdf" not in now


async def test_vectors_of_equal_chunks_are_made_once(
    client: JobClient, corpus: Path, collection: str
) -> None:
    first = await run(client, corpus, collection)
    rename_all(corpus)

    moved = await run(client, corpus, collection)

    assert (moved.added, moved.removed) == (DOCUMENTS, DOCUMENTS)
    assert (moved.embedded, moved.reused) == (0, first.chunks)


async def test_kept_files_stay_when_told_so(
    client: JobClient, folder: Path, collection: str
) -> None:
    await run(client, folder, collection)
    (folder / "cats.pdf").unlink()

    report = await run(client, folder, collection, prune=False)

    assert report.removed == 0
    assert "cats.pdf" in stored(collection)


async def test_an_empty_folder_deletes_nothing_unless_told_so(
    client: JobClient, tmp_path: Path, collection: str
) -> None:
    place = tmp_path / "disk"
    write_corpus(place, 2, 1)
    await run(client, place, collection)
    for file in place.iterdir():
        file.unlink()

    unmounted = await run(client, place, collection)
    emptied = await run(client, place, collection, prune_empty=True)

    assert (unmounted.removed, unmounted.kept) == (0, (str(place),))
    assert emptied.removed == 2


async def test_two_collections_do_not_mix(
    client: JobClient, tmp_path: Path, collection: str
) -> None:
    for name in ("cats", "dogs"):
        (tmp_path / name).mkdir()
        (tmp_path / name / f"{name}.txt").write_text(f"Many {name} live here.")
    await run(client, tmp_path / "cats", collection)

    await run(client, tmp_path / "dogs", f"{collection}-2")

    hits = await search("who lives here?", collection=collection)
    assert [Path(hit.path).name for hit in hits] == ["cats.txt"]


async def test_no_chunk_is_longer_than_the_model_reads(
    client: JobClient, tmp_path: Path, collection: str
) -> None:
    (tmp_path / "numbers.txt").write_text(" ".join(str(n * 7919) for n in range(2000)))
    (tmp_path / "greek.txt").write_text("αβγδεζηθικλμνξοπρστυφχψω" * 200)

    await run(client, tmp_path, collection)

    texts = [text for some in stored(collection).values() for text in some]
    assert max(count_tokens(find_model().tokenizer_file, texts)) <= find_model().max_tokens
    assert len(texts) > 20


async def test_a_path_that_names_nothing_says_so(client: JobClient, tmp_path: Path) -> None:
    with pytest.raises(IngestError, match="check the spelling"):
        await run(client, tmp_path / "misspelt", "any")


async def test_the_tree_shows_every_stage_and_ends_complete(
    client: JobClient, corpus: Path, collection: str
) -> None:
    handle = await ingest(client, [corpus], IngestOptions(collection=collection))
    await handle

    titles = [child.node.title for child in handle.children]
    stages = ("Prepare", "Read", "Embed", "Store", "Build")
    assert all(any(title.startswith(stage) for title in titles) for stage in stages)
    assert handle.node.title == "Ingest corpus"
    assert (handle.progress, handle.status) == (100.0, JobStatus.COMPLETED)


async def test_reading_embedding_and_storing_overlap(
    client: JobClient, corpus: Path, collection: str
) -> None:
    handle = await ingest(client, [corpus], IngestOptions(collection=collection))
    await handle

    nodes = [child.node for child in handle.children]
    embedded = [node for node in nodes if node.title.startswith("Embed")]
    first_stored = min(n.started_at for n in nodes if n.title.startswith("Store") and n.started_at)
    assert first_stored < max(node.completed_at for node in embedded if node.completed_at)


async def test_embedding_jobs_shrink_towards_the_end_so_that_workers_finish_together(
    client: JobClient, corpus: Path, collection: str
) -> None:
    handle = await ingest(client, [corpus], IngestOptions(collection=collection))
    report = await handle

    titles = [child.node.title.split() for child in handle.children]
    sizes = [int(words[1]) for words in titles if words[0] == "Embed"]
    assert sum(sizes) == report.embedded
    assert max(sizes) > PORTION >= sizes[-1]


async def test_cancelled_in_the_middle_and_run_again_it_is_complete(
    client: JobClient, corpus: Path, collection: str
) -> None:
    handle = await ingest(client, [corpus], IngestOptions(collection=collection))
    await middle_of(handle)
    await handle.cancel()
    assert await handle.wait() is JobStatus.CANCELLED

    await run(client, corpus, collection)

    assert stored(collection) == chunked(corpus)


@job(queue="cpu")
def own_pid() -> int:
    return os.getpid()


async def test_a_worker_killed_in_the_middle_costs_nothing(
    client: JobClient, corpus: Path, collection: str
) -> None:
    pid = await client.run(own_pid)
    handle = await ingest(client, [corpus], IngestOptions(collection=collection))
    await middle_of(handle)

    os.kill(pid, signal.SIGKILL)
    report = await handle

    assert (report.added, len(report.failed)) == (DOCUMENTS, 0)
    assert stored(collection) == chunked(corpus)


async def test_a_database_killed_in_the_middle_costs_nothing(
    client: JobClient, corpus: Path, collection: str, postgres: str
) -> None:
    handle = await ingest(client, [corpus], IngestOptions(collection=collection))
    await middle_of(handle)

    with psycopg.connect(postgres) as server:
        (data,) = server.execute("show data_directory").fetchall()[0]
    kill_server(data)
    report = await handle

    assert (report.added, report.failed) == (DOCUMENTS, ())
    assert stored(collection) == chunked(corpus)


async def test_embedding_goes_to_the_gpu_workers_where_there_are_some(
    corpus: Path, collection: str, doomed: str
) -> None:
    async with JobClient(name=doomed, pools=Pools(cpu=1, gpu=1, io=16)) as client:
        handle = await ingest(client, [corpus / "000.txt"], IngestOptions(collection=collection))
        await handle
        pools = {child.node.title.split()[0]: child.node.spec.pool for child in handle.children}

    assert pools == {"Prepare": "gpu", "Read": "cpu", "Embed": "gpu", "Store": "io", "Build": "io"}


async def test_the_job_itself_can_be_submitted_with_absolute_paths_only(
    client: JobClient, folder: Path, collection: str
) -> None:
    options = IngestOptions(collection=collection)

    report = await client.run(ingest_documents, [str(folder / "README")], options)

    assert report.added == 1
    with pytest.raises(IngestError, match="make it absolute"):
        await client.run(ingest_documents, ["README"], options)


async def test_the_password_of_a_dsn_is_shown_nowhere(
    client: JobClient, folder: Path, collection: str
) -> None:
    dsn = SecretStr("postgresql://me:hush@127.0.0.1:9/x")
    handle = await ingest(client, [folder], IngestOptions(collection=collection, dsn=dsn))

    with pytest.raises(IngestError, match="check the DSN") as caught:
        await handle

    shown = [
        handle.report(),
        handle._repr_mimebundle_()["text/html"],
        str(caught.value),
        repr(handle.node),
    ]
    assert not any("hush" in text for text in shown)


SUBMITTER = """
import sys, anyio
from parrot_async import JobClient, Pools
from parrot_async.cluster import ensure
from parrot_async.ingest import IngestOptions, ingest

async def main(name, path, collection):
    cluster = await ensure(name, Pools(cpu=2, gpu=0, io=16))
    async with JobClient(name=name) as client:
        handle = await ingest(client, [path], IngestOptions(collection=collection))
        async for _ in handle.events():
            if 20 < handle.progress < 70:
                print(cluster.pid, flush=True)
        await handle

anyio.run(main, *sys.argv[1:])
"""


def kill_everything_in_the_middle(*arguments: str) -> None:
    command = [sys.executable, "-c", SUBMITTER, *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as submitter:
        assert submitter.stdout is not None
        daemon = int(submitter.stdout.readline())
        submitter.kill()
        os.killpg(os.getpgid(daemon), signal.SIGKILL)


@pytest.fixture
async def doomed() -> AsyncIterator[str]:
    """Name of a cluster that a test kills."""
    name = f"doomed-{uuid4().hex[:8]}"
    yield name
    await down(name)


async def test_everything_killed_in_the_middle_and_run_again_is_complete_without_doubles(
    corpus: Path, collection: str, doomed: str
) -> None:
    arguments = (doomed, str(corpus), collection)
    await anyio.to_thread.run_sync(kill_everything_in_the_middle, *arguments)
    before = len(stored(collection))

    async with JobClient(name=doomed, pools=Pools(cpu=2, gpu=0, io=16)) as client:
        report = await run(client, corpus, collection)

    assert 0 <= before < DOCUMENTS
    assert report.unchanged >= before
    assert stored(collection) == chunked(corpus)
