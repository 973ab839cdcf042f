"""The processes of an attempt, known also where nothing of them tells whose they are."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from parrot_async.runner.job_processes import JobProcesses
from tests.processes import living, new_sign

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="there is no such file elsewhere")


@pytest.fixture
def ours() -> Iterator[JobProcesses]:
    processes = JobProcesses(new_sign(), 1)
    yield processes
    for process in processes.find():
        process.kill()


def test_a_process_without_environment_and_parents_is_found_by_the_file(
    ours: JobProcesses,
) -> None:
    sign, files = new_sign(), [ours.file or 0]

    subprocess.run(["sh", "-c", f"setsid env -i sleep {sign} & exit 0"], pass_fds=files, check=True)

    assert ours.find() == living(sign)


def open_files() -> set[str]:
    descriptors = [each for each in Path("/proc/self/fd").iterdir() if each.is_symlink()]
    return {str(each.readlink()) for each in descriptors}


def test_the_file_of_an_attempt_is_closed_with_it() -> None:
    before = open_files()
    processes = JobProcesses("a", 1)
    assert processes.file is not None
    (opened,) = open_files() - before

    del processes

    assert "a.1" in opened
    assert opened not in open_files()


def test_a_fork_keeps_only_the_file_of_its_own_attempt(ours: JobProcesses) -> None:
    other = JobProcesses("other", 1)
    files = (ours.file or 0, other.file or 0)

    pid = os.fork()
    if not pid:
        JobProcesses.enter_fork(ours)
        there = [Path(f"/proc/self/fd/{file}").is_symlink() for file in files]
        os._exit(there != [True, False])

    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    assert Path(f"/proc/self/fd/{files[1]}").is_symlink()


def test_a_process_carries_the_mark_beside_what_it_was_given(ours: JobProcesses) -> None:
    assert ours.environment({"A": "b"}) == {"A": "b", "PARROT_ATTEMPT": ours.mark}
