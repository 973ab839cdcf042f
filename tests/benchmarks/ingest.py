"""How many chunks a second get from files into pgvector, beside a two-process script by hand.

The script does the same work with the same parts: it loads, cuts and embeds each file in one of
two processes, and stores it from the first. Both are warm: their models are loaded.
"""

import asyncio
import os
import shutil
import subprocess
import sys
from collections.abc import Awaitable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing import get_context
from pathlib import Path
from time import perf_counter
from uuid import uuid4

import psycopg
from pydantic import SecretStr

from parrot_async import JobClient
from parrot_async.ingest import IngestOptions, ingest
from parrot_async.ingest.embed.chunks import Chunk, Chunker
from parrot_async.ingest.embed.embedder import Vectors, load_embedder
from parrot_async.ingest.embed.model_files import find_model
from parrot_async.ingest.errors import LoadError
from parrot_async.ingest.load.loaders import load
from parrot_async.ingest.search import open_collection
from parrot_async.ingest.vectors.records import DocumentRecord
from parrot_async.ingest.vectors.server import ensure_server, stop_server
from tests.benchmarks.harness import interleaved, our_client, private_home, report

CORPUS = Path(os.environ.get("PARROT_CORPUS", ".corpus"))
FILES = 60
WARM_UP = 4
Done = tuple[DocumentRecord, list[Chunk], Vectors]


def corpus() -> list[str]:
    """Files of all kinds, spread over the corpus of the README's first command."""
    subprocess.run(["sh", ".ci/corpus", str(CORPUS)], check=True)
    files = sorted(str(path.absolute()) for path in CORPUS.rglob("*.*") if path.is_file())
    return files[:: max(1, len(files) // FILES)][:FILES]


@contextmanager
def server() -> Iterator[str]:
    """The embedded PostgreSQL of a home of its own."""
    dsn = ensure_server()
    try:
        yield dsn
    finally:
        with psycopg.connect(dsn) as connection:
            (data,) = connection.execute("show data_directory").fetchall()[0]
        stop_server()
        shutil.rmtree(Path(data).parent)


def work(path: str) -> Done | None:
    """Everything that the script does with one file, but for storing it."""
    try:
        document = load(path)
    except LoadError:
        return None
    files = find_model()
    chunks = Chunker(files.tokenizer_file, files.max_tokens).chunk(document)
    vectors = load_embedder().embed([chunk.text for chunk in chunks])
    kind, title = document.kind, document.title
    return DocumentRecord(path, path, kind, title, document.sha256, "script"), chunks, vectors


async def script(pool: ProcessPoolExecutor, dsn: str, paths: Sequence[str]) -> tuple[float, int]:
    """Chunks a second by hand, and how many."""
    start, loop, stored = perf_counter(), asyncio.get_running_loop(), 0
    async with await open_collection(dsn, load_embedder(), uuid4().hex) as store:
        works = [loop.run_in_executor(pool, work, path) for path in paths]
        for next_done in asyncio.as_completed(works):
            if (done := await next_done) is not None:
                await store.put(*done)
                stored += len(done[1])
        await store.build_index()
    return stored / (perf_counter() - start), stored


async def ours(client: JobClient, dsn: str, paths: Sequence[str]) -> tuple[float, int]:
    """Chunks a second with us, and how many."""
    options = IngestOptions(collection=uuid4().hex, dsn=SecretStr(dsn))
    start = perf_counter()
    ingested = await (await ingest(client, paths, options))
    chunks, embedded = ingested.stored_chunks, ingested.embedded
    seconds = perf_counter() - start
    print(f"{chunks} chunks stored, {embedded} embedded", file=sys.stderr)
    return chunks / seconds, chunks


async def compare(client: JobClient, dsn: str) -> tuple[float, float]:
    """Chunks a second with us and by hand; both must have stored as many."""
    paths, counts = corpus(), set()

    async def counted(work: Awaitable[tuple[float, int]]) -> float:
        rate, count = await work
        counts.add(count)
        return rate

    with ProcessPoolExecutor(2, get_context("spawn")) as pool:
        await ours(client, dsn, paths[:WARM_UP])
        await script(pool, dsn, paths[:WARM_UP])
        found = await interleaved(
            lambda: counted(ours(client, dsn, paths)), lambda: counted(script(pool, dsn, paths))
        )
    if len(counts) != 1:
        raise SystemExit(f"they did not store the same: {sorted(counts)} chunks")
    return found


async def measure() -> None:
    """Compare; the model of the script's first process serves for its fingerprint only."""
    with private_home(), server() as dsn:
        async with our_client("bench-ingest") as client:
            found = await compare(client, dsn)
    report("ingest", *found, "chunks/s", required="ratio >= 1", goal="ratio >= 1.2")


def main() -> None:
    """Print one line of JSON."""
    asyncio.run(measure())


if __name__ == "__main__":
    main()
