"""What a job changes in its process: put back after it, unless others may count on it."""

import gc
import logging
import os
import signal
import sys
from collections.abc import Callable, Iterator
from io import StringIO
from pathlib import Path

import pytest

from parrot_async.runner.execution import Execution
from parrot_async.runner.host import ExecutionHost
from parrot_async.runner.leftovers import Leftovers
from parrot_async.runner.output import Output
from parrot_async.runner.slots import Slots
from tests.unit.runner.attempts import BareRunner


def umask() -> int:
    found = os.umask(0o077)
    os.umask(found)
    return found


def state() -> tuple[object, ...]:
    """All that is put back."""
    disabled = logging.root.manager.disable
    return Path.cwd(), umask(), sys.getrecursionlimit(), disabled, sys.stdout


@pytest.fixture
def output() -> Iterator[Output]:
    output = Output(lambda _, __: None)
    output.install()
    yield output
    output.remove()


@pytest.fixture
def slots() -> Slots[Execution]:
    return Slots(2, lambda _: None)


Begin = Callable[[], Leftovers]


@pytest.fixture
def make(output: Output, slots: Slots[Execution]) -> Begin:
    """Notes how the process is, in the test itself, which has streams of its own."""

    def make() -> Leftovers:
        output.renew()
        return Leftovers(output, slots)

    return make


def host(name: str, slots: Slots[Execution]) -> ExecutionHost:
    """A job that has a slot."""
    made = ExecutionHost(BareRunner(), name, 1, None)
    made.has_slot = slots.request() is None
    return made


CHANGES: list[Callable[[], object]] = [
    lambda: os.chdir("/"),
    lambda: os.umask(0),
    lambda: sys.setrecursionlimit(5000),
    lambda: sys.setrecursionlimit(200),
    lambda: logging.disable(logging.CRITICAL),
    lambda: setattr(sys, "stdout", StringIO()),
    lambda: setattr(sys, "stdout", None),
]


@pytest.mark.parametrize("change", CHANGES)
def test_what_a_lone_job_changes_is_put_back(
    change: Callable[[], object], make: Begin, slots: Slots[Execution]
) -> None:
    leftovers = make()
    before = state()
    job = host("a", slots)

    leftovers.begin(job)
    change()
    leftovers.end(job.context)

    assert state() == before


def test_an_alarm_that_a_job_leaves_is_turned_off(make: Begin, slots: Slots[Execution]) -> None:
    ours = signal.setitimer(signal.ITIMER_REAL, 0)
    leftovers = make()
    job = host("a", slots)

    leftovers.begin(job)
    signal.alarm(3600)
    leftovers.end(job.context)
    left = signal.getitimer(signal.ITIMER_REAL)
    signal.setitimer(signal.ITIMER_REAL, *ours)

    assert left == (0.0, 0.0)


def test_the_garbage_collector_is_on_again_though_others_run(
    make: Begin, slots: Slots[Execution]
) -> None:
    leftovers = make()
    job, other = host("a", slots), host("b", slots)
    leftovers.begin(other)

    leftovers.begin(job)
    gc.disable()
    leftovers.end(job.context)

    assert gc.isenabled()


def test_a_trace_that_a_job_leaves_is_removed(make: Begin, slots: Slots[Execution]) -> None:
    leftovers = make()
    job = host("a", slots)

    leftovers.begin(job)
    sys.settrace(lambda *_: None)
    sys.setprofile(lambda *_: None)
    leftovers.end(job.context)

    assert sys.gettrace() is sys.getprofile() is None


def test_a_folder_that_is_gone_is_left(
    make: Begin, slots: Slots[Execution], tmp_path: Path
) -> None:
    leftovers = make()
    before = Path.cwd()
    job = host("a", slots)
    (tmp_path / "gone").mkdir()

    leftovers.begin(job)
    os.chdir(tmp_path / "gone")
    (tmp_path / "gone").rmdir()
    leftovers.end(job.context)

    assert Path.cwd() == before


def test_a_job_keeps_its_folder_while_another_ends(make: Begin, slots: Slots[Execution]) -> None:
    leftovers = make()
    before = Path.cwd()
    first, second = host("a", slots), host("b", slots)

    leftovers.begin(first)
    os.chdir("/")
    leftovers.begin(second)
    leftovers.end(second.context)
    kept = Path.cwd()
    second.give_up_slot()
    slots.free()
    leftovers.end(first.context)

    assert (kept, Path.cwd()) == (Path("/"), before)


def test_a_child_puts_back_what_its_waiting_parent_had(
    make: Begin, slots: Slots[Execution], tmp_path: Path
) -> None:
    leftovers = make()
    before = Path.cwd()
    parent = host("a", slots)

    leftovers.begin(parent)
    os.chdir(tmp_path)
    slots.free()
    child = host("a.0", slots)
    leftovers.begin(child)
    os.chdir("/")
    leftovers.end(child.context)
    found = Path.cwd()
    leftovers.end(parent.context)

    assert (found, Path.cwd()) == (tmp_path, before)


def test_a_process_that_is_not_the_jobs_own_is_left_alone(
    output: Output, slots: Slots[Execution]
) -> None:
    leftovers = Leftovers(output, slots, puts_back=False)
    before = Path.cwd()
    job = host("a", slots)

    leftovers.begin(job)
    os.chdir("/")
    leftovers.end(job.context)
    after = Path.cwd()
    os.chdir(before)

    assert after == Path("/")
