"""Faults happen at their point, at their pass, and not otherwise."""

import os
import re
import signal
import subprocess
import sys
import time
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from threading import Thread

import pytest

from parrot_async.errors import OptionsError, StoreFullError
from parrot_async.settings.failpoints import POINTS, VARIABLE, arm, faults, reach

PACKAGE = Path(__file__).parents[3] / "parrot_async"
PASSES = "from parrot_async.settings.failpoints import reach; reach('started'); print('still here')"


@pytest.fixture(autouse=True)
def _disarmed() -> Iterator[None]:
    yield
    arm("")


def test_nothing_happens_where_nothing_is_armed() -> None:
    for point in POINTS:
        reach(point)


def test_an_error_is_raised_at_the_pass_that_was_named_and_only_there() -> None:
    arm("started:2:raise=StoreFullError; ended:1:raise=OSError")

    reach("started")
    with pytest.raises(StoreFullError, match="on purpose"):
        reach("started")
    reach("started")
    with pytest.raises(OSError, match="on purpose"):
        reach("ended")


def test_a_delay_takes_its_time() -> None:
    arm("sent:1:delay=0.05")
    began = time.monotonic()

    reach("sent")

    assert time.monotonic() - began >= 0.05


def test_a_clock_jumps_in_its_own_process_wherever_it_was_imported() -> None:
    code = (
        "from time import time; from parrot_async.settings.failpoints import reach; import sys;"
        " import time as module; before = time(); reach('sent');"
        " print(round(time() - before), round(module.time() - before))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, VARIABLE: "sent:1:clock=-3600"},
        capture_output=True,
        check=True,
    )

    assert done.stdout.split() == [b"-3600", b"-3600"]


def test_arming_again_begins_anew() -> None:
    arm("started:2:raise=OSError")
    reach("started")
    arm("started:2:raise=OSError")

    reach("started")
    with pytest.raises(OSError, match="on purpose"):
        reach("started")


def test_faults_of_a_block_end_with_it_whatever_it_raises() -> None:
    with pytest.raises(OSError, match="on purpose"), faults("started:1:raise=OSError"):
        reach("started")

    with faults("ended:2:raise=OSError"):
        reach("ended")
    reach("ended")


@pytest.mark.parametrize(
    "fault",
    [
        "nowhere:1:kill",
        "started:0:kill",
        "started:kill",
        "started:1:explode",
        "started:1:delay=soon",
        "started:1:clock=now",
        "started:1:raise=NoError",
        "started:1:raise=KeyboardInterrupt",
        "started:1:raise=print",
    ],
)
def test_what_is_no_fault_is_refused_and_arms_nothing(fault: str) -> None:
    arm("")

    with pytest.raises(OptionsError):
        arm(f"ended:1:raise=OSError;{fault}")

    reach("ended")


@pytest.mark.parametrize(
    ("fault", "status"), [("started:1:kill", -signal.SIGKILL), ("started:2:kill", 0), ("", 0)]
)
def test_the_environment_arms_a_process(fault: str, status: int) -> None:
    done = subprocess.run(
        [sys.executable, "-c", PASSES],
        env={**os.environ, VARIABLE: fault},
        capture_output=True,
        check=False,
    )

    assert done.returncode == status


def test_a_trap_holds_who_passes_until_it_is_let_go(tmp_path: Path) -> None:
    arm(f"traps={tmp_path}")
    reach("started")
    (tmp_path / "started").write_text("2")
    walker = Thread(target=lambda: deque(map(reach, ["started"] * 3)))
    caught = tmp_path / "started.caught"

    walker.start()
    while not caught.exists():
        time.sleep(0.001)
    walker.join(0.05)
    held, name = walker.is_alive(), caught.read_text()
    caught.unlink()
    walker.join()

    assert held
    assert name == str(os.getpid())
    assert list(tmp_path.iterdir()) == []


def test_every_point_is_on_the_way_of_a_job() -> None:
    code = "".join(path.read_text("utf-8") for path in PACKAGE.rglob("*.py"))

    called = set(
        re.findall(r'"(\w+)"', "".join(re.findall(r"\b_?reach(?:_commit)?\((.*)\)", code)))
    )
    assert called == set(POINTS)
