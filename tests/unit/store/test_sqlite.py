"""The SQLite store beside the contract: its connections, portions, and values as it packs them."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from parrot_async.errors import StoreError
from parrot_async.model.models import JobStatus
from parrot_async.model.rows import RootRow
from parrot_async.store import Commit, StoredCheckpoint, StoredResult
from parrot_async.store import sqlite as module
from parrot_async.store.sqlite import REST_OF_TREE, SQLiteStore
from parrot_async.store.sqlite_file import SQLiteFile
from parrot_async.store.tables import statements


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SQLiteStore]:
    with closing(SQLiteStore(tmp_path / "jobs.db", patience=0.05)) as store:
        yield store


def test_a_tree_is_deleted_from_every_table_that_names_it() -> None:
    rows = {name for name in statements("sqlite_queries") if name.startswith("delete_")}

    assert rows - {"delete_results"} == set(REST_OF_TREE)


def test_what_is_read_in_portions_comes_back_whole(
    store: SQLiteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "PORTION", 3)
    ids = [f"r.{number}" for number in range(10)]
    store.commit(
        Commit(
            events=[("r", job_id.encode()) for job_id in ids],
            arguments=[(job_id, b"") for job_id in ids],
        )
    )

    assert [body.decode() for _, body in store.events("r")] == ids
    assert [seq for seq, _ in store.events("r", after=2, limit=4)] == [3, 4, 5, 6]
    assert list(store.arguments(ids)) == ids


@pytest.mark.parametrize("value", [b"", b"\0", bytes(range(256))])
def test_bytes_come_back_though_they_are_packed_as_text(store: SQLiteStore, value: bytes) -> None:
    store.commit(
        Commit(
            events=[("r", value)],
            arguments=[("r", value)],
            results=[("r", value, None, None)],
            checkpoints=[("r", 1, value, None)],
        )
    )

    assert store.events("r") == [(1, value)]
    assert store.arguments(["r"]) == {"r": value}
    assert store.results(["r"]) == {"r": StoredResult(value)}
    assert store.checkpoints(["r"]) == {"r": StoredCheckpoint(1, value)}


def test_what_only_a_url_says_of_a_value_comes_back(store: SQLiteStore) -> None:
    store.commit(
        Commit(
            results=[("r", None, 9e9, "file:///r")], checkpoints=[("r", 2, None, "file:///state")]
        )
    )

    assert store.results(["r"]) == {"r": StoredResult(None, "file:///r", 9e9)}
    assert store.checkpoints(["r"]) == {"r": StoredCheckpoint(2, None, "file:///state")}


def test_both_connections_are_closed_where_the_second_cannot_be_opened(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[SQLiteFile] = []

    class OnlyOne(SQLiteFile):
        def __init__(self, path: Path, patience: float, read_only: bool = False) -> None:
            if opened:
                raise StoreError("no second one")
            super().__init__(path, patience, read_only)
            opened.append(self)

    monkeypatch.setattr(module, "SQLiteFile", OnlyOne)
    with pytest.raises(StoreError, match="no second one"):
        SQLiteStore(tmp_path / "jobs.db")

    with pytest.raises(StoreError, match="closed"):
        opened[0].rows("SELECT 1")


def test_a_store_reads_while_it_writes(store: SQLiteStore) -> None:
    store.commit(Commit(roots=[RootRow("r", "r", "", "default", JobStatus.RUNNING, 1.0)]))

    with store._writer.transaction() as connection:
        connection.execute("DELETE FROM roots")
        during = store.root("r")

    assert during is not None
    assert store.root("r") is None


def test_a_store_that_is_opened_to_read_refuses_to_write(tmp_path: Path) -> None:
    SQLiteStore(tmp_path / "jobs.db").close()

    with closing(SQLiteStore(tmp_path / "jobs.db", read_only=True)) as store:
        assert store.roots() == []
        with pytest.raises(StoreError, match="read-only"):
            store.commit(Commit(events=[("r", b"1")]))
