"""An embedding model as a value that travels between jobs, with its vectors."""

from dataclasses import dataclass

from parrot_async.ingest.embed.chunks import Chunker
from parrot_async.ingest.embed.embedder import Backend, Vectors, load_embedder
from parrot_async.ingest.embed.model_files import find_model


@dataclass(frozen=True, slots=True, repr=False)
class Model:
    """An embedding model by name; each job finds its files on its own machine.

    `dimension` is the length of its vectors, `chunk_size` the most characters of a chunk.
    """

    name: str
    backend: Backend
    fingerprint: str
    dimension: int
    chunk_size: int

    def __repr__(self) -> str:
        return self.name

    @classmethod
    def load(cls, name: str, backend: Backend, chunk_size: int) -> "Model":
        """Load the model in this process, and describe it; raises `ModelError`."""
        embedder = load_embedder(name, backend)
        return cls(name, backend, embedder.fingerprint, embedder.dimension, chunk_size)

    def chunker(self) -> Chunker:
        """Return the chunker that cuts documents into chunks that the model reads whole."""
        files = find_model(self.name)
        return Chunker(files.tokenizer_file, files.max_tokens, self.chunk_size)


@dataclass(frozen=True, slots=True, repr=False)
class ChunkHashes:
    """The hashes of some chunks, each once."""

    keys: tuple[bytes, ...]

    def __repr__(self) -> str:
        return f"<{len(self.keys)} chunks>"


@dataclass(frozen=True, slots=True, repr=False)
class EmbeddedChunks:
    """The vectors of some chunks, of shape (len(hashes), dimension)."""

    hashes: tuple[bytes, ...]
    vectors: Vectors
    backend: str = ""
    """What computed the vectors; empty for stored vectors that are used again."""

    def __repr__(self) -> str:
        return f"<{len(self.hashes)} vectors>"
