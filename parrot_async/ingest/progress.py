"""The progress of an ingestion in documents and chunks, and what became of each document."""

from collections.abc import Iterable, Sequence

from parrot_async.ingest.load.files import FoundFile
from parrot_async.ingest.report import FailedDocument
from parrot_async.ingest.stages import LoadedFiles
from parrot_async.jobs.context import JobContext

STARTED = 0.01
"""Percent that a run reports at its start: without it, the mean of its children would count."""


class Progress:
    """Counts documents and chunks, and reports them on the node of the job."""

    def __init__(self, here: JobContext, files: Sequence[FoundFile]) -> None:
        self.stored: list[str] = []
        self.unchanged = 0
        self.failed: list[FailedDocument] = []
        self.chunks = 0
        self.expected = 0
        self.embedded = 0
        self.backend = ""
        self._here = here
        # One byte more for each, so that empty files count as well.
        self._sizes = {file.path: file.size + 1 for file in files}
        self._total = sum(self._sizes.values()) or 1
        self._settled = 0
        self._loaded = 0
        self._done_chunks = 0
        self._percent = STARTED

    def add_loaded(self, loaded: LoadedFiles) -> None:
        """Count a group that was read."""
        self.unchanged += len(loaded.unchanged)
        self._settled += self._bytes(loaded.unchanged)
        self._loaded += self._bytes(record.path for record, _ in loaded.documents)
        self.chunks += sum(1 for _ in loaded.chunks())
        self._report()

    def add_failure(self, failure: FailedDocument) -> None:
        """Count a document that will not be stored."""
        self.failed.append(failure)
        if failure.stage == "load":
            self._settled += self._bytes([failure.path])
        self._report()

    def expect_chunks(self, count: int) -> None:
        """Count chunks that must be embedded."""
        self.expected += count
        self._report()

    def add_embedded(self, count: int, backend: str) -> None:
        """Count chunks that were embedded, or that failed where `backend` is empty."""
        self._done_chunks += count
        if backend:
            self.embedded += count
            self.backend = backend
        self._report()

    def add_stored(self, paths: Iterable[str]) -> None:
        """Count documents that are on disk."""
        self.stored.extend(paths)
        self._report()

    def _bytes(self, paths: Iterable[str]) -> int:
        return sum(self._sizes[path] for path in paths)

    def _report(self) -> None:
        """Report percent and counts.

        Files still to be read are assumed to have as many chunks per byte as those that were.
        """
        share = self._done_chunks / self.expected if self.expected else 1.0
        done = self._settled + self._loaded * share
        self._percent = max(self._percent, 99.0 * done / self._total)
        documents = len(self.stored) + self.unchanged + len(self.failed)
        step = f"{documents:,} of {len(self._sizes):,} documents"
        if self.expected:
            step += f", {self.embedded:,} of {self.expected:,} chunks embedded"
        self._here.step(step)
        self._here.progress(self._percent)
