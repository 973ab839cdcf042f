"""The processes of a cluster: only its own are ended, all of them are."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from parrot_async.cluster.folder import Folder, Holder
from parrot_async.cluster.parent_watch import MARK
from parrot_async.cluster.processes import members, stop, sweep
from parrot_async.runner.process_search import OUTLIVES

SLEEP = "import sys; print('up', flush=True); sys.stdin.read()"
DAEMON = """
import fcntl, os, signal, sys
if sys.argv[2] == "deaf":
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
file = open(sys.argv[1], "r+")
fcntl.flock(file, fcntl.LOCK_EX)
print("up", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Folder:
    monkeypatch.setenv("PARROT_HOME", str(tmp_path))
    folder = Folder.of("mine")
    folder.make()
    return folder


@contextmanager
def process(*arguments: str, mark: str) -> Iterator[subprocess.Popen[bytes]]:
    """A process in a group of its own, up and running; killed at the end."""
    found = subprocess.Popen(
        [sys.executable, "-c", *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, MARK: mark},
        start_new_session=True,
    )
    with found:
        assert found.stdout is not None
        assert found.stdout.readline() == b"up\n"
        yield found
        found.kill()


@contextmanager
def daemon(folder: Folder, kind: str) -> Iterator[subprocess.Popen[bytes]]:
    """A process that holds the running lock."""
    folder.running_lock.touch()
    with process(DAEMON, str(folder.running_lock), kind, mark="mine") as found:
        text = Holder(id="mine", pid=found.pid, group=found.pid).model_dump_json()
        folder.running_lock.write_text(text)
        yield found


def test_members_have_the_mark_whatever_their_group_is() -> None:
    with process(SLEEP, mark="mine") as one, process(SLEEP, mark="other") as other:
        own = [p.pid for p in members(Holder(id="mine", pid=1, group=one.pid))]
        of_another_group = [p.pid for p in members(Holder(id="mine", pid=1, group=other.pid))]

    assert own == [one.pid]
    assert of_another_group == [one.pid]


def test_what_is_to_outlive_the_cluster_is_no_member(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(OUTLIVES, "1")
    with process(SLEEP, mark="mine") as one:
        found = list(members(Holder(id="mine", pid=1, group=one.pid)))

    assert found == []


def test_the_daemon_is_a_member_though_it_outlives_the_job_that_starts_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv(OUTLIVES, "1")
    with process(SLEEP, mark="mine") as one:
        found = [p.pid for p in members(Holder(id="mine", pid=one.pid, group=one.pid))]

    assert found == [one.pid]


def test_a_daemon_gets_a_chance_to_end_by_itself(folder: Folder) -> None:
    with daemon(folder, "obedient") as running:
        stop(folder, grace=10)
        status = running.wait(10)

    assert status == -signal.SIGTERM
    assert not folder.is_running()


def test_a_daemon_that_does_not_end_is_killed(folder: Folder) -> None:
    with daemon(folder, "deaf") as running:
        stop(folder, grace=0.2)
        status = running.wait(10)

    assert status == -signal.SIGKILL


def test_the_pid_of_a_dead_daemon_is_nobodys_to_kill(folder: Folder) -> None:
    with process(SLEEP, mark="other") as innocent:
        folder.running_lock.write_text(
            Holder(id="mine", pid=innocent.pid, group=innocent.pid).model_dump_json()
        )

        stop(folder, grace=0.2)
        sweep(folder)

        assert innocent.poll() is None


def test_what_a_dead_daemon_left_is_removed(folder: Folder) -> None:
    with process(SLEEP, mark="mine") as worker:
        folder.running_lock.write_text(
            Holder(id="mine", pid=2**22 + 1, group=worker.pid).model_dump_json()
        )
        folder.record_file.write_text("{}")
        folder.write(folder.key_file, "secret")

        sweep(folder)

        assert worker.wait(10) == -signal.SIGKILL
    assert not folder.record_file.exists()
    assert not folder.key_file.exists()


def test_nothing_of_a_running_cluster_is_swept(folder: Folder) -> None:
    with daemon(folder, "obedient") as running:
        folder.record_file.write_text("{}")

        sweep(folder)

        assert running.poll() is None
        assert folder.record_file.exists()


def test_where_no_cluster_ever_was_there_is_nothing_to_do(folder: Folder) -> None:
    stop(folder, grace=0.0)
    sweep(folder)

    assert folder.holder() is None
