"""The schema: malformed DSNs, the errors of psycopg in words that help, and the SQL files."""

from importlib.resources import files

import psycopg
import pytest

from parrot_async.ingest import vectors
from parrot_async.ingest.errors import VectorStoreError
from parrot_async.ingest.vectors.schema import (
    check_dsn,
    check_version,
    chunks_table,
    database_errors,
    query,
)

SQL = sorted(file.name for file in (files(vectors) / "sql").iterdir())


@pytest.mark.parametrize(
    "dsn", ["postgresql://me:hush@host:5432/db", "host=localhost dbname=documents", ""]
)
def test_both_forms_of_a_dsn_are_accepted(dsn: str) -> None:
    check_dsn(dsn)


@pytest.mark.parametrize("dsn", ["hush", "host=a hush", "postgresql://me:hush@host/db?nonsense=1"])
def test_a_malformed_dsn_is_refused_without_its_password(dsn: str) -> None:
    with pytest.raises(VectorStoreError, match="looks like") as caught:
        check_dsn(dsn)

    assert "hush" not in str(caught.value)
    assert caught.value.__suppress_context__


@pytest.mark.parametrize(
    ("error", "advice"),
    [
        (psycopg.errors.UndefinedFile("vector.control"), "install pgvector 0.8"),
        (psycopg.errors.FeatureNotSupported("extension"), "install pgvector 0.8"),
        (psycopg.errors.InsufficientPrivilege("denied"), "administrator"),
        (psycopg.OperationalError("refused"), "check the DSN"),
        (psycopg.errors.UniqueViolation("twice"), "PostgreSQL refuses: twice"),
    ],
)
async def test_what_psycopg_raises_says_what_to_do(error: psycopg.Error, advice: str) -> None:
    with pytest.raises(VectorStoreError, match=advice) as caught:
        async with database_errors():
            raise error

    assert caught.value.__cause__ is error


async def test_a_text_that_is_no_valid_unicode_is_an_error_of_one_document() -> None:
    with pytest.raises(VectorStoreError, match=r"stores no '\\udce9'"):
        async with database_errors():
            "caf\udce9".encode()


async def test_errors_of_other_code_pass_unchanged() -> None:
    with pytest.raises(KeyError):
        async with database_errors():
            raise KeyError("path")


@pytest.mark.parametrize("version", ["0.8", "0.8.1", "0.10.0", "1.0"])
def test_a_recent_pgvector_is_accepted(version: str) -> None:
    check_version(version)


@pytest.mark.parametrize("version", ["0.7.4", "0.5.1"])
def test_an_old_pgvector_is_refused_with_its_cure(version: str) -> None:
    with pytest.raises(VectorStoreError, match="ALTER EXTENSION vector UPDATE"):
        check_version(version)


@pytest.mark.parametrize("name", SQL)
def test_each_sql_file_begins_with_a_sentence_and_holds_a_statement(name: str) -> None:
    text = query(name.removesuffix(".sql")).as_string()

    assert text.startswith("-- ")
    assert text.rstrip().endswith(";")


def test_the_chunks_of_each_collection_have_a_table_of_their_own() -> None:
    assert chunks_table(7).as_string() == '"parrot_ingest"."chunks_7"'
