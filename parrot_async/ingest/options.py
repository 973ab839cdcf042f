"""What can be said about an ingestion, beside the paths."""

from pydantic import BaseModel, ConfigDict, Field, SecretStr

from parrot_async.ingest.embed.embedder import Backend
from parrot_async.ingest.embed.model_files import DEFAULT_MODEL


class IngestOptions(BaseModel):
    """Options of `ingest_documents`; the DSN is never shown, since it may hold a password."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    collection: str = "default"
    dsn: SecretStr | None = None
    """Of any PostgreSQL with pgvector 0.8; by default the user's embedded server."""
    model: str = DEFAULT_MODEL
    """A name of the hub, a folder, or the packaged model."""
    backend: Backend = "auto"
    chunk_size: int = Field(default=800, ge=50)
    """Characters that a chunk has at most; the model's limit in tokens holds beside it."""
    exclude: tuple[str, ...] = ()
    """Globs of files and folders to leave out."""
    strict: bool = False
    """Whether a document that failed is an error, once all others are stored."""
    prune: bool = True
    """Whether to remove what is stored of files that are gone from the paths."""
    prune_empty: bool = False
    """Whether a path without a single file removes all that was stored of it, too."""
