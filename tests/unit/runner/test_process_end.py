"""Processes are told to end, killed where they stay, and looked for again."""

import logging
import signal
import subprocess
import sys
import time

import psutil
import pytest

from parrot_async.runner import process_end
from parrot_async.runner.process_end import end, run_aside
from parrot_async.runner.process_search import is_alive

DEAF = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print(); time.sleep(60)"


def test_a_process_that_heeds_its_signal_gets_no_other() -> None:
    with subprocess.Popen(["sleep", "60"]) as child:
        one = psutil.Process(child.pid)

        end(lambda: [one] if is_alive(one) else [])

        assert child.wait(10) == -signal.SIGTERM


def test_one_that_does_not_is_killed() -> None:
    with subprocess.Popen([sys.executable, "-c", DEAF], stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        child.stdout.readline()
        one = psutil.Process(child.pid)

        end(lambda: [one] if is_alive(one) else [], patience=0.1)

        assert child.wait(10) == -signal.SIGKILL


def test_what_is_started_meanwhile_is_ended_too() -> None:
    children = [subprocess.Popen(["sleep", "60"]) for _ in range(3)]
    rounds = iter(children)

    def find() -> list[psutil.Process]:
        return [psutil.Process(child.pid) for child in [next(rounds, None)] if child is not None]

    end(find)

    assert [child.wait(10) < 0 for child in children] == [True, True, True]


def test_what_cannot_be_ended_is_named_in_the_log(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(process_end, "_KILL_PATIENCE", 0.0)
    with subprocess.Popen(["sleep", "60"]) as child:
        one = psutil.Process(child.pid)

        with caplog.at_level(logging.WARNING):
            end(lambda: [one], patience=0.0)

    assert str(child.pid) in caplog.text


def test_nobody_waits_for_a_call_aside() -> None:
    begun = time.monotonic()

    thread = run_aside(lambda: time.sleep(0.2))

    assert time.monotonic() - begun < 0.2
    thread.join(10)
