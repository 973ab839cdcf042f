"""The jobs that an ingestion is made of: read files, embed chunks, store documents, index them."""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from parrot_async.ingest.collection import Target
from parrot_async.ingest.embed.chunks import Chunk, Chunker
from parrot_async.ingest.embed.embedder import Backend, Vectors, load_embedder
from parrot_async.ingest.embed.model import ChunkHashes, EmbeddedChunks, Model
from parrot_async.ingest.errors import LoadError, ServerError, VectorStoreError
from parrot_async.ingest.load.files import FoundFile
from parrot_async.ingest.load.loaders import LOADERS_VERSION, Document, load_bytes, read
from parrot_async.ingest.report import FailedDocument
from parrot_async.ingest.vectors.records import DocumentRecord
from parrot_async.jobs.context import current_job
from parrot_async.jobs.decorator import job

RESULT_TTL = "1d"
"""How long results that only the next stage needs are kept."""
PARTS = 4
"""Parts of an embedding job: after each, progress moves and a cancel takes effect."""
SMALLEST_PART = 16
"""The fewest chunks of a part."""


@dataclass(slots=True, repr=False)
class LoadedFiles:
    """What became of a group of files: documents with their chunks, unchanged paths, failures."""

    documents: list[tuple[DocumentRecord, list[Chunk]]] = field(default_factory=list)
    unchanged: list[str] = field(default_factory=list)
    failed: list[FailedDocument] = field(default_factory=list)

    def __repr__(self) -> str:
        counts = len(self.documents), len(self.unchanged), len(self.failed)
        return "<{} documents, {} unchanged, {} failed>".format(*counts)

    def chunks(self) -> Iterator[Chunk]:
        """Yield the chunks of all documents, equal ones as often as they occur."""
        return (chunk for _, chunks in self.documents for chunk in chunks)


@dataclass(slots=True)
class StoredDocuments:
    """What became of the documents of a group: paths that are on disk, and failures."""

    paths: list[str] = field(default_factory=list)
    failed: list[FailedDocument] = field(default_factory=list)


@job(queue="embeddings", timeout="30m", retries=1, title="Prepare the model")
def prepare_model(name: str, backend: Backend, chunk_size: int) -> Model:
    """Find or fetch the model, export it where its backend needs that, and load it once."""
    return Model.load(name, backend, chunk_size)


def fingerprint_of(model: Model) -> str:
    """Return what changes the stored form of equal bytes; with another one a document is redone."""
    return f"{LOADERS_VERSION}/{model.chunker().fingerprint}/{model.fingerprint[:16]}"


@job(queue="ingest", cpu=1, priority=1, timeout="5m", result_ttl=RESULT_TTL)
def load_files(files: Sequence[FoundFile], model: Model) -> LoadedFiles:
    """Read and chunk those files that changed; a file that cannot be read stops no other."""
    chunker, fingerprint = model.chunker(), fingerprint_of(model)
    loaded = LoadedFiles()
    for file in current_job().track(files, "reading"):
        try:
            _load(file, chunker, fingerprint, loaded)
        except LoadError as exc:
            loaded.failed.append(FailedDocument(path=file.path, stage="load", reason=exc.reason))
    return loaded


def _load(file: FoundFile, chunker: Chunker, fingerprint: str, loaded: LoadedFiles) -> None:
    data = read(file.on_disk)
    if hashlib.sha256(data).hexdigest() == file.sha256:
        loaded.unchanged.append(file.path)
        return
    document = load_bytes(data, file.path)
    record = _record_of(document, file.source, fingerprint)
    loaded.documents.append((record, chunker.chunk(document)))


def _record_of(document: Document, source: str, fingerprint: str) -> DocumentRecord:
    return DocumentRecord(
        path=document.path,
        source=source,
        kind=document.kind,
        title=document.title,
        sha256=document.sha256,
        fingerprint=fingerprint,
        metadata={"bytes": document.size},
    )


@job(queue="embeddings", timeout="30m", result_ttl=RESULT_TTL)
def embed_chunks(
    model: Model, hashes: ChunkHashes, sources: Sequence[LoadedFiles]
) -> EmbeddedChunks:
    """Embed the chunks of these hashes, which are in documents of `sources`."""
    texts = _texts_of(hashes, sources)
    keys, embedder = list(texts), load_embedder(model.name, model.backend)
    size = max(SMALLEST_PART, -(-len(keys) // PARTS))
    done = embedder.embed_in_parts([texts[key] for key in keys], size)
    order: list[int] = []
    vectors: list[Vectors] = [np.zeros((0, embedder.dimension), np.float32)]
    for indices, part in current_job().track(done, "embedding", total=-(-len(keys) // size)):
        order += indices
        vectors.append(part)
    return EmbeddedChunks(
        tuple(keys[index] for index in order), np.concatenate(vectors), embedder.backend
    )


def _texts_of(hashes: ChunkHashes, sources: Sequence[LoadedFiles]) -> dict[bytes, str]:
    wanted = frozenset(hashes.keys)
    chunks = (chunk for source in sources for chunk in source.chunks())
    return {chunk.hash: chunk.text for chunk in chunks if chunk.hash in wanted}


@job(queue="ingest", io=1, timeout="15m", retries=3, retry_on=(ServerError, VectorStoreError))
async def store_documents(
    target: Target, model: Model, loaded: LoadedFiles, embedded: Sequence[EmbeddedChunks]
) -> StoredDocuments:
    """Store each document whose vectors are all given, in a transaction of its own."""
    vectors: dict[bytes, Vectors] = {}
    for part in embedded:
        vectors.update(zip(part.hashes, part.vectors, strict=True))
    stored = StoredDocuments()
    async with await target.open(model) as store:
        async for record, chunks in current_job().track(loaded.documents, "storing"):
            if any(chunk.hash not in vectors for chunk in chunks):
                continue
            try:
                await store.put(record, chunks, _stacked(chunks, vectors, model.dimension))
            except VectorStoreError as exc:
                if store.closed:  # the server is away: a retry of the job may find it
                    raise
                failure = FailedDocument(path=record.path, stage="store", reason=str(exc))
                stored.failed.append(failure)
            else:
                stored.paths.append(record.path)
    return stored


def _stacked(chunks: Sequence[Chunk], vectors: Mapping[bytes, Vectors], dimension: int) -> Vectors:
    """Return the vectors of the chunks in their order, of shape (len(chunks), dimension)."""
    if not chunks:
        return np.zeros((0, dimension), np.float32)
    return np.stack([vectors[chunk.hash] for chunk in chunks])


@job(queue="ingest", io=1, timeout="6h", retries=1, title="Build the vector index")
async def build_index(target: Target, model: Model) -> None:
    """Build the index over what is stored, unless it exists."""
    async with await target.open(model) as store:
        await store.build_index()
