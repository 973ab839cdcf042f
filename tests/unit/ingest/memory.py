"""A vector store in memory, for tests of the stages and the pipeline without a server."""

from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import TypeVar

from pydantic import SecretStr

from parrot_async.ingest.collection import Collection, Target
from parrot_async.ingest.embed.chunks import Chunk
from parrot_async.ingest.embed.embedder import Vectors
from parrot_async.ingest.embed.model import Model
from parrot_async.ingest.errors import VectorStoreError
from parrot_async.ingest.vectors.records import DocumentRecord, Failure, KnownDocument
from parrot_async.ingest.vectors.store import VectorStore

T = TypeVar("T")


class MemoryStore(VectorStore):
    """Keeps documents and failures by path; refuses a title "refused", loses itself on "lost"."""

    def __init__(self) -> None:
        self.documents: dict[str, tuple[DocumentRecord, Sequence[Chunk], Vectors]] = {}
        self.failed: dict[str, Failure] = {}
        self.built = False
        self.lost = False

    @property
    def closed(self) -> bool:
        return self.lost

    async def aclose(self) -> None:
        pass

    async def known(self, paths: Iterable[str] | None = None) -> dict[str, KnownDocument]:
        wanted = self.documents if paths is None else set(paths) & self.documents.keys()
        return {path: self._known(path) for path in wanted}

    def _known(self, path: str) -> KnownDocument:
        record, chunks, _ = self.documents[path]
        sha256 = None if path in self.failed else record.sha256
        return KnownDocument(sha256, record.fingerprint, "stored", len(chunks))

    async def vectors_of(self, hashes: Iterable[bytes]) -> dict[bytes, Vectors]:
        wanted = set(hashes)
        return {
            chunk.hash: vector
            for _, chunks, vectors in self.documents.values()
            for chunk, vector in zip(chunks, vectors, strict=True)
            if chunk.hash in wanted
        }

    async def put(
        self, document: DocumentRecord, chunks: Sequence[Chunk], vectors: Vectors
    ) -> None:
        self.lost = document.title == "lost"
        if document.title in ("refused", "lost"):
            raise VectorStoreError(f"{document.title}: check the title")
        self.documents[document.path] = document, chunks, vectors
        self.failed.pop(document.path, None)

    async def fail(self, path: str, source: str, stage: str, error: str) -> None:
        assert source
        self.failed[path] = Failure(path, stage, error)

    async def forget_vanished(self, source: str, seen: Iterable[str]) -> int:
        kept = set(seen)
        gone = [
            path
            for path, (record, _, _) in self.documents.items()
            if record.source == source and path not in kept
        ]
        for path in gone:
            del self.documents[path]
        return len(gone)

    async def count(self) -> tuple[int, int]:
        return len(self.documents), sum(len(chunks) for _, chunks, _ in self.documents.values())

    async def indexed(self) -> bool:
        return self.built

    async def build_index(self) -> None:
        self.built = True


class MemoryTarget(Target):
    """A target that opens the store in memory."""

    def __init__(self, store: VectorStore) -> None:
        super().__init__(SecretStr("memory"), "memory")
        object.__setattr__(self, "store", store)

    store: VectorStore

    async def open(self, model: Model) -> VectorStore:  # noqa: ARG002  the store has one model
        return self.store


class MemoryCollection(Collection):
    """The open collection of a store in memory."""

    async def ask(self, question: Callable[[VectorStore], Awaitable[T]]) -> T:
        return await question(await self._target.open(self._model))
