"""Who owns a tree: whether that process lives is known on its own machine only."""

import os
import subprocess
import sys

import psutil
import pytest

from parrot_async.service.custody.owner import lives, new_owner


def test_a_start_of_this_process_lives() -> None:
    assert lives(new_owner()) is True
    assert new_owner() != new_owner()


def test_a_process_that_was_killed_does_not_live_even_as_a_zombie() -> None:
    module = "parrot_async.service.custody.owner"
    code = f"from {module} import new_owner; print(new_owner(), flush=True); input()"
    command = [sys.executable, "-c", code]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        owner = process.stdout.readline().decode().strip()
        alive = lives(owner)
        process.kill()
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
        zombie = lives(owner)

    assert (alive, zombie, lives(owner)) == (True, False, False)


def test_a_number_that_is_used_again_is_another_process() -> None:
    machine, pid, started, token = new_owner().split(" ")

    assert lives(f"{machine} {pid} {int(started) - 60} {token}") is False


def test_a_process_lives_when_the_clock_was_set_after_its_start(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    owner = new_owner()
    started = psutil.Process().create_time()
    monkeypatch.setattr(psutil.Process, "create_time", lambda _: started + 3600)

    assert lives(owner) is True


def test_nothing_is_known_of_another_machine() -> None:
    assert lives(new_owner().replace("-", "x", 1)) is None
    assert lives("") is None
