"""The schema of the vector store: its tables, what it demands of the server, and its SQL files."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import lru_cache
from importlib.resources import files
from typing import Any

import psycopg
from pgvector.psycopg import register_vector_async
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict

from parrot_async.ingest.errors import VectorStoreError

Row = dict[str, Any]  # a column is of any type
Connection = psycopg.AsyncConnection[Row]
Cursor = psycopg.AsyncCursor[Row]

OLDEST_PGVECTOR = (0, 8)
"""Older ones have no iterative scan: a filtered search returns too few hits, without a warning."""

_SETUP_LOCK = 0x7061_7272_6F74
"""Key of the advisory lock under which tables are created: "parrot" in ASCII."""


def check_dsn(dsn: str) -> None:
    """Raise `VectorStoreError` for a malformed DSN, without the DSN: it may hold a password."""
    try:
        conninfo_to_dict(dsn)
    except psycopg.ProgrammingError:
        raise VectorStoreError(
            "the DSN given is none: one looks like postgresql://user:password@host:5432/database"
            " or like 'host=localhost dbname=documents'"
        ) from None


@asynccontextmanager
async def database_errors() -> AsyncIterator[None]:
    """Turn what psycopg raises in this block into a `VectorStoreError` that says what to do."""
    try:
        yield
    except (psycopg.errors.UndefinedFile, psycopg.errors.FeatureNotSupported) as exc:
        raise VectorStoreError(
            f"the server has no pgvector ({exc}):"
            " install pgvector 0.8 on it, or use the embedded server"
        ) from exc
    except psycopg.errors.InsufficientPrivilege as exc:
        raise VectorStoreError(
            f"{exc}: let an administrator run CREATE EXTENSION vector,"
            " and grant CREATE on the database"
        ) from exc
    except psycopg.OperationalError as exc:
        raise VectorStoreError(
            f"PostgreSQL does not answer ({exc}): check the DSN and that the server runs"
        ) from exc
    except psycopg.Error as exc:
        raise VectorStoreError(f"PostgreSQL refuses: {exc}") from exc
    except UnicodeEncodeError as exc:  # psycopg lets it pass
        raise VectorStoreError(
            f"PostgreSQL stores no {exc.object[exc.start : exc.end]!a}: a text is no valid Unicode"
        ) from exc


async def ensure_collection(
    connection: Connection,
    name: str,
    model: str,
    dimension: int,
    create: bool,
) -> int:
    """Find or create the tables of a collection, and return its number.

    Registers the vector type with `connection`. Raises `VectorStoreError` when the server has no
    pgvector 0.8, or when the collection does not exist and `create` is false.
    """
    async with connection.transaction(), connection.cursor() as cursor:
        # With two first users at once, IF NOT EXISTS alone fails for the second.
        await cursor.execute("select pg_advisory_xact_lock(%s)", [_SETUP_LOCK])
        if create:
            await cursor.execute(query("schema"))
        await _check_pgvector(cursor)
        found = await _find(cursor, name, model)
        if found is None and not create:
            raise VectorStoreError(
                f"collection {name!r} of this model is empty: ingest something into it first"
            )
        if found is None:
            found = await _create(cursor, name, model, dimension)
    await register_vector_async(connection)
    return found


async def _check_pgvector(cursor: Cursor) -> None:
    await cursor.execute("select extversion from pg_extension where extname = 'vector'")
    row = await cursor.fetchone()
    if row is None:
        raise VectorStoreError(
            "this database has no pgvector: ingest something first, or check the DSN"
        )
    check_version(str(row["extversion"]))


def check_version(version: str) -> None:
    """Raise `VectorStoreError` for a pgvector that is older than 0.8."""
    if tuple(int(part) for part in version.split(".")[:2]) < OLDEST_PGVECTOR:
        raise VectorStoreError(
            f"pgvector is {version}, 0.8 is needed:"
            " install it on the server and run ALTER EXTENSION vector UPDATE"
        )


async def _find(cursor: Cursor, name: str, model: str) -> int | None:
    await cursor.execute("select to_regclass('parrot_ingest.collections') is not null as there")
    if not (await cursor.fetchone() or {})["there"]:
        return None
    await cursor.execute(
        "select id from parrot_ingest.collections where name = %s and model = %s", [name, model]
    )
    row = await cursor.fetchone()
    return None if row is None else int(row["id"])


async def _create(cursor: Cursor, name: str, model: str, dimension: int) -> int:
    await cursor.execute(
        "insert into parrot_ingest.collections (name, model, dimension)"
        " values (%s, %s, %s) returning id",
        [name, model, dimension],
    )
    created = int((await cursor.fetchone() or {})["id"])
    parts = {
        "dimension": sql.Literal(dimension),
        "hash_index": sql.Identifier(f"chunks_{created}_hash"),
    }
    await cursor.execute(query("collection").format(chunks=chunks_table(created), **parts))
    return created


def chunks_table(collection: int) -> sql.Identifier:
    """Return the name of the table that holds the chunks of one collection."""
    return sql.Identifier("parrot_ingest", f"chunks_{collection}")


@lru_cache
def query(name: str) -> sql.SQL:
    """Return the statement in `sql/<name>.sql`."""
    text = (files(__package__) / "sql" / f"{name}.sql").read_text()
    return sql.SQL(text)
