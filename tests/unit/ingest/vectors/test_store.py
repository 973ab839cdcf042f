"""The vector store as far as it goes without a server: what it refuses, and what it would send."""

import re
from typing import cast

import numpy as np
import pytest
from psycopg import sql

from parrot_async.ingest.embed.chunks import Chunk
from parrot_async.ingest.errors import VectorStoreError
from parrot_async.ingest.vectors.records import EVERYTHING, DocumentRecord, Filter
from parrot_async.ingest.vectors.schema import Connection, query
from parrot_async.ingest.vectors.store import _COPIED, MOST_DIMENSIONS, VectorStore, _filters

NOWHERE = "postgresql://me:hush@127.0.0.1:9/x"


@pytest.fixture
def store() -> VectorStore:
    """A store of four dimensions; it has no connection, so what is sent fails otherwise."""
    return VectorStore(cast("Connection", None), 7, 4)


@pytest.mark.parametrize("dimension", [0, MOST_DIMENSIONS + 1])
async def test_a_model_that_pgvector_cannot_index_is_refused_before_connecting(
    dimension: int,
) -> None:
    with pytest.raises(VectorStoreError, match="dimensions"):
        await VectorStore.open(NOWHERE, model="m", dimension=dimension)


async def test_a_malformed_dsn_is_refused_before_connecting() -> None:
    with pytest.raises(VectorStoreError, match="looks like"):
        await VectorStore.open("nonsense", model="m", dimension=4)


async def test_a_question_of_another_model_is_refused(store: VectorStore) -> None:
    with pytest.raises(VectorStoreError, match=r"shape \(3,\), not \(4,\)"):
        await store.search(np.zeros(3, np.float32))


@pytest.mark.parametrize("shape", [(2, 4), (1, 3), (4,)])
async def test_vectors_that_do_not_fit_the_chunks_are_refused(
    store: VectorStore, shape: tuple[int, ...]
) -> None:
    record = DocumentRecord("/docs/a.txt", "/docs", "text", "a", "1", "f")

    with pytest.raises(VectorStoreError, match="vectors have shape"):
        await store.put(record, [Chunk(0, "a", b"a" * 32, 0, 1)], np.zeros(shape, np.float32))


def test_no_filter_allows_everything() -> None:
    conditions, values = _filters(EVERYTHING)

    assert sql.SQL(" and ").join(conditions).as_string() == "true"
    assert values == {}


def test_each_field_of_a_filter_is_a_condition_with_its_own_parameter() -> None:
    where = Filter(kinds=("pdf",), paths=("/a", "/b"), under="/docs/", metadata={"lang": "en"})

    conditions, values = _filters(where)

    text = sql.SQL(" and ").join(conditions).as_string()
    assert set(re.findall(r"%\((\w+)\)s", text)) == values.keys()
    assert values["paths"] == ["/a", "/b"]
    assert "'" not in text


def test_a_filter_takes_the_name_on_disk_of_a_file_that_is_not_utf8() -> None:
    _, values = _filters(Filter(paths=("/caf\udce9",), under="/\udce9"))

    assert values == {"paths": ["/caf\\xe9"], "under": "/\\xe9"}


def test_the_columns_that_are_copied_are_those_of_the_table() -> None:
    table = query("collection").as_string()

    for column, declared in _COPIED.items():
        name = {"int8": "bigint", "int4": "integer"}.get(declared, declared)
        assert re.search(rf"^\s+{column} {name}\b", table, re.MULTILINE), column


def test_a_search_reads_the_collections_own_table(store: VectorStore) -> None:
    statement = store._sql("search", filters=sql.SQL("true")).as_string()

    assert '"parrot_ingest"."chunks_7"' in statement
    assert "%(vector)s" in statement
