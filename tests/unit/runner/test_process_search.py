"""Which processes jobs have started: by what they carry, and by who is above them."""

import os
import subprocess
import sys
from collections.abc import Iterator

import psutil
import pytest

from parrot_async.runner.process_search import (
    ATTEMPT,
    OUTLIVES,
    WORKER,
    environment,
    is_alive,
    left_by,
    marked,
    open_mark,
    with_all_below,
    worker_mark,
)
from tests.processes import living, new_sign

GONE = 2**22 + 1
"""A number that no process has."""


@pytest.fixture
def started() -> Iterator[list[subprocess.Popen[bytes]]]:
    """Processes that are killed at the end."""
    found: list[subprocess.Popen[bytes]] = []
    yield found
    for process in found:
        process.kill()
        process.wait()
        if process.stdout is not None:
            process.stdout.close()


def pids(processes: list[psutil.Process]) -> set[int]:
    return {process.pid for process in processes}


def test_a_worker_has_one_mark_that_no_other_process_has() -> None:
    mark = worker_mark(os.getpid())

    assert mark == worker_mark(os.getpid())
    assert mark != worker_mark(os.getppid())
    assert worker_mark(GONE) == ""


def test_what_carries_a_variable_is_found_with_all_below_it(
    started: list[subprocess.Popen[bytes]],
) -> None:
    sign = new_sign()
    script = f"env -i sleep {sign} & echo $!; wait"
    process = subprocess.Popen(
        ["sh", "-c", script], env={**os.environ, ATTEMPT: sign}, stdout=subprocess.PIPE
    )
    started.append(process)
    assert process.stdout is not None
    child = int(process.stdout.readline())

    found = marked(ATTEMPT, sign)

    assert pids(found) - {child} == {process.pid}  # before `env` runs, the child carries it too
    assert pids(with_all_below(found)) == {process.pid, child}
    psutil.Process(child).kill()


def test_what_is_to_outlive_its_worker_is_left_out_with_all_below(
    started: list[subprocess.Popen[bytes]],
) -> None:
    sign = new_sign()
    env = {**os.environ, WORKER: sign, OUTLIVES: "1"}
    process = subprocess.Popen(["sh", "-c", f"env -u {OUTLIVES} sleep {sign}"], env=env)
    started.append(process)

    assert with_all_below([psutil.Process(process.pid)]) == []
    for left in living(sign):
        left.kill()


def test_what_a_worker_left_is_known_by_its_variable(
    started: list[subprocess.Popen[bytes]],
) -> None:
    sign = new_sign()
    started.append(subprocess.Popen(["sleep", sign], env={**os.environ, WORKER: sign}))

    assert pids(left_by(sign)) == {started[0].pid}
    assert left_by(sign, started[0].pid) == []  # the worker itself


@pytest.mark.skipif(sys.platform != "linux", reason="there is no such file elsewhere")
def test_what_a_worker_forked_is_known_by_the_file_that_it_inherited(
    started: list[subprocess.Popen[bytes]],
) -> None:
    sign = new_sign()
    mark = open_mark(WORKER, sign)
    assert mark is not None
    started.append(subprocess.Popen(["sleep", sign], pass_fds=[mark]))
    os.close(mark)

    assert pids(left_by(sign)) == {started[0].pid}


def test_a_process_that_is_gone_carries_nothing_and_does_not_live() -> None:
    with subprocess.Popen(["sleep", "0"]) as child:
        process = psutil.Process(child.pid)

    assert not is_alive(process)
    assert environment(process) == {}


def test_a_later_process_of_the_same_number_is_another_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    process = psutil.Process(os.getppid())
    monkeypatch.setattr(process, "_ident", (process.pid, 1.0))

    assert not is_alive(process)
