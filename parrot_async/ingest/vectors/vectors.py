"""Documents, chunks and vectors in PostgreSQL with pgvector: stored whole, searched by meaning."""

import os
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self

import anyio
import numpy as np
import psycopg
from numpy.typing import NDArray
from psycopg import sql
from psycopg.rows import dict_row
from psycopg.types.json import Jsonb

from parrot_async.ingest.embed.chunks import Chunk
from parrot_async.ingest.errors import VectorStoreError
from parrot_async.ingest.vectors.schema import (
    Connection,
    check_dsn,
    chunks_table,
    prepare,
    query,
    wrapped,
)

Vectors = NDArray[np.float32]

#: pgvector indexes no more dimensions than these.
MOST_DIMENSIONS = 2000

#: How many candidates the index keeps: .988 of the exact top ten on 50,000 real vectors (the
#: default of 40: .974).
EF_SEARCH = 100
_MOST_CANDIDATES = 1000

_COPIED = (
    "document",
    "ordinal",
    "hash",
    "page",
    "start_at",
    "end_at",
    "text",
    "metadata",
    "embedding",
)
_COPIED_TYPES = ("int8", "int4", "bytea", "int4", "int4", "int4", "text", "jsonb", "vector")


@dataclass(frozen=True, slots=True)
class DocumentRecord:
    """What is stored of a document beside its chunks.

    `sha256` of its bytes and `fingerprint` of loader, chunker and model say when to do it again.
    """

    path: str
    source: str
    kind: str
    title: str
    sha256: str
    fingerprint: str
    metadata: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of a path; `sha256` is None unless the version last seen is stored whole."""

    sha256: str | None
    fingerprint: str | None
    status: str
    chunks: int


@dataclass(frozen=True, slots=True)
class Failure:
    """A document that failed: in which stage (load, chunk, embed, store), and why."""

    path: str
    stage: str
    error: str


@dataclass(frozen=True, slots=True)
class Filter:
    """Which chunks a search may return; an empty field allows all.

    `metadata` must be contained in the document's, its path must start with `under`.
    """

    kinds: tuple[str, ...] = ()
    paths: tuple[str, ...] = ()
    under: str = ""
    metadata: Mapping[str, Any] = field(default_factory=dict)


EVERYTHING = Filter()


@dataclass(frozen=True, slots=True)
class Hit:
    """A chunk that answers: `score` is the cosine, at most 1; `page` counts from 1."""

    score: float
    text: str
    path: str
    title: str
    kind: str
    source: str
    page: int | None
    ordinal: int
    metadata: Mapping[str, Any]


class VectorStore:
    """One collection of documents that one model embedded, over one connection.

    All methods raise `VectorStoreError` for what the database refuses. Calls from several tasks
    take turns.
    """

    def __init__(self, connection: Connection, collection: int, dimension: int) -> None:
        self._connection = connection
        self._collection = collection
        self._dimension = dimension
        self._turn = anyio.Lock()

    @classmethod
    async def open(
        cls,
        dsn: str,
        *,
        model: str,
        dimension: int,
        collection: str = "default",
        create: bool = True,
    ) -> Self:
        """Connect, and find or make `collection` of the model with fingerprint `model`.

        Another model has another collection of the same name: vectors of two models do not compare.
        With `create=False` nothing is made. Raises `VectorStoreError` when the server is not to be
        had, lacks pgvector 0.8, or has no such collection.
        """
        if not 0 < dimension <= MOST_DIMENSIONS:
            raise VectorStoreError(
                f"pgvector indexes up to {MOST_DIMENSIONS} dimensions, the model has {dimension}:"
                " take a smaller one"
            )
        check_dsn(dsn)
        async with wrapped():
            connection = await psycopg.AsyncConnection.connect(
                dsn, autocommit=True, row_factory=dict_row, connect_timeout=15
            )
        try:
            async with wrapped():
                found = await prepare(connection, collection, model, dimension, create)
        except BaseException:
            await connection.close()
            raise
        return cls(connection, found, dimension)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        exc: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Close the connection."""
        await self._connection.close()

    @property
    def closed(self) -> bool:
        """Whether the connection is closed, or was lost."""
        return self._connection.closed

    async def known(self, paths: Iterable[str] | None = None) -> dict[str, Known]:
        """What is stored of `paths`, or of all documents, by path."""
        only = None if paths is None else list(paths)
        rows = await self._rows(query("known_documents"), paths=only)
        return {row.pop("path"): Known(**row) for row in rows}

    async def vectors_of(self, hashes: Iterable[bytes]) -> dict[bytes, Vectors]:
        """The vectors, of shape (dimension,), of those chunks that are stored, by chunk hash."""
        rows = await self._rows(self._sql("vectors_by_hash"), hashes=list(hashes))
        return {bytes(row["hash"]): row["embedding"].to_numpy() for row in rows}

    async def put(
        self, document: DocumentRecord, chunks: Sequence[Chunk], vectors: Vectors
    ) -> None:
        """Store a document with all its chunks, in place of its former version, in one transaction.

        `vectors` are of shape (len(chunks), dimension). When this returns they are on disk; when it
        raises nothing changed.
        """
        self._check(chunks, vectors)
        async with self._transaction() as cursor:
            await cursor.execute(query("begin_document"), self._begun(document))
            (row,) = await cursor.fetchall()
            await cursor.execute(self._sql("delete_chunks"), row)
            await self._copy(cursor, row["id"], chunks, vectors)
            done = {
                "sha256": document.sha256,
                "fingerprint": document.fingerprint,
                "chunks": len(chunks),
            }
            await cursor.execute(query("finish_document"), row | done)

    async def fail(self, path: str, source: str, stage: str, error: str) -> None:
        """Record that `path` failed; what was stored of it stays, the next run tries again."""
        await self._run(
            query("fail_document"),
            path=path,
            source=source,
            stage=stage,
            error=error.replace("\0", ""),
        )

    async def failures(self) -> list[Failure]:
        """The documents that failed when last tried, by path."""
        return [Failure(**row) for row in await self._rows(query("failures"))]

    async def forget_vanished(self, source: str, seen: Iterable[str]) -> int:
        """Delete the documents of `source` that are not among `seen`; how many.

        A source is a folder, file or glob, as `root_of` gives it; documents of others stay. An
        empty `seen` deletes the whole source: mind a folder that is not mounted.
        """
        return await self._run(query("forget_vanished"), source=source, seen=list(seen))

    async def count(self) -> tuple[int, int]:
        """How many documents are stored whole, and how many chunks."""
        (row,) = await self._rows(self._sql("count"))
        return row["documents"], row["chunks"]

    async def indexed(self) -> bool:
        """Whether the HNSW index is there."""
        (row,) = await self._rows(query("has_index"), index=f"parrot_ingest.{self._index}")
        return bool(row["there"])

    async def build_index(self) -> None:
        """Build the HNSW index unless it is there; after the first load, not before it."""
        async with self._transaction() as cursor:
            await cursor.execute(
                "select set_config('max_parallel_maintenance_workers', %s, true)",
                [str(min(4, os.cpu_count() or 1))],
            )
            await cursor.execute(self._sql("vector_index"))
        await self._run(sql.SQL("analyze {}").format(self._chunks))

    async def search(
        self, vector: Vectors, limit: int = 10, where: Filter = EVERYTHING
    ) -> list[Hit]:
        """The `limit` chunks nearest to `vector`, of shape (dimension,), that `where` allows."""
        if vector.shape != (self._dimension,):
            raise VectorStoreError(
                f"the question's vector has shape {vector.shape}, not ({self._dimension},):"
                " embed it with the model of the collection"
            )
        filters, values = _filters(where)
        statement = self._sql("search", filters=sql.SQL(" and ").join(filters))
        async with self._transaction() as cursor:
            candidates = str(min(max(EF_SEARCH, limit), _MOST_CANDIDATES))
            await cursor.execute(query("search_settings"), {"candidates": candidates})
            await cursor.execute(statement, values | {"vector": vector, "limit": limit})
            return [Hit(**row) for row in await cursor.fetchall()]

    @property
    def _chunks(self) -> sql.Identifier:
        return chunks_table(self._collection)

    @property
    def _index(self) -> str:
        return f"chunks_{self._collection}_embedding"

    def _sql(self, name: str, **parts: sql.Composable) -> sql.Composed:
        index = sql.Identifier(self._index)
        return query(name).format(
            chunks=self._chunks, index=index, operators=sql.SQL("vector_cosine_ops"), **parts
        )

    def _begun(self, document: DocumentRecord) -> dict[str, Any]:
        return {
            "collection": self._collection,
            "source": document.source,
            "path": document.path,
            "kind": document.kind,
            "title": document.title,
            "metadata": Jsonb(dict(document.metadata)),
        }

    def _check(self, chunks: Sequence[Chunk], vectors: Vectors) -> None:
        if vectors.shape != (len(chunks), self._dimension):
            raise VectorStoreError(
                f"vectors have shape {vectors.shape}, not ({len(chunks)}, {self._dimension})"
            )

    async def _copy(
        self,
        cursor: psycopg.AsyncCursor[Any],
        document: int,
        chunks: Sequence[Chunk],
        vectors: Vectors,
    ) -> None:
        columns = sql.SQL(", ").join(map(sql.Identifier, _COPIED))
        statement = sql.SQL("copy {} ({}) from stdin (format binary)").format(self._chunks, columns)
        async with cursor.copy(statement) as copy:
            copy.set_types(_COPIED_TYPES)
            for chunk, vector in zip(chunks, vectors, strict=True):
                place = (document, chunk.ordinal, chunk.hash, chunk.page, chunk.start, chunk.end)
                await copy.write_row((*place, chunk.text, Jsonb({}), vector))

    async def _rows(self, statement: sql.SQL | sql.Composed, **values: Any) -> list[dict[str, Any]]:
        async with self._cursor() as cursor:
            await cursor.execute(statement, values | {"collection": self._collection})
            return await cursor.fetchall()

    async def _run(self, statement: sql.SQL | sql.Composed, **values: Any) -> int:
        async with self._cursor() as cursor:
            await cursor.execute(statement, values | {"collection": self._collection})
            return cursor.rowcount

    @asynccontextmanager
    async def _cursor(self) -> AsyncIterator[psycopg.AsyncCursor[dict[str, Any]]]:
        async with self._turn, wrapped(), self._connection.cursor() as cursor:
            yield cursor

    @asynccontextmanager
    async def _transaction(self) -> AsyncIterator[psycopg.AsyncCursor[dict[str, Any]]]:
        async with self._cursor() as cursor, self._connection.transaction():
            yield cursor


def _filters(where: Filter) -> tuple[list[sql.Composable], dict[str, Any]]:
    parts: list[sql.Composable] = [sql.SQL("true")]
    values: dict[str, Any] = {}
    for allowed, condition, value in (
        (where.kinds, "d.kind = any (%(kinds)s)", {"kinds": list(where.kinds)}),
        (where.paths, "d.path = any (%(paths)s)", {"paths": list(where.paths)}),
        (where.under, "starts_with(d.path, %(under)s)", {"under": where.under}),
        (
            where.metadata,
            "(d.metadata || c.metadata) @> %(metadata)s",
            {"metadata": Jsonb(dict(where.metadata))},
        ),
    ):
        if allowed:
            parts.append(sql.SQL(condition))
            values |= value
    return parts, values
