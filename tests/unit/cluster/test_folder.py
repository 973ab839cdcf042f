"""The folder of a cluster: who shares one, who may read it, and whose the locks are."""

import os
import stat
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest

from parrot_async.cluster.folder import ClusterRecord, Folder, Holder
from parrot_async.cluster.pools import Pools
from parrot_async.errors import ClusterError

HOLD = """
import fcntl, sys
file = open(sys.argv[1], "r+")
fcntl.flock(file, fcntl.LOCK_EX)
print("held", flush=True)
sys.stdin.read()
"""
MINE = Holder(id="mine", pid=1, group=1)


@pytest.fixture(autouse=True)
def _home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PARROT_HOME", str(tmp_path / "home"))
    for name in ("PARROT_STORE", "PARROT_RESULTS"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def folder() -> Folder:
    folder = Folder.of("mine")
    folder.make()
    return folder


def record() -> ClusterRecord:
    return ClusterRecord(
        id="one",
        address="tls://127.0.0.1:1",
        pid=1,
        started=datetime.now(UTC),
        version="0",
        pools=Pools(cpu=1),
        idle_timeout=60.0,
    )


def holding(lock: Path) -> subprocess.Popen[bytes]:
    """Another process that holds a lock until its input ends."""
    lock.touch()
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(lock)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert process.stdout is not None
    assert process.stdout.readline() == b"held\n"
    return process


def rights(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


# Which folder.


def test_the_same_name_is_the_same_folder() -> None:
    assert Folder.of("mine") == Folder.of("mine")
    assert Folder.of(None) == Folder.of("default")
    assert Folder.of("mine").root != Folder.of("other").root


def test_another_store_is_another_folder_of_the_same_name() -> None:
    own, other = Folder.of("mine"), Folder.of("mine", "postgresql://host/jobs")

    assert own.root == other.root
    assert own.path != other.path


def test_a_password_makes_no_other_folder() -> None:
    one = Folder.of("mine", "postgresql://me:secret@host/jobs")
    other = Folder.of("mine", "postgresql://me:changed@host/jobs")

    assert one == other


@pytest.mark.parametrize("name", ["../up", "a/b", ".hidden", "-x", "a" * 65, "white space"])
def test_a_name_that_is_no_folders_is_refused(name: str) -> None:
    with pytest.raises(ClusterError, match="cannot name a cluster"):
        Folder.of(name)


def test_folders_of_other_environments_come_after_our_own(folder: Folder) -> None:
    other = Folder(folder.root, folder.root / "0123456789ab")
    other.make()
    other.running_lock.touch()

    assert Folder.all_of("mine") == [folder, other]
    assert Folder.all_of("another") == [Folder.of("another")]


# What others may read.


def test_nobody_else_can_read_what_lies_there(folder: Folder) -> None:
    folder.publish(record())
    folder.write(folder.key_file, "secret")
    with folder.joining(patience=0):
        pass

    assert rights(folder.path) == 0o700
    assert {rights(file) for file in folder.path.iterdir()} == {0o600}


def test_rights_that_were_too_wide_are_narrowed(folder: Folder) -> None:
    folder.path.chmod(0o755)
    folder.join_lock.touch(0o644)

    folder.make()
    with folder.joining(patience=0):
        pass

    assert rights(folder.path) == 0o700
    assert rights(folder.join_lock) == 0o600


# The record.


def test_a_record_is_read_as_it_was_published(folder: Folder) -> None:
    published = record()

    folder.publish(published)

    assert folder.read() == published


def test_a_record_that_cannot_be_read_counts_as_none(folder: Folder) -> None:
    before = folder.read()
    folder.record_file.write_text('{"id": "of another version"}')

    assert before is None
    assert folder.read() is None


def test_a_withdrawn_cluster_has_neither_record_nor_credentials(folder: Folder) -> None:
    folder.publish(record())
    folder.write(folder.key_file, "secret")

    folder.withdraw()
    folder.withdraw()

    assert list(folder.path.iterdir()) == []


def test_the_tail_is_the_end_of_the_log(folder: Folder) -> None:
    before = folder.tail()
    folder.log_file.write_bytes(b"first\nsecond\n\xff third\n")

    assert before == ""
    assert folder.tail(lines=2) == "second\n\ufffd third"


# The running lock.


def test_a_cluster_runs_as_long_as_the_lock_is_held(folder: Folder) -> None:
    before = folder.is_running()

    lock = folder.take_running(MINE, patience=0)
    assert lock is not None
    during, names = folder.is_running(), Folder.names()
    os.close(lock)

    assert (before, during, folder.is_running()) == (False, True, False)
    assert names == ["mine"]
    assert Folder.names() == []


def test_the_holder_is_known_also_after_its_end(folder: Folder) -> None:
    before = folder.holder()
    lock = folder.take_running(Holder(id="a longer name than the next", pid=1, group=1), 0)
    assert lock is not None

    folder.sign(lock, MINE)
    os.close(lock)

    assert before is None
    assert folder.holder() == MINE


def test_the_lock_of_a_killed_daemon_is_free(folder: Folder) -> None:
    with holding(folder.running_lock) as process:
        during = folder.is_running()
        process.kill()
    assert process.stdout is not None

    assert during
    assert not folder.is_running()


def test_a_lock_that_another_daemon_holds_is_not_taken(folder: Folder) -> None:
    with holding(folder.running_lock) as process:
        patient = folder.take_running(MINE, patience=0.05)
        folder.publish(record())
        began = time.monotonic()
        at_once = folder.take_running(MINE, patience=60)
        waited = time.monotonic() - began
        process.communicate()

    assert patient is None
    assert at_once is None
    assert waited < 30


# Joining.


def test_only_one_joins_at_a_time(folder: Folder) -> None:
    with holding(folder.join_lock) as process:
        with pytest.raises(ClusterError, match="Somebody else is starting or stopping"):
            folder.joining(patience=0.05).__enter__()
        process.communicate()

    with folder.joining(patience=0):
        pass


def test_the_last_join_is_remembered(folder: Folder) -> None:
    with folder.joining(patience=0):
        os.utime(folder.join_lock, (0, 0))
        long_ago = folder.since_joined()
        folder.touch()

    assert long_ago > 1e9
    assert folder.since_joined() < 60
