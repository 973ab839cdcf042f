"""The report of an ingestion: what it did, in numbers and in words."""

from collections import defaultdict
from collections.abc import Iterator
from typing import Literal

from pydantic import BaseModel, ConfigDict

from parrot_async.report.wording import duration

Stage = Literal["load", "embed", "store"]

NAMED = 5
"""The most files that the text names for each reason; it counts the others."""


class FailedDocument(BaseModel):
    r"""A document that was not stored: in which stage it failed, and why.

    `path` is a file, or a folder that cannot be listed; bytes in it that are not UTF-8 are written
    as `\xe9`.
    """

    model_config = ConfigDict(frozen=True)

    path: str
    stage: Stage
    reason: str


class IngestReport(BaseModel):
    """The result of an ingestion; `str(report)` is its text for people."""

    model_config = ConfigDict(frozen=True)

    collection: str
    model: str
    backend: str = ""
    """What computed the vectors; empty when none was computed."""
    added: int = 0
    updated: int = 0
    unchanged: int = 0
    removed: int = 0
    failed: tuple[FailedDocument, ...] = ()
    kept: tuple[str, ...] = ()
    """Paths without a single file; what was stored of them is kept."""
    chunks: int = 0
    """Chunks of the documents that were added or updated."""
    embedded: int = 0
    reused: int = 0
    """Chunks that needed no vector of their own: the collection, or another document, had it."""
    stored_documents: int = 0
    stored_chunks: int = 0
    seconds: float = 0.0

    @property
    def documents(self) -> int:
        """The number of documents that the paths name."""
        return self.added + self.updated + self.unchanged + len(self.failed)

    @property
    def headline(self) -> str:
        """The counts that are not zero, in words."""
        counts = {"added": self.added, "updated": self.updated, "unchanged": self.unchanged}
        counts |= {"removed": self.removed, "failed": len(self.failed)}
        said = ", ".join(f"{count:,} {word}" for word, count in counts.items() if count)
        return f"{self.documents:,} documents: {said or 'nothing to do'}"

    @property
    def chunks_per_second(self) -> float:
        """Chunks embedded per second of the whole run."""
        return self.embedded / self.seconds if self.seconds else 0.0

    def __str__(self) -> str:
        return "\n".join(self._lines())

    def _lines(self) -> Iterator[str]:
        yield f"{self.headline} ({duration(self.seconds)})"
        if self.chunks:
            yield (
                f"{self.chunks:,} chunks: {self.embedded:,} embedded, {self.reused:,} reused;"
                f" {self.chunks_per_second:.1f} chunks/s with {self.backend or 'no model'}"
            )
        yield (
            f"Collection {self.collection!r} holds {self.stored_documents:,} documents,"
            f" {self.stored_chunks:,} chunks."
        )
        for path in self.kept:
            yield f"{path} holds no file: what is stored of it was kept (--prune-empty removes it)"
        yield from self._failures()

    def _failures(self) -> Iterator[str]:
        by_reason: defaultdict[tuple[Stage, str], list[str]] = defaultdict(list)
        for each in self.failed:
            by_reason[each.stage, each.reason].append(each.path)
        for (stage, reason), paths in by_reason.items():
            yield f"{len(paths):,} failed to {stage}: {reason}"
            yield from (f"  {path}" for path in paths[:NAMED])
            if len(paths) > NAMED:
                yield f"  and {len(paths) - NAMED:,} more"
