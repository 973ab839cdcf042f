"""The store keeps documents, chunks and vectors in PostgreSQL with pgvector, and searches them."""

import os
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from types import TracebackType
from typing import Self

import anyio
import psycopg
from psycopg import sql
from psycopg.rows import dict_row
from psycopg.types.json import Jsonb

from parrot_async.ingest.embed.chunks import Chunk
from parrot_async.ingest.embed.embedder import Vectors
from parrot_async.ingest.errors import VectorStoreError
from parrot_async.ingest.load.files import printable
from parrot_async.ingest.vectors.records import (
    EVERYTHING,
    DocumentRecord,
    Failure,
    Filter,
    Hit,
    KnownDocument,
)
from parrot_async.ingest.vectors.schema import (
    Connection,
    Cursor,
    Row,
    check_dsn,
    chunks_table,
    database_errors,
    ensure_collection,
    query,
)

MOST_DIMENSIONS = 2000
"""The most dimensions that pgvector indexes."""
EF_SEARCH = 100
"""Candidates that the index keeps: finds .988 of the exact top ten of 50,000 real vectors.

The default of 40 finds .974.
"""
MOST_CANDIDATES = 1000
"""The most candidates that pgvector allows."""

_COPIED = {
    "document": "int8",
    "ordinal": "int4",
    "hash": "bytea",
    "page": "int4",
    "start_at": "int4",
    "end_at": "int4",
    "text": "text",
    "metadata": "jsonb",
    "embedding": "vector",
}
"""Columns of a chunk, each with its type, which a binary copy must name."""


class VectorStore:
    """A collection of documents that one model embedded, over one connection.

    All methods raise `VectorStoreError` for what the database refuses.

    Runs on: one event loop; calls from several of its tasks take turns.
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
        """Connect, and find or create `collection` of the model with fingerprint `model`.

        Another model has another collection of the same name: vectors of two models do not compare.
        With `create=False` nothing is created. Raises `VectorStoreError` when the server does not
        answer, lacks pgvector 0.8, or has no such collection.
        """
        if not 0 < dimension <= MOST_DIMENSIONS:
            raise VectorStoreError(
                f"pgvector indexes up to {MOST_DIMENSIONS} dimensions, the model has {dimension}:"
                " take a smaller one"
            )
        check_dsn(dsn)
        async with database_errors():
            connection = await psycopg.AsyncConnection.connect(
                dsn, autocommit=True, row_factory=dict_row, connect_timeout=15
            )
        try:
            async with database_errors():
                found = await ensure_collection(connection, collection, model, dimension, create)
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
        """Whether the connection was closed or lost."""
        return self._connection.closed

    async def known(self, paths: Iterable[str] | None = None) -> dict[str, KnownDocument]:
        """Return what is stored of `paths`, or of all documents, by path."""
        only = None if paths is None else list(paths)
        rows = await self._rows(query("known_documents"), paths=only)
        return {row.pop("path"): KnownDocument(**row) for row in rows}

    async def vectors_of(self, hashes: Iterable[bytes]) -> dict[bytes, Vectors]:
        """Return the vectors, of shape (dimension,), of chunks that are stored, by chunk hash."""
        rows = await self._rows(self._sql("vectors_by_hash"), hashes=list(hashes))
        return {bytes(row["hash"]): row["embedding"].to_numpy() for row in rows}

    async def put(
        self, document: DocumentRecord, chunks: Sequence[Chunk], vectors: Vectors
    ) -> None:
        """Store a document with all its chunks, in place of its former version, in one transaction.

        `vectors` are of shape (len(chunks), dimension). When this returns they are on disk; when it
        raises, nothing has changed.
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
        """Record that `path` failed; its stored version stays, and the next run tries it again."""
        await self._run(
            query("fail_document"),
            path=path,
            source=source,
            stage=stage,
            error=printable(error.replace("\0", "")),
        )

    async def failures(self) -> list[Failure]:
        """Return the documents that failed when last tried, in the order of their paths."""
        return [Failure(**row) for row in await self._rows(query("failures"))]

    async def forget_vanished(self, source: str, seen: Iterable[str]) -> int:
        """Delete the documents of `source` that are not among `seen`; return how many.

        A source is a folder, file or glob, as `root_of` gives it; documents of others stay. An
        empty `seen` deletes the whole source: beware of a folder that is not mounted.
        """
        return await self._run(query("forget_vanished"), source=source, seen=list(seen))

    async def count(self) -> tuple[int, int]:
        """Return how many documents are stored whole, and how many chunks."""
        (row,) = await self._rows(self._sql("count"))
        return row["documents"], row["chunks"]

    async def indexed(self) -> bool:
        """Return whether the HNSW index exists."""
        (row,) = await self._rows(query("has_index"), index=f"parrot_ingest.{self._index}")
        return bool(row["there"])

    async def build_index(self) -> None:
        """Build the HNSW index unless it exists; after the first load, not before it."""
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
        """Return the `limit` nearest chunks to `vector`, of shape (dimension,), within `where`."""
        if vector.shape != (self._dimension,):
            raise VectorStoreError(
                f"the question's vector has shape {vector.shape}, not ({self._dimension},):"
                " embed it with the model of the collection"
            )
        filters, values = _filters(where)
        statement = self._sql("search", filters=sql.SQL(" and ").join(filters))
        async with self._transaction() as cursor:
            candidates = str(min(max(EF_SEARCH, limit), MOST_CANDIDATES))
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

    def _begun(self, document: DocumentRecord) -> dict[str, object]:
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
        cursor: Cursor,
        document: int,
        chunks: Sequence[Chunk],
        vectors: Vectors,
    ) -> None:
        columns = sql.SQL(", ").join(map(sql.Identifier, _COPIED))
        statement = sql.SQL("copy {} ({}) from stdin (format binary)").format(self._chunks, columns)
        async with cursor.copy(statement) as copy:
            copy.set_types(list(_COPIED.values()))
            for chunk, vector in zip(chunks, vectors, strict=True):
                place = (document, chunk.ordinal, chunk.hash, chunk.page, chunk.start, chunk.end)
                await copy.write_row((*place, chunk.text, Jsonb({}), vector))

    async def _rows(self, statement: sql.SQL | sql.Composed, **values: object) -> list[Row]:
        async with self._cursor() as cursor:
            await cursor.execute(statement, values | {"collection": self._collection})
            return await cursor.fetchall()

    async def _run(self, statement: sql.SQL | sql.Composed, **values: object) -> int:
        async with self._cursor() as cursor:
            await cursor.execute(statement, values | {"collection": self._collection})
            return cursor.rowcount

    @asynccontextmanager
    async def _cursor(self) -> AsyncIterator[Cursor]:
        async with self._turn, database_errors(), self._connection.cursor() as cursor:
            yield cursor

    @asynccontextmanager
    async def _transaction(self) -> AsyncIterator[Cursor]:
        async with self._cursor() as cursor, self._connection.transaction():
            yield cursor


def _filters(where: Filter) -> tuple[list[sql.Composable], dict[str, object]]:
    """Return the SQL conditions of a filter, and the values of their parameters."""
    parts: list[sql.Composable] = [sql.SQL("true")]
    values: dict[str, object] = {}
    for allowed, condition, value in (
        (where.kinds, "d.kind = any (%(kinds)s)", {"kinds": list(where.kinds)}),
        (where.paths, "d.path = any (%(paths)s)", {"paths": list(map(printable, where.paths))}),
        (where.under, "starts_with(d.path, %(under)s)", {"under": printable(where.under)}),
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
