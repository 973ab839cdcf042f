"""One connection to a SQLite file: who may read it, which versions it takes, how rows go in."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from parrot_async.errors import StoreError, StoreFullError, StoreLockedError
from parrot_async.store.sqlite_file import MIGRATIONS, ROWS_AT_ONCE, SQLiteFile, insert


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "jobs" / "jobs.db"


@pytest.fixture
def file(path: Path) -> Iterator[SQLiteFile]:
    with closing(SQLiteFile(path, patience=0.05)) as file:
        yield file


@pytest.fixture
def table() -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as connection:
        connection.execute("CREATE TABLE things (id INTEGER PRIMARY KEY, name TEXT, value BLOB)")
        yield connection


INSERT = "INSERT INTO things (name, value) VALUES (?, ?)"


def test_the_file_and_its_folder_are_for_this_user_alone(file: SQLiteFile, path: Path) -> None:
    file.rows("SELECT 1")

    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700


def test_the_right_to_read_of_a_file_that_is_there_is_left_as_it_is(path: Path) -> None:
    path.parent.mkdir()
    path.touch()
    path.chmod(0o640)

    SQLiteFile(path, patience=0.05).close()

    assert path.stat().st_mode & 0o777 == 0o640


def test_only_one_missing_folder_is_made(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="make its folder first"):
        SQLiteFile(tmp_path / "not" / "mounted" / "jobs.db", patience=0.05)

    assert list(tmp_path.iterdir()) == []


def test_a_new_file_has_the_newest_version_and_is_recognised(file: SQLiteFile) -> None:
    rows = file.rows(
        "SELECT * FROM pragma_user_version, pragma_application_id, pragma_journal_mode"
    )

    assert rows == [(len(MIGRATIONS), int.from_bytes(b"prrt"), "wal")]


def test_a_newer_version_is_refused(file: SQLiteFile, path: Path) -> None:
    file.script(f"PRAGMA user_version = {len(MIGRATIONS) + 1}")

    with pytest.raises(StoreError, match=r"newer parrot_async .*: upgrade"):
        SQLiteFile(path, patience=0.05)


def test_an_older_version_is_refused_to_who_only_reads(file: SQLiteFile, path: Path) -> None:
    file.script("PRAGMA user_version = 1")

    with pytest.raises(StoreError, match="`parrot-async up` brings it up to date"):
        SQLiteFile(path, patience=0.05, read_only=True)


def test_the_file_of_another_program_is_refused(path: Path) -> None:
    path.parent.mkdir()
    with closing(sqlite3.connect(path)) as other:
        other.execute("CREATE TABLE theirs (id)")

    with pytest.raises(StoreError, match="belongs to another program"):
        SQLiteFile(path, patience=0.05)


def test_who_only_reads_makes_no_file(path: Path) -> None:
    with pytest.raises(StoreError, match="there is no job store at"):
        SQLiteFile(path, patience=0.05, read_only=True)

    assert not path.parent.exists()


def put(file: SQLiteFile, *statements: str) -> None:
    """Run these in one transaction."""
    with file.transaction() as connection:
        for statement in statements:
            connection.execute(statement)


def test_a_transaction_is_written_as_a_whole_or_not_at_all(file: SQLiteFile) -> None:
    with pytest.raises(StoreError, match="no such table"):
        put(file, "INSERT INTO leases VALUES ('me', 1)", "INSERT INTO things VALUES (1)")

    put(file, "INSERT INTO leases VALUES ('you', 1)")

    assert file.rows("SELECT owner FROM leases") == [("you",)]


@pytest.mark.parametrize(("sync", "level"), [(True, 2), (False, 1)])
def test_only_some_transactions_wait_for_the_disk(file: SQLiteFile, sync: bool, level: int) -> None:
    with file.transaction(sync=not sync), file._explained():
        pass
    with file.transaction(sync=sync):
        pass

    assert file.rows("PRAGMA synchronous") == [(level,)]


def test_a_file_that_another_one_writes_to_is_locked(file: SQLiteFile, path: Path) -> None:
    with (
        closing(SQLiteFile(path, patience=0.05)) as other,
        other.transaction(),
        pytest.raises(StoreLockedError, match="try again when that ended"),
        file.transaction(),
    ):
        pass


def test_a_file_that_was_moved_is_not_written_to(file: SQLiteFile, path: Path) -> None:
    path.rename(path.with_name("elsewhere.db"))

    with pytest.raises(StoreError, match="was moved or deleted"), file.transaction():
        pass


def test_an_error_without_advice_is_a_store_error_all_the_same(file: SQLiteFile) -> None:
    with pytest.raises(StoreError, match=r"it cannot be used \(no such table: things\)"):
        file.rows("SELECT * FROM things")


def test_a_full_file_is_said_to_be_full(file: SQLiteFile) -> None:
    file.script("PRAGMA max_page_count = 1")

    with pytest.raises(StoreFullError, match="make space"):
        put(file, "INSERT INTO arguments VALUES ('r', zeroblob(1000000))")


def test_a_closed_file_can_be_closed_again_and_not_read(path: Path) -> None:
    file = SQLiteFile(path, patience=0.05)
    file.close()
    file.close()

    with pytest.raises(StoreError, match="closed"):
        file.rows("SELECT 1")


@pytest.mark.parametrize("count", [0, 1, 9, 10, 999, 1000, 2345])
def test_any_number_of_rows_goes_in_in_order(table: sqlite3.Connection, count: int) -> None:
    rows = [(str(number), b"%d" % number) for number in range(count)]

    last = insert(table, INSERT, rows)

    assert last == count
    assert table.execute("SELECT name, value FROM things ORDER BY id").fetchall() == rows


def test_values_and_nulls_of_one_column_stay_what_they_are(table: sqlite3.Connection) -> None:
    rows = [("a", b""), ("b", None), ("c", b"\0\xff")]

    insert(table, INSERT, rows)

    assert table.execute("SELECT name, value FROM things").fetchall() == rows


def test_a_column_of_nulls_only_is_written_as_such(table: sqlite3.Connection) -> None:
    rows = [(None, b"a"), (None, b"b")]

    insert(table, INSERT, rows)

    assert table.execute("SELECT name, value FROM things").fetchall() == rows


def test_many_rows_are_few_statements(table: sqlite3.Connection) -> None:
    run: list[str] = []
    table.set_trace_callback(run.append)

    insert(table, INSERT, [("name", b"")] * 3210)

    assert len(run) == 3 + 2 + 1
    assert ROWS_AT_ONCE == (1000, 100, 10, 1)
