"""The SQLite store among other processes, on bad disks, and under kill -9."""

import os
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from threading import Timer

import pytest

from parrot_async.errors import OptionsError, StoreError, StoreFullError, StoreLockedError
from parrot_async.model.models import Queue
from parrot_async.store import Commit, open_store
from parrot_async.store.sqlite import SQLiteStore
from parrot_async.store.tables import statements
from tests import disks

WRITER = """
import itertools, sys
from parrot_async.store import Commit, open_store

url, name, count = sys.argv[1], sys.argv[2], int(sys.argv[3])
store = open_store(url)
for n in range(count) if count else itertools.count():
    job = f"{name}{n}"
    store.commit(Commit(events=[(name, b"%d" % n)], arguments=[(job, bytes(2_000))]))
    print(job, flush=True)
store.close()
"""

HOLDER = """
import sqlite3, sys

connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute("BEGIN IMMEDIATE")
print("held", flush=True)
sys.stdin.readline()
"""

VISITOR = """
import os, sys
from parrot_async.errors import StoreError
from parrot_async.store import Commit
from parrot_async.store.sqlite import SQLiteStore
from pathlib import Path

# Once as the first user, because the other one may not be allowed to import from Python's folder.
SQLiteStore(Path(sys.argv[1])).close()
if os.geteuid() == 0:
    os.setgroups([])
    os.setgid(65534)
    os.setuid(65534)
try:
    store = SQLiteStore(Path(sys.argv[1]))
    print([body for _, body in store.events("tree")])
    store.commit(Commit(events=[("tree", b"2")]))
except StoreError as error:
    print(error)
"""


def start(script: str, *arguments: object) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", script, *map(str, arguments)]
    return subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, start_new_session=True
    )


@contextmanager
def held(path: Path) -> Iterator[None]:
    """Another process is in the middle of a transaction that writes."""
    with start(HOLDER, path) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        yield
        holder.communicate("\n")


def protect(folder: Path) -> None:
    """Leave everybody the right to read and nobody the right to write."""
    for file in folder.iterdir():
        file.chmod(0o444)
    folder.chmod(0o555)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "parrot" / "jobs.db"


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of one megabyte, where this user may mount one."""
    with disks.small_disk(tmp_path / "disk", "1m") as folder:
        yield folder


def test_only_the_user_can_read_the_store(path: Path) -> None:
    with closing(SQLiteStore(path)) as store:
        store.commit(Commit(events=[("tree", b"1")]))

        modes = {file.name: file.stat().st_mode & 0o777 for file in path.parent.iterdir()}

    assert modes == {"jobs.db": 0o600, "jobs.db-wal": 0o600, "jobs.db-shm": 0o600}
    assert path.parent.stat().st_mode & 0o777 == 0o700


def test_a_commit_is_synced_to_the_disk(path: Path) -> None:
    with closing(SQLiteStore(path)) as store:
        rows = store._writer.rows("SELECT * FROM pragma_synchronous, pragma_journal_mode")

    assert rows == [(2, "wal")]


def test_many_processes_open_a_new_store_at_once(path: Path) -> None:
    path.parent.mkdir()

    writers = [start(WRITER, f"sqlite:///{path}", f"w{n}-", 5) for n in range(6)]
    for writer in writers:
        writer.communicate()

    with closing(SQLiteStore(path)) as store:
        counts = [len(store.events(f"w{n}-")) for n in range(6)]
    assert counts == [5] * 6


def test_two_processes_write_while_this_one_reads(path: Path) -> None:
    with closing(SQLiteStore(path)) as store:
        writers = [start(WRITER, f"sqlite:///{path}", name, 300) for name in ("a", "b")]
        lengths = [0]

        while any(writer.poll() is None for writer in writers):
            lengths.append(len(store.events("a")))
        for writer in writers:
            writer.communicate()

        events = store.events("a") + store.events("b")
        assert lengths == sorted(lengths)
        assert sorted(number for number, _ in events) == list(range(1, 601))
        assert [int(body) for _, body in events] == [*range(300), *range(300)]


def test_a_store_held_by_another_process_is_locked_and_the_commit_can_be_repeated(
    path: Path,
) -> None:
    batch = Commit(events=[("tree", b"1")])
    with closing(SQLiteStore(path, patience=0.1)) as store:
        with held(path), pytest.raises(StoreLockedError, match="another process holds it"):
            store.commit(batch)

        store.commit(batch)

        assert [body for _, body in store.events("tree")] == [b"1"]


def test_a_store_held_for_a_moment_is_waited_for(path: Path) -> None:
    with closing(SQLiteStore(path)) as store, start(HOLDER, path) as holder:
        assert holder.stdout is not None
        holder.stdout.readline()
        release = Timer(0.3, holder.communicate, ["\n"])
        release.start()

        store.commit(Commit(events=[("tree", b"1")]))
        release.join()

        assert len(store.events("tree")) == 1


def test_a_store_held_by_a_writer_can_be_opened_and_read(path: Path) -> None:
    with closing(SQLiteStore(path)) as store:
        store.commit(Commit(events=[("tree", b"1")]))

        with held(path), closing(SQLiteStore(path, patience=0.1)) as other:
            events = other.events("tree")

    assert [body for _, body in events] == [b"1"]


def test_a_read_only_store_can_be_read_and_says_why_it_is_not_written() -> None:
    # Not below tmp_path: that is closed to the other user whom the script becomes.
    with tempfile.TemporaryDirectory() as name:
        path = Path(name, "jobs.db")
        with closing(SQLiteStore(path)) as store:
            store.commit(Commit(events=[("tree", b"1")]))
            for file in path.parent.iterdir():
                file.chmod(0o444)
            path.parent.chmod(0o555)

            with start(VISITOR, path) as visitor:
                output, _ = visitor.communicate()

        path.parent.chmod(0o700)
    events, error = output.splitlines()
    assert events == "[b'1']"
    assert "read-only: make the file and its folder writable" in error


def test_a_missing_disk_is_named_and_not_made(tmp_path: Path) -> None:
    path = tmp_path / "not_mounted" / "parrot" / "jobs.db"

    with pytest.raises(StoreError, match="make its folder first"):
        SQLiteStore(path)

    assert not path.parent.parent.exists()


def test_a_folder_in_place_of_the_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="cannot be opened"):
        SQLiteStore(tmp_path)


@pytest.mark.parametrize("fate", ["deleted", "replaced"])
def test_a_store_that_was_deleted_or_replaced_refuses_to_acknowledge(path: Path, fate: str) -> None:
    with closing(SQLiteStore(path)) as store:
        path.unlink()
        if fate == "replaced":
            path.write_bytes(b"")

        with pytest.raises(StoreError, match="moved or deleted while in use"):
            store.commit(Commit(events=[("tree", b"1")]))


def test_a_file_that_is_no_database_is_refused_and_left_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "thesis.txt"
    path.write_bytes(b"Chapter one. " * 1_000)

    with pytest.raises(StoreError, match="not a database: choose another path"):
        SQLiteStore(path)

    assert path.read_bytes() == b"Chapter one. " * 1_000


def test_the_database_of_another_program_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "places.sqlite"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE bookmarks (url TEXT)")
    content = path.read_bytes()

    with pytest.raises(StoreError, match="another program: choose another path"):
        SQLiteStore(path)

    assert path.read_bytes() == content


def test_a_store_of_a_newer_version_is_refused(path: Path) -> None:
    SQLiteStore(path).close()
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA user_version = 99")

    for read_only in (False, True):
        with pytest.raises(StoreError, match=r"schema 99, here 2.*upgrade parrot_async"):
            SQLiteStore(path, read_only=read_only)


def first_version(path: Path) -> None:
    """A store as parrot_async 0.1 made it, with a tree that a crash interrupted."""
    path.parent.mkdir()
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA auto_vacuum = INCREMENTAL")
        connection.execute("PRAGMA journal_mode = WAL")
        for statement in statements("sqlite_v1").values():
            connection.execute(statement)
        connection.execute("PRAGMA user_version = 1")
        connection.execute("INSERT INTO events (root_id, body) VALUES ('tree', X'31')")
        connection.execute(
            "INSERT INTO roots (id, title, function, queue, status, created_at, cost)"
            " VALUES ('tree', 'Old', 'm:f', 'default', 'running', 1.5, '0')"
        )
        connection.commit()


def test_a_store_of_the_first_version_is_brought_up_to_date_with_all_it_has(path: Path) -> None:
    first_version(path)

    SQLiteStore(path).close()

    with closing(SQLiteStore(path, read_only=True)) as store:
        assert [row.id for row in store.interrupted(now=0.0)] == ["tree"]
        assert store.events("tree") == [(1, b"1")]


def test_a_store_of_the_first_version_is_not_changed_by_who_only_reads(path: Path) -> None:
    first_version(path)
    content = path.read_bytes()

    with pytest.raises(StoreError, match=r"older parrot_async \(schema 1, here 2\)"):
        SQLiteStore(path, read_only=True)

    assert path.read_bytes() == content


def test_an_empty_file_left_by_a_crash_becomes_a_store(tmp_path: Path) -> None:
    path = tmp_path / "jobs.db"
    path.touch()

    with closing(SQLiteStore(path)) as store:
        store.commit(Commit(events=[("tree", b"1")]))

        assert len(store.events("tree")) == 1


def test_a_damaged_file_is_said_to_be_damaged(path: Path) -> None:
    with closing(SQLiteStore(path)) as store:
        store.commit(Commit(events=[("tree", bytes(500)) for _ in range(2_000)]))
    with path.open("r+b") as file:
        file.seek(3 * 4096)
        file.write(b"\xff" * (path.stat().st_size - 4 * 4096))

    with closing(SQLiteStore(path)) as store, pytest.raises(StoreError, match="damaged"):
        store.events("tree")


def test_a_queue_of_another_version_is_said_to_be_one(path: Path) -> None:
    with closing(SQLiteStore(path)) as store:
        store.save_queue(Queue(name="slow"))
        with store._writer.transaction() as connection:
            connection.execute("""UPDATE queues SET body = '{"name": "slow", "colour": "red"}'""")

        with pytest.raises(StoreError, match="another version of parrot_async"):
            store.queues()


def test_a_store_at_its_largest_size_is_full_and_goes_on_when_there_is_room(path: Path) -> None:
    batch = Commit(events=[("tree", bytes(1_000_000))], arguments=[("tree", b"a")])
    with closing(SQLiteStore(path)) as store:
        store._writer.rows("PRAGMA max_page_count = 100")
        with pytest.raises(StoreFullError, match="make space, then try again"):
            store.commit(batch)
        left = store.events("tree"), store.arguments(["tree"])

        store._writer.rows("PRAGMA max_page_count = 1000000")
        store.commit(batch)

        assert left == ([], {})
        assert len(store.events("tree")) == 1


def test_a_full_disk_loses_nothing_accepted_and_the_commit_can_be_repeated(
    small_disk: Path,
) -> None:
    ballast = small_disk / "ballast"
    ballast.write_bytes(bytes(500_000))
    with closing(SQLiteStore(small_disk / "jobs.db")) as store:
        accepted: list[bytes] = []
        refused = b""
        with pytest.raises(StoreFullError):  # noqa: PT012 - which one does not fit is not known
            for n in range(1_000):
                refused = b"%d" % n + bytes(10_000)
                store.commit(Commit(events=[("tree", refused)]))
                accepted.append(refused)
        kept = [body for _, body in store.events("tree")]

        ballast.unlink()
        store.commit(Commit(events=[("tree", refused)]))

        assert kept == accepted
        assert [body for _, body in store.events("tree")] == [*accepted, refused]


def test_a_disk_too_full_to_open_the_store_is_said_to_be_full(small_disk: Path) -> None:
    path = small_disk / "jobs.db"
    with closing(SQLiteStore(path)) as store:
        store.commit(Commit(events=[("tree", b"1")]))
    with (small_disk / "ballast").open("wb", buffering=0) as ballast, suppress(OSError):
        while ballast.write(bytes(4096)):
            pass

    with pytest.raises(StoreFullError, match="make space, then try again"):
        SQLiteStore(path)

    (small_disk / "ballast").unlink()
    with closing(SQLiteStore(path)) as store:
        assert len(store.events("tree")) == 1


def test_many_rows_are_few_statements_because_each_may_wait_for_a_busy_thread(path: Path) -> None:
    statements: list[str] = []
    with closing(SQLiteStore(path)) as store:
        store._writer._connection.set_trace_callback(statements.append)

        store.commit(
            Commit(
                events=[(f"r{n}", b"") for n in range(9_999)],
                arguments=[(f"r{n}", b"") for n in range(9_999)],
            )
        )

    assert len(statements) < 100


@pytest.mark.parametrize("seed", range(3))
def test_kill_9_in_the_middle_of_commits_loses_nothing_acknowledged(path: Path, seed: int) -> None:
    path.parent.mkdir()
    with start(WRITER, f"sqlite:///{path}", "job", 0) as writer:
        assert writer.stdout is not None
        acknowledged = [writer.stdout.readline().strip() for _ in range(50)]
        time.sleep(0.05 + 0.037 * seed)
        os.kill(writer.pid, signal.SIGKILL)
        acknowledged += writer.stdout.read().split()

    with closing(SQLiteStore(path)) as store:
        arguments = store.arguments(acknowledged)
        events = [int(body) for _, body in store.events("job")]
        store.commit(Commit(events=[("job", b"after")]))

    assert set(arguments) == set(acknowledged)
    # The last commit may have been durable before its acknowledgement was printed.
    assert len(events) - len(acknowledged) in {0, 1}
    assert events == list(range(len(events)))


def test_what_is_deleted_is_given_back_to_the_disk(path: Path) -> None:
    with closing(SQLiteStore(path)) as store:
        store.commit(Commit(events=[("tree", bytes(5_000_000))]))
        store.delete(["tree"])

    assert path.stat().st_size < 200_000


def test_a_closed_store_says_that_it_is_closed(path: Path) -> None:
    store = SQLiteStore(path)
    store.close()

    with pytest.raises(StoreError, match="closed"):
        store.events("tree")


def test_a_path_with_signs_that_mean_something_in_a_url_is_taken_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "100% mine? #1.db"

    with closing(open_store(f"sqlite:///{path}")):
        found = [file.name for file in tmp_path.iterdir()]

    assert path.name in found


@pytest.mark.parametrize("url", ["mysql://me:secret@host/db", "jobs.db", "sqlite:///", ""])
def test_another_kind_of_store_is_refused_without_showing_a_password(url: str) -> None:
    with pytest.raises(OptionsError, match=r"use sqlite:///path") as caught:
        open_store(url)

    assert "secret" not in str(caught.value)
