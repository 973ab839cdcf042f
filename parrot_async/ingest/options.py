"""The options of an ingestion: what can be said beside the paths."""

from pathlib import Path
from typing import Self

from pydantic import BaseModel, ConfigDict, Field, SecretStr

from parrot_async.ingest.collection import Target
from parrot_async.ingest.embed.embedder import Backend
from parrot_async.ingest.embed.model_files import DEFAULT_MODEL
from parrot_async.ingest.load.files import root_of
from parrot_async.ingest.vectors.schema import check_dsn


class IngestOptions(BaseModel):
    """Options of `ingest` and `ingest_documents`.

    The DSN is never shown, since it may hold a password.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    collection: str = "default"
    dsn: SecretStr | None = None
    """The DSN of a PostgreSQL with pgvector 0.8; by default the user's embedded server."""
    model: str = DEFAULT_MODEL
    """A name of the hub, a folder, or the packaged model."""
    backend: Backend = "auto"
    chunk_size: int = Field(default=800, ge=50)
    """The most characters of a chunk; the model's limit in tokens holds beside it."""
    exclude: tuple[str, ...] = ()
    """Globs of files and folders to leave out."""
    strict: bool = False
    """Whether the run fails, once all other documents are stored, when a document failed."""
    prune: bool = True
    """Whether to remove what is stored of files that are gone from the paths."""
    prune_empty: bool = False
    """Whether a path without a single file removes all that was stored of it, too."""

    @property
    def target(self) -> Target:
        """The collection that these options name."""
        return Target(self.dsn, self.collection)

    def checked(self) -> Self:
        """Return options that mean the same in any current folder.

        Raises `VectorStoreError` for a DSN that is malformed.
        """
        if self.dsn is not None:
            check_dsn(self.dsn.get_secret_value())
        if Path(self.model).expanduser().is_dir():
            return self.model_copy(update={"model": root_of(self.model)})
        return self
