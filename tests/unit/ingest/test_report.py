"""The report of an ingestion, as people read it."""

import pytest

from parrot_async.ingest.errors import IncompleteError
from parrot_async.ingest.report import NAMED, FailedDocument, IngestReport


def failed(name: str, reason: str = "is empty: remove it or fill it") -> FailedDocument:
    return FailedDocument(path=f"/docs/{name}", stage="load", reason=reason)


def test_the_headline_says_only_what_happened() -> None:
    report = IngestReport(collection="c", model="m", added=1200, failed=(failed("a.pdf"),))

    assert report.headline == "1,201 documents: 1,200 added, 1 failed"
    assert IngestReport(collection="c", model="m").headline == "0 documents: nothing to do"


def test_files_that_failed_for_one_reason_stand_together_and_many_are_counted() -> None:
    many = tuple(failed(f"{number}.txt") for number in range(NAMED + 2))

    lines = str(IngestReport(collection="c", model="m", failed=(*many, failed("b", "is torn"))))

    assert "7 failed to load: is empty: remove it or fill it\n  /docs/0.txt" in lines
    assert "  and 2 more\n1 failed to load: is torn\n  /docs/b" in lines


def test_speed_is_chunks_by_seconds_of_the_whole_run() -> None:
    report = IngestReport(
        collection="c", model="m", chunks=30, embedded=20, reused=10, seconds=4.0, backend="ov"
    )

    assert report.chunks_per_second == pytest.approx(5)
    assert "30 chunks: 20 embedded, 10 reused; 5.0 chunks/s with ov" in str(report)


def test_a_path_that_is_empty_says_how_to_remove_what_is_stored_of_it() -> None:
    report = IngestReport(collection="c", model="m", kept=("/mnt/disk",))

    assert "/mnt/disk holds no file" in str(report)
    assert "--prune-empty" in str(report)


def test_the_error_of_a_strict_run_counts_what_failed() -> None:
    error = IncompleteError(IngestReport(collection="c", model="m", added=2, failed=(failed("a"),)))

    assert str(error) == "1 of 3 documents failed: the report says why"
