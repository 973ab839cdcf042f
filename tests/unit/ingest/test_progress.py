"""Progress: bytes of files until their chunks are known, and never backwards."""

from collections.abc import Iterator

import pytest

from parrot_async.ingest.embed.chunks import Chunk
from parrot_async.ingest.load.files import FoundFile
from parrot_async.ingest.progress import Progress
from parrot_async.ingest.report import FailedDocument
from parrot_async.ingest.stages import LoadedFiles
from parrot_async.ingest.vectors.records import DocumentRecord
from parrot_async.jobs.context import current_job
from parrot_async.testing import Recording, recording_job

FILES = [FoundFile(f"/docs/{name}.txt", "/docs", 99) for name in "abcd"]


@pytest.fixture
def recorded() -> Iterator[Recording]:
    """The job that progress is reported on."""
    with recording_job() as recording:
        yield recording


def read(*names: str, chunks: int = 10) -> LoadedFiles:
    return LoadedFiles(
        [(record(name), [chunk(number) for number in range(chunks)]) for name in names]
    )


def record(name: str) -> DocumentRecord:
    return DocumentRecord(f"/docs/{name}.txt", "/docs", "text", name, "1", "f")


def chunk(number: int) -> Chunk:
    return Chunk(number, "words", bytes([number]) * 32, 0, 5)


def test_a_file_is_done_when_its_chunks_are_embedded(recorded: Recording) -> None:
    progress = Progress(current_job(), FILES)
    progress.expect_chunks(20)
    progress.add_loaded(read("a", "b"))

    progress.add_embedded(10, "openvino")

    assert recorded.percents[-1] == pytest.approx(99 / 4)
    assert recorded.steps[-1] == "0 of 4 documents, 10 of 20 chunks embedded"


def test_unchanged_and_broken_files_count_as_done(recorded: Recording) -> None:
    progress = Progress(current_job(), FILES)

    progress.add_loaded(LoadedFiles(unchanged=["/docs/a.txt"]))
    progress.add_failure(FailedDocument(path="/docs/b.txt", stage="load", reason="is empty"))

    assert recorded.percents[-1] == pytest.approx(99 / 2)
    assert recorded.steps[-1] == "2 of 4 documents"


def test_progress_never_goes_back_when_more_chunks_turn_up(recorded: Recording) -> None:
    progress = Progress(current_job(), FILES)
    progress.add_loaded(read("a"))
    progress.expect_chunks(10)
    progress.add_embedded(10, "openvino")

    progress.add_loaded(read("b"))
    progress.expect_chunks(1000)

    assert recorded.percents == sorted(recorded.percents)


def test_chunks_that_failed_are_over_but_not_embedded(recorded: Recording) -> None:
    progress = Progress(current_job(), FILES[:1])
    progress.add_loaded(read("a"))
    progress.expect_chunks(10)

    progress.add_embedded(10, "")

    assert (progress.embedded, progress.backend) == (0, "")
    assert recorded.percents[-1] == pytest.approx(99)


def test_a_corpus_without_files_reports_no_division_by_zero(recorded: Recording) -> None:
    progress = Progress(current_job(), [])

    progress.expect_chunks(0)

    assert recorded.steps == ["0 of 0 documents"]
