"""The cluster seen from outside, where none runs, or none can."""

import asyncio
import os
import stat
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from parrot_async.cluster import local
from parrot_async.cluster.folder import ClusterRecord, Folder, Holder
from parrot_async.cluster.local import ClusterStatus, down, down_all, ensure, running, status
from parrot_async.cluster.pools import Pools
from parrot_async.errors import ClusterError, OptionsError
from parrot_async.settings.places import data_home


@pytest.fixture(autouse=True)
def _home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("PARROT_STORE", "PARROT_RESULTS", "PARROT_IDLE_TIMEOUT"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PARROT_HOME", str(tmp_path / "home"))


@pytest.fixture
def folder() -> Folder:
    folder = Folder.of("mine")
    folder.make()
    return folder


@pytest.fixture
def held(folder: Folder) -> Iterator[Folder]:
    """The folder of a cluster that runs, as far as its lock tells."""
    lock = folder.take_running(Holder(id="one", pid=os.getpid(), group=1), patience=0)
    assert lock is not None
    yield folder
    os.close(lock)


def published(folder: Folder) -> ClusterRecord:
    record = ClusterRecord(
        id="one",
        address="tls://127.0.0.1:1",
        pid=1,
        started=datetime.now(UTC),
        version="0",
        pools=Pools(cpu=1),
        idle_timeout=60.0,
    )
    folder.publish(record)
    return record


def python_that(script: str, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Start daemons with another Python, which does this."""
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setattr(sys, "executable", str(path))


async def test_where_no_cluster_was_ever_started_nothing_runs_and_nothing_is_made() -> None:
    assert await status("mine") is None
    assert await running("mine") == []
    assert await down("mine") is False
    assert await down_all("mine") == 0
    assert not data_home().exists()


async def test_a_record_of_a_dead_cluster_counts_as_none(folder: Folder) -> None:
    await asyncio.to_thread(published, folder)

    assert await status("mine") is None
    assert await running("mine") == []


async def test_down_removes_what_a_dead_cluster_left(folder: Folder) -> None:
    await asyncio.to_thread(published, folder)
    folder.running_lock.write_text(Holder(id="one", pid=2**22 + 1, group=1).model_dump_json())

    ran = await down("mine")

    assert not ran
    assert not folder.record_file.exists()


async def test_a_cluster_that_starts_has_no_status_yet(held: Folder) -> None:
    assert held.is_running()
    assert await status("mine") is None


async def test_a_cluster_that_does_not_answer_is_an_error_that_says_what_to_do(
    held: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(local, "_ANSWER_PATIENCE", 0.05)
    await asyncio.to_thread(published, held)
    held.log_file.write_text("the last words\n")

    with pytest.raises(ClusterError, match="does not answer") as caught:
        await ensure("mine")

    assert "parrot-async down" in str(caught.value)
    assert "the last words" in str(caught.value)


async def test_a_daemon_that_fails_is_an_error_with_its_last_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    python_that("echo no module named parrot >&2; exit 1", tmp_path / "python", monkeypatch)

    with pytest.raises(ClusterError, match="did not start") as caught:
        await ensure("mine", Pools(cpu=1))

    assert "no module named parrot" in str(caught.value)


async def test_a_daemon_that_forks_and_dies_is_an_error_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    python_that("exit 0", tmp_path / "python", monkeypatch)

    with pytest.raises(ClusterError, match="did not start"):
        await ensure("mine", Pools(cpu=1))


async def test_a_daemon_gets_the_stores_place_and_no_argument_shows_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    python_that('echo "$@"; echo "in $PARROT_STORE"; exit 1', tmp_path / "python", monkeypatch)
    store = "postgresql://me:secret@host/jobs"

    with pytest.raises(ClusterError):
        await ensure("mine", Pools(cpu=1), store=store)

    folder = await asyncio.to_thread(Folder.of, "mine", store)
    *_, arguments, place = folder.log_file.read_text().splitlines()
    assert place == f"in {store}"
    assert "secret" not in arguments


async def test_the_log_of_the_cluster_before_is_kept(
    folder: Folder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder.log_file.write_text("before")
    python_that("exit 1", tmp_path / "python", monkeypatch)

    with pytest.raises(ClusterError):
        await ensure("mine", Pools(cpu=1))

    assert folder.log_file.with_suffix(".log.1").read_text() == "before"


@pytest.mark.parametrize("wrong", ["soon", "-1s"])
async def test_an_idle_timeout_that_is_none_is_refused_before_anything_is_made(
    wrong: str,
) -> None:
    with pytest.raises(OptionsError):
        await ensure("mine", idle_timeout=wrong)

    assert not data_home().exists()


async def test_the_idle_timeout_may_come_from_the_environment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PARROT_IDLE_TIMEOUT", "never")

    with pytest.raises(OptionsError, match="never"):
        await ensure("mine")


def test_a_status_leads_to_the_clusters_own_credentials(folder: Folder) -> None:
    found = ClusterStatus(record=published(folder), log_file=folder.log_file, workers={"cpu": 1})

    args = found.security().get_tls_config_for_role("client")

    assert args["key"] == str(folder.key_file)
