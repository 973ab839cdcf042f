"""A connection to the store's SQLite file: makes, migrates, is shared, explains errors."""

import os
import re
import shutil
import sqlite3
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from functools import cache
from itertools import chain
from pathlib import Path
from types import NoneType
from typing import Any

from parrot_async.errors import StoreError, StoreFullError, StoreLockedError
from parrot_async.store.tables import statements

Parameters = Sequence[object] | Mapping[str, object]
Rows = Sequence[Sequence[object]]
APPLICATION_ID = 0x70727274
MIGRATIONS = ("sqlite_v1", "sqlite_v2")
"""Files of statements; the n-th brings a store from version n-1 to n, and is never edited."""

ADVICE: dict[int, tuple[type[StoreError], str]] = {
    sqlite3.SQLITE_BUSY: (StoreLockedError, "another process holds it: try again when that ended"),
    sqlite3.SQLITE_FULL: (StoreFullError, "its disk is full: make space, then try again"),
    sqlite3.SQLITE_READONLY: (
        StoreError,
        "it is read-only: make the file and its folder writable for this user",
    ),
    sqlite3.SQLITE_CANTOPEN: (
        StoreError,
        "it cannot be opened: the folder must exist and be readable and writable for this user",
    ),
    sqlite3.SQLITE_NOTADB: (StoreError, "it is not a database: choose another path"),
    sqlite3.SQLITE_CORRUPT: (
        StoreError,
        "it is damaged: stop all that use it, then restore a copy or try `sqlite3 FILE .recover`",
    ),
    sqlite3.SQLITE_IOERR: (StoreError, "its disk gave an error: look at the disk, then try again"),
    sqlite3.SQLITE_TOOBIG: (StoreError, "a value is too big for it: keep the value in a file"),
}
SHARED_INDEX = 32_768
"""Bytes by which SQLite grows its shared memory, the index of the WAL."""
ROWS_AT_ONCE = (1000, 100, 10, 1)
"""Rows of one INSERT; few sizes, so that each statement stays prepared."""


def insert(connection: sqlite3.Connection, sql: str, rows: Rows) -> int:
    """Insert rows with few long statements; returns the last row's number, where rows have one.

    Each step of a statement releases Python's interpreter lock. Beside a busy thread (Dask's
    scheduler) getting it back may take 5 ms: with a step for each row, 10,000 rows took seconds.
    """
    start, last = 0, 0
    for size in ROWS_AT_ONCE:
        while len(rows) - start >= size:
            columns = [_bound(column) for column in zip(*rows[start : start + size], strict=True)]
            widened = _widened(sql, size, tuple(column is None for column in columns))
            known = zip(*(column for column in columns if column is not None), strict=True)
            cursor = connection.execute(widened, list(chain.from_iterable(known)))
            start, last = start + size, cursor.lastrowid or 0
    return last


def _bound(column: Sequence[object]) -> Sequence[object] | None:
    """Return values as they are bound to a statement; None where all are NULL: its text says so.

    For `bytes` and None, not for `bytearray`, Python's sqlite3 looks for adapters, with the
    interpreter lock held: that took half of the time of an INSERT of small results.
    """
    types = set(map(type, column))
    if types == {NoneType}:
        return None
    if bytes in types:
        return [bytearray(value) if isinstance(value, bytes) else value for value in column]
    return column


@cache
def _widened(sql: str, size: int, nulls: tuple[bool, ...]) -> str:
    """Return the INSERT of one row as one of `size` rows, with NULL in the columns of `nulls`."""
    row = f"({', '.join('NULL' if null else '?' for null in nulls)})"
    return re.sub(r"VALUES \([?, ]+\)", f"VALUES {', '.join([row] * size)}", sql)


class SQLiteFile:
    """One connection, whose SQLite errors become StoreErrors.

    Runs on: any thread; a lock makes them take turns.
    """

    def __init__(self, path: Path, patience: float, read_only: bool = False) -> None:
        """Open the file, or make it; `patience` is how many seconds it waits for others."""
        self._path = path
        self._read_only = read_only
        self._lock = threading.Lock()
        self._waits_for_disk = True
        with self._explained():
            if not read_only:
                _make(path)
            elif not path.exists():
                raise StoreError(f"there is no job store at {path}: no job was run here yet")
            self._connection = sqlite3.connect(
                # A URI, because only so SQLite does not make a file again that vanished.
                f"{path.absolute().as_uri()}?mode={'ro' if read_only else 'rw'}",
                uri=True,
                timeout=patience,
                isolation_level=None,
                check_same_thread=False,
            )
        try:
            with self._explained():
                self._set_up(patience)
                self._identity = _identity(path)
        except BaseException:
            self._connection.close()
            raise

    @contextmanager
    def transaction(self, sync: bool = True) -> Iterator[sqlite3.Connection]:
        """Open a transaction; with `sync` it is on the disk at the end of the block."""
        with self._lock, self._explained():
            self._wait_for_disk(sync)
            with _transaction(self._connection):
                yield self._connection
                self._check_place()

    def rows(self, sql: str, parameters: Parameters = ()) -> list[Any]:
        """Return all rows of one statement."""
        with self._lock, self._explained():
            return self._connection.execute(sql, parameters).fetchall()

    def script(self, sql: str) -> None:
        """Run statements to their end outside a transaction; their rows are not read."""
        with self._lock, self._explained():
            self._connection.executescript(sql)

    def close(self) -> None:
        """Close the file; a second time does nothing."""
        with self._lock, self._explained():
            self._connection.close()

    def _wait_for_disk(self, wait: bool) -> None:
        if wait != self._waits_for_disk:
            self._connection.execute(f"PRAGMA synchronous = {'FULL' if wait else 'NORMAL'}")
            self._waits_for_disk = wait

    def _set_up(self, patience: float) -> None:
        connection = self._connection
        if self._read_only:
            self._check_version()
            return
        # In WAL mode only FULL syncs every commit: what was acknowledged survives a power cut.
        connection.execute("PRAGMA synchronous = FULL")
        if self._version() < len(MIGRATIONS):
            self._prepare(time.monotonic() + patience)
            with _transaction(connection):
                self._migrate()

    def _version(self) -> int:
        """Return the file's version, 0 for an empty one; raises StoreError for a foreign one."""
        # One statement, so that a store that another process makes just now is seen as a whole.
        version, application, tables = self._connection.execute(
            "SELECT user_version, application_id, (SELECT count(*) FROM sqlite_schema)"
            " FROM pragma_user_version, pragma_application_id"
        ).fetchone()
        if tables and application != APPLICATION_ID:
            raise StoreError(f"{self._path} belongs to another program: choose another path")
        if version > len(MIGRATIONS):
            raise StoreError(
                f"the job store {self._path} was written by a newer parrot_async"
                f" (schema {version}, here {len(MIGRATIONS)}): upgrade parrot_async"
            )
        return int(version)

    def _check_version(self) -> None:
        """Refuse to read an old version: a store opened to read is not migrated."""
        if (version := self._version()) < len(MIGRATIONS):
            raise StoreError(
                f"the job store {self._path} was written by an older parrot_async"
                f" (schema {version}, here {len(MIGRATIONS)}):"
                " `parrot-async up` brings it up to date"
            )

    def _prepare(self, deadline: float) -> None:
        """Set what is kept in the file and cannot be set within a transaction."""
        self._connection.execute("PRAGMA auto_vacuum = INCREMENTAL")
        while (mode := self._switch_to_wal()) is None:
            if time.monotonic() > deadline:
                raise StoreLockedError(f"another process is opening the job store {self._path}")
            time.sleep(0.01)
        if mode != "wal":
            raise StoreError(f"the disk of {self._path} cannot share memory: choose a local one")

    def _switch_to_wal(self) -> str | None:
        """Return the file's mode; None while others open the same new file: try again."""
        try:
            row: tuple[str] = self._connection.execute("PRAGMA journal_mode = WAL").fetchone()
        except sqlite3.OperationalError as exc:
            if _code(exc) == sqlite3.SQLITE_BUSY:
                return None
            raise
        return row[0]

    def _migrate(self) -> None:
        # Read again within the transaction: another process may have been first.
        version = self._version()
        for number, name in enumerate(MIGRATIONS[version:], version + 1):
            for statement in statements(name).values():
                self._connection.execute(statement)
            self._connection.execute(f"PRAGMA user_version = {number}")

    def _check_place(self) -> None:
        """Refuse to write to a file that was moved or deleted; SQLite itself does not notice."""
        identity = None
        with suppress(OSError):
            identity = _identity(self._path)
        if identity != self._identity:
            raise StoreError(
                f"the job store {self._path} was moved or deleted while in use:"
                " put it back, or restart what uses it"
            )

    def _no_space(self, exc: sqlite3.Error) -> bool:
        """Whether SQLite's "I/O error" means that even its small shared index had no room."""
        if _code(exc) != sqlite3.SQLITE_IOERR or not self._path.parent.exists():
            return False
        return shutil.disk_usage(self._path.parent).free < SHARED_INDEX

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as exc:
            code = sqlite3.SQLITE_FULL if self._no_space(exc) else _code(exc)
            kind, advice = ADVICE.get(code, (StoreError, "it cannot be used"))
            raise kind(f"the job store {self._path}: {advice} ({exc})") from exc
        except OSError as exc:
            raise StoreError(
                f"the job store {self._path} cannot be made:"
                f" make its folder first, writable for this user ({exc})"
            ) from exc


def _code(exc: sqlite3.Error) -> int:
    """Return SQLite's primary error code, 0 for an error of the Python module itself."""
    return getattr(exc, "sqlite_errorcode", 0) & 0xFF


@contextmanager
def _transaction(connection: sqlite3.Connection) -> Iterator[None]:
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        # After some errors SQLite has rolled back already.
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def _make(path: Path) -> None:
    """Make the file, and its folder, for this user alone; SQLite gives its WAL the same mode.

    Folders above are not made: where they are missing, a disk is probably not mounted.
    """
    if not path.parent.exists():
        path.parent.mkdir(mode=0o700, exist_ok=True)
    with suppress(FileExistsError):
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))


def _identity(path: Path) -> tuple[int, int]:
    status = path.stat()
    return status.st_dev, status.st_ino
