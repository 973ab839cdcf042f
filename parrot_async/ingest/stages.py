"""The jobs that an ingestion is made of: read files, embed chunks, store documents, index them."""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import PurePath

import numpy as np
from anyio import to_thread
from pydantic import SecretStr

from parrot_async.ingest.embed.chunks import Chunk, Chunker
from parrot_async.ingest.embed.embedder import Backend, load_embedder
from parrot_async.ingest.embed.model_files import find_model
from parrot_async.ingest.errors import LoadError, ServerError, VectorStoreError
from parrot_async.ingest.load.loaders import LOADERS_VERSION, load_bytes, read
from parrot_async.ingest.report import FailedDocument
from parrot_async.ingest.vectors.server import ensure_server
from parrot_async.ingest.vectors.vectors import DocumentRecord, Vectors, VectorStore
from parrot_async.jobs.context import current_job
from parrot_async.jobs.decorator import job

KEPT = "1d"
"""How long results that only the next stage needs are kept."""
STEPS = 4
"""Parts of an embedding job, between which cancel bites and progress moves."""
SMALLEST_PART = 16


@dataclass(frozen=True, slots=True, repr=False)
class Model:
    """An embedding model as the jobs find it, each on its own machine."""

    name: str
    backend: Backend
    fingerprint: str
    dimension: int
    chunk_size: int

    def __repr__(self) -> str:
        return self.name

    def chunker(self) -> Chunker:
        """What cuts documents to what the model reads whole."""
        files = find_model(self.name)
        return Chunker(files.tokenizer_file, files.max_tokens, self.chunk_size)


@dataclass(frozen=True, slots=True)
class Target:
    """A collection to be opened, on any machine."""

    dsn: SecretStr | None
    collection: str

    async def open(self, model: Model, *, create: bool = True) -> VectorStore:
        """Connect; raises `ServerError` or `VectorStoreError`."""
        if self.dsn is None:
            dsn = await to_thread.run_sync(ensure_server)
        else:
            dsn = self.dsn.get_secret_value()
        return await VectorStore.open(
            dsn,
            model=model.fingerprint,
            dimension=model.dimension,
            collection=self.collection,
            create=create,
        )


@dataclass(frozen=True, slots=True, repr=False)
class FoundFile:
    """A file to read: `source` is the path that named it, `sha256` that of its stored version."""

    path: str
    source: str
    size: int
    sha256: str | None = None

    def __repr__(self) -> str:
        return PurePath(self.path).name


@dataclass(slots=True, repr=False)
class Loaded:
    """What became of a group of files."""

    documents: list[tuple[DocumentRecord, list[Chunk]]] = field(default_factory=list)
    unchanged: list[str] = field(default_factory=list)
    failed: list[FailedDocument] = field(default_factory=list)

    def __repr__(self) -> str:
        counts = len(self.documents), len(self.unchanged), len(self.failed)
        return "<{} documents, {} unchanged, {} failed>".format(*counts)

    def chunks(self) -> Iterator[Chunk]:
        """All chunks of all documents, equal ones again and again."""
        return (chunk for _, chunks in self.documents for chunk in chunks)


@dataclass(frozen=True, slots=True, repr=False)
class Hashes:
    """The hashes of some chunks, each once."""

    keys: tuple[bytes, ...]

    def __repr__(self) -> str:
        return f"<{len(self.keys)} chunks>"


@dataclass(frozen=True, slots=True, repr=False)
class Embedded:
    """The vectors, of shape (len(hashes), dimension), of some chunks."""

    hashes: tuple[bytes, ...]
    vectors: Vectors
    backend: str = ""

    def __repr__(self) -> str:
        return f"<{len(self.hashes)} vectors>"


@dataclass(slots=True)
class Stored:
    """What became of the documents of a group: paths that are on disk, and failures."""

    paths: list[str] = field(default_factory=list)
    failed: list[FailedDocument] = field(default_factory=list)


@job(queue="embeddings", timeout="30m", retries=1, title="Prepare the model")
def prepare_model(name: str, backend: Backend, chunk_size: int) -> Model:
    """Find the model, or fetch it; export it where its backend wants that; load it once."""
    embedder = load_embedder(name, backend)
    return Model(name, backend, embedder.fingerprint, embedder.dimension, chunk_size)


def fingerprint_of(model: Model) -> str:
    """What makes the stored form of the same bytes differ: a document without it is done again."""
    return f"{LOADERS_VERSION}/{model.chunker().fingerprint}/{model.fingerprint[:16]}"


@job(queue="ingest", cpu=1, priority=1, timeout="5m", result_ttl=KEPT)
def load_files(files: Sequence[FoundFile], model: Model) -> Loaded:
    """Read and chunk those files that changed; a file that cannot be read stops no other."""
    chunker, fingerprint = model.chunker(), fingerprint_of(model)
    loaded = Loaded()
    for file in current_job().track(files, "reading"):
        try:
            data = read(file.path)
            if hashlib.sha256(data).hexdigest() == file.sha256:
                loaded.unchanged.append(file.path)
                continue
            document = load_bytes(data, file.path)
        except LoadError as exc:
            loaded.failed.append(FailedDocument(path=file.path, stage="load", reason=exc.reason))
            continue
        record = DocumentRecord(
            path=file.path,
            source=file.source,
            kind=document.kind,
            title=document.title,
            sha256=document.sha256,
            fingerprint=fingerprint,
            metadata={"bytes": document.size},
        )
        loaded.documents.append((record, chunker.chunk(document)))
    return loaded


@job(queue="embeddings", timeout="30m", result_ttl=KEPT)
def embed_chunks(model: Model, hashes: Hashes, sources: Sequence[Loaded]) -> Embedded:
    """Embed the chunks of these hashes, which are in documents of `sources`."""
    wanted = frozenset(hashes.keys)
    texts = {
        chunk.hash: chunk.text
        for source in sources
        for chunk in source.chunks()
        if chunk.hash in wanted
    }
    keys, embedder = list(texts), load_embedder(model.name, model.backend)
    size = max(SMALLEST_PART, -(-len(keys) // STEPS))
    done = embedder.embed_in_parts([texts[key] for key in keys], size)
    order: list[int] = []
    vectors: list[Vectors] = []
    for indices, part in current_job().track(done, "embedding", total=-(-len(keys) // size)):
        order += indices
        vectors.append(part)
    return Embedded(
        tuple(keys[index] for index in order), np.concatenate(vectors), embedder.backend
    )


@job(queue="ingest", io=1, timeout="15m", retries=3, retry_on=(ServerError, VectorStoreError))
async def store_documents(
    target: Target, model: Model, loaded: Loaded, embedded: Sequence[Embedded]
) -> Stored:
    """Store each document whose vectors are all here, in a transaction of its own."""
    vectors: dict[bytes, Vectors] = {}
    for part in embedded:
        vectors.update(zip(part.hashes, part.vectors, strict=True))
    stored = Stored()
    async with await target.open(model) as store:
        async for record, chunks in current_job().track(loaded.documents, "storing"):
            if any(chunk.hash not in vectors for chunk in chunks):
                continue
            try:
                await store.put(record, chunks, _stacked(chunks, vectors, model.dimension))
            except VectorStoreError as exc:
                if store.closed:
                    raise
                failure = FailedDocument(path=record.path, stage="store", reason=str(exc))
                stored.failed.append(failure)
            else:
                stored.paths.append(record.path)
    return stored


def _stacked(chunks: Sequence[Chunk], vectors: Mapping[bytes, Vectors], dimension: int) -> Vectors:
    if not chunks:
        return np.zeros((0, dimension), np.float32)
    return np.stack([vectors[chunk.hash] for chunk in chunks])


@job(queue="ingest", io=1, timeout="6h", retries=1, title="Build the vector index")
async def build_index(target: Target, model: Model) -> None:
    """Build the index over what is stored, unless it is there."""
    async with await target.open(model) as store:
        await store.build_index()
