"""The errors that ingestion raises on purpose.

IngestError
├── LoadError          one file cannot be read, and what to do about it
├── ModelError         the embedding model cannot be found, or cannot be used
├── ServerError        the embedded PostgreSQL does not start
├── VectorStoreError   the database refuses, or lacks what the vector store needs
└── IncompleteError    some documents failed, and the run was strict; `.report` names them
"""

from typing import TYPE_CHECKING

from parrot_async.errors import ParrotError

if TYPE_CHECKING:
    from parrot_async.ingest.report import IngestReport


class IngestError(ParrotError):
    """The root of the errors that ingestion raises on purpose."""


class LoadError(IngestError):
    """One file cannot be read; `reason` says what to do about it."""

    def __init__(self, path: str, reason: str) -> None:
        super().__init__(path, reason)
        self.path = path
        self.reason = reason

    def __str__(self) -> str:
        return f"{self.path}: {self.reason}"


class ModelError(IngestError):
    """The embedding model cannot be found, or cannot be used."""


class ServerError(IngestError):
    """The embedded PostgreSQL does not start or stop."""


class VectorStoreError(IngestError):
    """The database refuses, or lacks what the vector store needs."""


class IncompleteError(IngestError):
    """Some documents failed in a strict run; all others are stored."""

    def __init__(self, report: "IngestReport") -> None:
        super().__init__(report)
        self.report = report

    def __str__(self) -> str:
        failed, documents = len(self.report.failed), self.report.documents
        return f"{failed:,} of {documents:,} documents failed: the report says why"
