"""The cluster's log stays short, whoever writes to it."""

import logging
import os
import subprocess
from pathlib import Path

import pytest

from parrot_async.cluster import log_file
from parrot_async.cluster.log_file import ALIKE, Repeats, older, turn_over


@pytest.fixture
def log(tmp_path: Path) -> Path:
    file = tmp_path / "cluster.log"
    file.write_text("first\n" + "x" * 2000 + "\nlast\n")
    return file


def test_a_short_log_stays(log: Path) -> None:
    assert not turn_over(log, 10_000)
    assert not older(log).exists()


def test_a_long_log_goes_on_in_the_same_file_and_its_end_is_kept(log: Path) -> None:
    with log.open("a") as held:
        turned = turn_over(log, 1000)
        subprocess.run(["sh", "-c", "echo native"], stdout=held, check=True)

    assert turned
    assert log.read_text().splitlines() == [f"(earlier lines: {older(log)})", "native"]
    assert older(log).read_text().endswith("x\nlast\n")
    assert older(log).stat().st_size == 1000
    assert older(log).stat().st_mode & 0o777 == 0o600


def test_a_log_whose_end_cannot_be_moved_is_cut_and_says_so(
    log: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, os.strerror(28))

    monkeypatch.setattr(log_file, "_copy", full)

    assert turn_over(log, 1000)
    assert "No space left" in log.read_text()


def test_a_link_in_place_of_the_log_is_not_followed(tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_text("x" * 2000)
    (tmp_path / "cluster.log").symlink_to(victim)

    with pytest.raises(OSError, match="symbolic"):
        turn_over(tmp_path / "cluster.log", 1000)

    assert len(victim.read_text()) == 2000


def lines_of(repeats: Repeats, name: str, count: int) -> list[str]:
    records = [
        logging.LogRecord(name, logging.WARNING, "tcp.py", 735, "from %d", (number,), None)
        for number in range(count)
    ]
    return [record.getMessage() for record in records if repeats.filter(record)]


def test_connections_of_garbage_are_counted_and_not_listed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    repeats = Repeats()

    written = lines_of(repeats, "distributed.comm.tcp", 3500)
    early = list(repeats.ended())
    monkeypatch.setattr(log_file, "WINDOW", 0.0)

    assert written == [f"from {number}" for number in range(ALIKE)]
    assert early == []
    assert list(repeats.ended()) == [f"{3500 - ALIKE} more in 0 s like: from 0"]
    assert list(repeats.ended()) == []


def test_what_the_cluster_says_of_itself_is_never_left_out() -> None:
    assert len(lines_of(Repeats(), "parrot_async.cluster", 100)) == 100
