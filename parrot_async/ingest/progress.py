"""How far an ingestion is, in documents and in chunks, and what became of each document."""

from collections.abc import Iterable, Sequence

from parrot_async.ingest.report import FailedDocument
from parrot_async.ingest.stages import FoundFile, Loaded
from parrot_async.jobs.context import JobContext

STARTED = 0.01
"""Percent that a run has of its own from the start: without any, its jobs' mean would count."""


class Progress:
    """Counts, and says on the job's node where it stands."""

    def __init__(self, here: JobContext, files: Sequence[FoundFile]) -> None:
        self._here = here
        self._sizes = {file.path: file.size + 1 for file in files}
        self._total = sum(self._sizes.values()) or 1
        self._settled = 0
        self._loaded = 0
        self._percent = STARTED
        self.stored: list[str] = []
        self.unchanged = 0
        self.failed: list[FailedDocument] = []
        self.chunks = 0
        self.expected = 0
        self.embedded = 0
        self._over = 0
        self.backend = ""

    def loaded(self, loaded: Loaded) -> None:
        """A group was read."""
        self.unchanged += len(loaded.unchanged)
        self._settled += self._bytes(loaded.unchanged)
        self._loaded += self._bytes(record.path for record, _ in loaded.documents)
        self.chunks += sum(1 for _ in loaded.chunks())
        self._say()

    def failing(self, failure: FailedDocument) -> None:
        """A document will not be stored."""
        self.failed.append(failure)
        if failure.stage == "load":
            self._settled += self._bytes([failure.path])
        self._say()

    def expecting(self, count: int) -> None:
        """So many chunks more are to be embedded."""
        self.expected += count
        self._say()

    def embedding(self, count: int, backend: str) -> None:
        """So many chunks have been embedded, or without a backend never will be."""
        self._over += count
        if backend:
            self.embedded += count
            self.backend = backend
        self._say()

    def storing(self, paths: Iterable[str]) -> None:
        """Documents are on disk."""
        self.stored.extend(paths)
        self._say()

    def _bytes(self, paths: Iterable[str]) -> int:
        return sum(self._sizes[path] for path in paths)

    def _say(self) -> None:
        """Chunks still to be read are as dense in their bytes as those that were."""
        share = self._over / self.expected if self.expected else 1.0
        done = self._settled + self._loaded * share
        self._percent = max(self._percent, 99.0 * done / self._total)
        documents = len(self.stored) + self.unchanged + len(self.failed)
        step = f"{documents:,} of {len(self._sizes):,} documents"
        if self.expected:
            step += f", {self.embedded:,} of {self.expected:,} chunks embedded"
        self._here.step(step)
        self._here.progress(self._percent)
