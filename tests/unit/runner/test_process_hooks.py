"""The processes that a job starts are noted, by each of Python's ways to start one."""

import multiprocessing
import os
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import suppress

import psutil
import pytest

from parrot_async.jobs.context import current_context
from parrot_async.runner.host import ExecutionHost
from parrot_async.runner.process_hooks import ProcessHooks, _status_of
from parrot_async.runner.process_search import ATTEMPT
from tests.processes import living, new_sign
from tests.unit.runner.attempts import BareRunner

UNTIL = 10.0


@pytest.fixture
def host() -> Iterator[ExecutionHost]:
    """The host of a job that this code runs in; what it started is ended afterwards."""
    host = ExecutionHost(BareRunner(), new_sign(), 1, None)
    token = current_context.set(host.context)
    ProcessHooks.install()
    yield host
    ProcessHooks.remove()
    current_context.reset(token)
    host.end_processes()


def fork(sign: str) -> None:
    if os.fork() == 0:
        os.execlp("sleep", "sleep", sign)  # noqa: S606 - that is the case


def spawn(sign: str) -> None:
    os.posix_spawn("/bin/sleep", ["sleep", sign], {})


def popen(sign: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(["sleep", sign])


def popen_without_environment(sign: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(["/bin/sleep", sign], env={})


def process(sign: str) -> None:
    multiprocessing.get_context("spawn").Process(
        target=subprocess.run, args=(["sleep", sign],)
    ).start()


def is_gone(sign: str) -> bool:
    until = time.monotonic() + UNTIL
    while living(sign) and time.monotonic() < until:
        time.sleep(0.01)
    return not living(sign)


STARTS = [fork, spawn, popen, popen_without_environment, process]


@pytest.mark.parametrize("start", STARTS, ids=lambda start: start.__name__)
def test_what_a_job_starts_is_known_and_ends_with_it(
    host: ExecutionHost, start: Callable[[str], subprocess.Popen[bytes] | None]
) -> None:
    sign = new_sign()

    child = start(sign)
    until = time.monotonic() + UNTIL
    while not living(sign) and time.monotonic() < until:
        time.sleep(0.01)
    known = {found.pid for found in host.processes.find()}

    assert known & {found.pid for found in living(sign)}
    host.end_processes()
    assert is_gone(sign)
    if child is not None:
        child.wait(10)


def test_what_is_started_after_the_end_is_ended_at_once(host: ExecutionHost) -> None:
    sign = new_sign()
    host.end_processes()

    child = popen(sign)

    assert is_gone(sign)
    child.wait(10)


def test_a_process_carries_the_mark_of_its_attempt_beside_its_own_environment(
    host: ExecutionHost,
) -> None:
    shown = subprocess.run(
        ["/bin/sh", "-c", f"echo $MINE ${ATTEMPT}"],
        env={"MINE": "1"},
        capture_output=True,
        text=True,
        check=True,
    )

    assert shown.stdout == f"1 {host.id}.1\n"


def test_the_exit_status_of_what_was_ended_is_still_its_starters_to_read(
    host: ExecutionHost,
) -> None:
    child = subprocess.Popen(["sleep", new_sign()])

    host.end_processes()

    assert child.wait(10) < 0


def test_without_a_job_nothing_is_noted() -> None:
    ProcessHooks.install()
    done = subprocess.run(["/bin/sh", "-c", f"echo ${ATTEMPT}"], capture_output=True, check=True)
    ProcessHooks.remove()

    assert done.stdout == b"\n"


def test_the_last_runner_to_leave_restores_pythons_own_functions() -> None:
    before = os.fork, subprocess.Popen.__init__

    ProcessHooks.install()
    ProcessHooks.install()
    ProcessHooks.remove()
    between = os.fork
    ProcessHooks.remove()

    assert between is not before[0]
    assert (os.fork, subprocess.Popen.__init__) == before


@pytest.mark.parametrize(
    ("error", "status"),
    [(None, 0), (SystemExit(), 0), (SystemExit(7), 7), (SystemExit("no"), 1), (ValueError(), 1)],
)
def test_a_forked_process_ends_as_python_would_end_it(
    error: BaseException | None, status: int
) -> None:
    assert _status_of(error) == status


def test_many_processes_that_have_ended_are_forgotten(host: ExecutionHost) -> None:
    for _ in range(130):
        subprocess.run(["true"], check=True)

    with suppress(psutil.Error):
        assert len(host.processes._known) < 70
