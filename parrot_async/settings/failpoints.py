"""Failpoints: named points of a job's way, at which a process dies, raises or waits on purpose.

`$PARROT_FAULTS` arms faults when a process starts, `arm` and `faults` arm them later. A fault is
written `point:pass:action`, with `;` between two of them. The action happens once in each process,
when it passes the point for the given time:

    started:3:kill                  kill -9 of the process in which a third attempt starts
    ending:1:raise=StoreFullError   raise an error of parrot_async, or of Python
    accepted:2:delay=1.5            sleep for so many seconds
    sent:1:clock=-3600              have the process's wall clock jump by so many seconds

`traps=FOLDER` holds one process at each point for which FOLDER has a file of the point's name. The
file says at which pass, as `3`. When a process is held, the file is gone, and another one, with the
suffix `.caught`, has the number of the process, which goes on when that file is removed. With
`3:raise=OSError` the process is not held, but does that; with `3:clock=3600` it does that first.
"""

import builtins
import os
import re
import signal
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Final, NamedTuple

from parrot_async import errors
from parrot_async.errors import OptionsError

VARIABLE: Final = "PARROT_FAULTS"

POINTS: Final = {
    "accepting": "in the service, before a submission is committed to the store",
    "accepted": "in the service, after that, before the client is told",
    "acknowledged": "in the client, when it was told, before `submit` returns",
    "sent": "in the service, when attempts have been given to a worker",
    "started": "in the worker, before a job's body runs",
    "result_written": "in the worker, after the body, before its end is told to the service",
    "reporting": "in the worker, before a message of events goes to the service",
    "ending": "in the service, before ends of jobs are committed to the store",
    "ended": "in the service, after that, before clients and parents are told",
    "child_done": "in the worker of a parent, when it was told of a child's end",
}
"""Where a fault may happen, in the order of a job's way."""

CAUGHT: Final = ".caught"

_FAULT: Final = re.compile(
    r"(\w+):([1-9]\d*):(?:kill|raise=(\w+)|delay=(\d+(?:\.\d+)?)|clock=(-?\d+))"
)
_POLL: Final = 0.002


class _Fault(NamedTuple):
    point: str
    number: int
    happen: Callable[[], None]


_faults: list[_Fault] = []
_traps: list[Path] = []
_passed: Counter[str] = Counter()
_counting = threading.Lock()
armed = False
"""Whether any fault is; where every call counts, look at it before `reach`."""


def reach(point: str) -> None:
    """Note that the process is at this point; costs next to nothing where nothing is armed."""
    if armed:
        _passes(point)


def arm(text: str) -> None:
    """Arm these faults and no others; raises OptionsError, and changes nothing, for a wrong one."""
    global armed  # noqa: PLW0603 - a plain name is the cheapest thing to look at
    parts = [part.strip() for part in text.split(";") if part.strip()]
    traps = [Path(part.removeprefix("traps=")) for part in parts if part.startswith("traps=")]
    found = [_fault(part) for part in parts if not part.startswith("traps=")]
    _faults[:], _traps[:] = found, traps
    _passed.clear()
    armed = bool(parts)


@contextmanager
def faults(text: str) -> Iterator[None]:
    """Arm faults in this process, and in no other, for one block of a test.

    `with faults("ending:1:raise=StoreFullError"): ...`; the docstring of
    `parrot_async.settings.failpoints` says how they are written, and POINTS where they may happen.
    """
    arm(text)
    try:
        yield
    finally:
        arm("")


def _passes(point: str) -> None:
    number = _count(point)
    for folder in _traps:
        _enter(folder / point)
    for fault in _faults:
        if (fault.point, fault.number) == (point, number):
            fault.happen()


def _count(what: str) -> int:
    with _counting:
        _passed[what] += 1
        return _passed[what]


def _enter(trap: Path) -> None:
    """Wait in a trap that is set for this pass; of many processes, one is caught."""
    with suppress(FileNotFoundError):
        number, _, action = trap.read_text().partition(":")
        wanted = int(number or 1)
        # A trap that is set again counts anew: its time of change is part of the name.
        if _count(f"{trap}:{trap.stat().st_mtime_ns}") == wanted:
            trap.unlink()
            caught = trap.with_name(trap.name + CAUGHT)
            _tell(caught)
            if action:
                _fault(f"{trap.name}:1:{action}").happen()
            _hold(caught)


def _tell(caught: Path) -> None:
    draft = caught.with_suffix(".draft")
    draft.write_text(str(os.getpid()))
    draft.replace(caught)


def _hold(caught: Path) -> None:
    while caught.exists():
        time.sleep(_POLL)


def _fault(text: str) -> _Fault:
    """Return the fault that is written so; raises OptionsError where it is none."""
    match = _FAULT.fullmatch(text)
    if match is None or match[1] not in POINTS:
        raise OptionsError(
            f"{text!r} is no fault: write `started:1:kill`, `started:1:raise=OSError`,"
            " `started:1:delay=1.5` or `started:1:clock=-3600`,"
            f" with one of these points: {', '.join(POINTS)}"
        )
    return _Fault(match[1], int(match[2]), _action(match[3], match[4], match[5]))


def _action(error: str | None, seconds: str | None, jump: str | None) -> Callable[[], None]:
    if error is not None:
        return partial(_raise, _error_type(error))
    if seconds is not None:
        return partial(time.sleep, float(seconds))
    if jump is not None:
        return partial(_jump, int(jump))
    return _die


def _die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def _jump(seconds: int) -> None:
    """Have `time.time` be wrong by so much more, also where modules have imported it by name."""
    right = time.time

    def wrong() -> float:
        return right() + seconds

    for module in list(sys.modules.values()):
        names = getattr(module, "__dict__", {}).items()  # there may be None, or anything else
        for name in [name for name, value in names if value is right]:
            setattr(module, name, wrong)


def _raise(kind: type[Exception]) -> None:
    raise kind("a fault on purpose")


def _error_type(name: str) -> type[Exception]:
    found = getattr(errors, name, getattr(builtins, name, None))
    if isinstance(found, type) and issubclass(found, Exception):
        return found
    raise OptionsError(f"{name!r} is no error of parrot_async or of Python")


arm(os.environ.get(VARIABLE, ""))
