"""Batches: every chunk is embedded once, in jobs that shrink towards the end."""

import hashlib
from collections.abc import Iterator, Sequence
from concurrent.futures import Future

import anyio
import numpy as np
import pytest

from parrot_async.ingest.batches import PORTION, Batches, Portion
from parrot_async.ingest.embed.model import ChunkHashes, EmbeddedChunks, Model
from parrot_async.ingest.errors import ModelError
from parrot_async.ingest.load.files import FoundFile
from parrot_async.ingest.progress import Progress
from parrot_async.ingest.stages import LoadedFiles, embed_chunks
from parrot_async.ingest.workers import EmbeddingPool
from parrot_async.jobs.children import Child
from parrot_async.jobs.context import current_job
from parrot_async.jobs.host import LocalHost
from parrot_async.testing import Recording, recording_job
from parrot_async.transport.outcome import Outcome

MODEL = Model("all-MiniLM-L6-v2", "auto", "fingerprint", 4, 800)
POOL = EmbeddingPool("cpu", 1)


def embed(model: Model, hashes: ChunkHashes, sources: Sequence[LoadedFiles]) -> EmbeddedChunks:
    if b"poison" in hashes.keys:
        raise ModelError("the model gives numbers that are not finite")
    return EmbeddedChunks(
        hashes.keys, np.zeros((len(hashes.keys), model.dimension), np.float32), "none"
    )


@pytest.fixture
def recorded() -> Iterator[Recording]:
    """The ingestion's job, whose embedding jobs run here and give zeros."""
    with recording_job({embed_chunks: embed}) as recording:
        yield recording


@pytest.fixture
def progress(recorded: Recording) -> Progress:
    """The progress of a corpus of one file."""
    return Progress(current_job(), [FoundFile("/docs/a.txt", "/docs", 1000)])


def loaded() -> Child[LoadedFiles]:
    ended: Future[Outcome] = Future()
    ended.set_result(Outcome.of(LoadedFiles()))
    return Child("", ended, LocalHost(), lambda _: None)


def chunks(count: int, path: str = "/docs/a.txt") -> dict[bytes, str]:
    return {hashlib.sha256(f"{number}".encode()).digest(): path for number in range(count)}


def sizes(recorded: Recording) -> list[int]:
    return [len(child.args[1].keys) for child in recorded.children]


async def embed_all(
    progress: Progress, chunks: dict[bytes, str], size: int, pool: EmbeddingPool = POOL
) -> list[Portion]:
    portions: list[Portion] = []
    async with anyio.create_task_group() as group:
        portions += Batches(group, progress, MODEL, pool, size).add(loaded(), chunks)
    return portions


async def test_batches_are_full_at_first_and_shrink_towards_the_end(
    recorded: Recording, progress: Progress
) -> None:
    await embed_all(progress, chunks(1000), 128)

    assert sum(sizes(recorded)) == progress.embedded == 1000
    assert max(sizes(recorded)) == sizes(recorded)[0] == 128
    assert sizes(recorded)[-1] <= PORTION


async def test_a_chunk_that_is_under_way_is_not_embedded_twice(
    recorded: Recording, progress: Progress
) -> None:
    async with anyio.create_task_group() as group:
        batches = Batches(group, progress, MODEL, POOL, 128)
        first = batches.add(loaded(), chunks(20))
        again = batches.add(loaded(), chunks(24, "/docs/b.txt"))

    assert again[: len(first)] == first
    assert sum(sizes(recorded)) == progress.expected == 24


async def test_a_chunk_whose_job_has_ended_is_embedded_again_if_it_comes_again(
    recorded: Recording, progress: Progress
) -> None:
    # The pipeline asks the store first: by then its vector is stored, or its job failed.
    async with anyio.create_task_group() as group:
        batches = Batches(group, progress, MODEL, POOL, 128)
        (first,) = batches.add(loaded(), chunks(1))
        await first.ended.wait()
        (again,) = batches.add(loaded(), chunks(1))

    assert first is not again
    assert sizes(recorded) == [1, 1]


async def test_a_batch_that_fails_fails_its_portions_and_no_others(
    recorded: Recording, progress: Progress
) -> None:
    portions = await embed_all(progress, chunks(PORTION) | {b"poison": "/docs/b.txt"}, 16)

    good, bad = portions
    assert (good.error, bad.child) == (None, None)
    assert good.child is not None
    assert isinstance(bad.error, ModelError)
    assert (progress.expected, progress.embedded) == (PORTION + 1, PORTION)


async def test_reading_waits_until_few_enough_chunks_are_under_way(
    recorded: Recording, progress: Progress
) -> None:
    async with anyio.create_task_group() as group:
        batches = Batches(group, progress, MODEL, POOL, 16)
        portions = batches.add(loaded(), chunks(200))
        await batches.wait_for_room(50)
        waiting = sum(len(portion.chunks) for portion in portions if not portion.ended.is_set())

    assert 0 < waiting < 50


async def test_jobs_go_to_the_pool_that_embeds_and_are_titled_by_their_files(
    recorded: Recording, progress: Progress
) -> None:
    await embed_all(progress, chunks(3), 128, EmbeddingPool("gpu", 1))

    (child,) = recorded.children
    given = getattr(child.fn, "given", {})
    assert given["resources"] == {"gpu": 1}
    assert given["title"] == "Embed 3 chunks of a.txt"
