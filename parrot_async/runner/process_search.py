"""The search for processes that jobs started: by what they carry, and by who is above them."""

import os
import sys
from collections import defaultdict
from collections.abc import Callable, Iterable
from functools import cache
from pathlib import Path
from typing import Final

import psutil

ATTEMPT: Final = "PARROT_ATTEMPT"
"""The variable of what a job starts: the id of the job and the number of the attempt."""
WORKER: Final = "PARROT_WORKER"
"""The variable of what a worker's jobs start: which worker that was."""
OUTLIVES: Final = "PARROT_OUTLIVES"
"""The variable of what is to live on after its job and its worker, with all below it."""

_PROC = Path("/proc")
_TRACKER = "resource_tracker import main"


def worker_mark(pid: int) -> str:
    """Return the name of a worker's process, which no other process ever has; "" if it is gone."""
    start = start_of(pid)
    return f"{_machine()}.{pid}.{start}" if start else ""


@cache
def _machine() -> str:
    """Return what tells the processes of this boot, and of this container, from others."""
    try:
        boot = (_PROC / "sys/kernel/random/boot_id").read_text()[:8]
        return f"{boot}.{(_PROC / 'self/ns/pid').readlink().name.strip('pid:[]')}"
    except OSError:  # no Linux
        return f"{psutil.boot_time():.0f}"


def start_of(pid: int) -> str:
    """Return when a process started, as the kernel counts it: no clock that is set changes it."""
    try:
        if (stat := _PROC / f"{pid}/stat").exists():
            return stat.read_text().rpartition(")")[2].split()[19]
        return f"{psutil.Process(pid).create_time():.2f}"  # no Linux
    except (OSError, psutil.Error):
        return ""


def open_mark(variable: str, value: str) -> int | None:
    """Open a file that processes inherit which fork, or clear their environment.

    The kernel shows the environment of a fork as it was at its parent's start. Returns the file's
    descriptor, or None where there is no such thing.
    """
    return os.memfd_create(_file_name(variable, value)) if sys.platform == "linux" else None


def _file_name(variable: str, value: str) -> str:
    return f"{variable}={value}"


def environment(process: psutil.Process) -> dict[str, str]:
    """Return a process's environment; empty where it is gone or somebody else's."""
    try:
        found: dict[str, str] = process.environ()
        return found
    except (psutil.Error, OSError):
        return {}


def is_alive(process: psutil.Process) -> bool:
    """Whether this very process still runs; a later one of the same number does not count."""
    try:
        return bool(process.is_running()) and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def _is_of_worker(mark: str) -> Callable[[psutil.Process], bool]:
    """Return whether a process was started, or forked, by the worker of this mark."""
    return _carries(WORKER, mark)


def _carries(variable: str, value: str) -> Callable[[psutil.Process], bool]:
    """Return whether a process has a variable of this value, or the file in its stead."""
    target = f"/memfd:{_file_name(variable, value)} (deleted)"
    return lambda process: (
        environment(process).get(variable) == value or _has_open(process.pid, target)
    )


def _has_open(pid: int, target: str) -> bool:
    try:
        files = os.scandir(_PROC / f"{pid}/fd")
    except OSError:
        return False
    with files:
        return any(_target_of(file.path) == target for file in files)


def _target_of(path: str) -> str:
    try:
        return os.readlink(path)  # noqa: PTH115 - a Path takes a multiple of the time
    except OSError:
        return ""


def left_by(mark: str, pid: int | None = None) -> list[psutil.Process]:
    """Return what the jobs of a worker started, and all below; not a worker of this `pid` itself.

    Such a worker lives, and what is below it counts whatever it carries.
    """
    is_ours = _is_of_worker(mark)
    roots = [each for each in psutil.process_iter() if is_ours(each) or _is_below(each, pid)]
    return with_all_below(root for root in roots if root.pid != pid)


def all_below_this() -> list[psutil.Process]:
    """Return all processes below this one."""
    return with_all_below(each for each in psutil.process_iter() if _is_below(each, os.getpid()))


def _is_below(process: psutil.Process, pid: int | None) -> bool:
    try:
        return pid is not None and process.ppid() == pid
    except psutil.Error:
        return False


def marked(name: str, value: str) -> list[psutil.Process]:
    """Return the processes with a variable of this value, or the file in its stead; not this one.

    This process has the files of all that it starts.
    """
    carries = _carries(name, value)
    others = (each for each in psutil.process_iter() if each.pid != os.getpid())
    return [each for each in others if carries(each)]


def with_all_below(roots: Iterable[psutil.Process]) -> list[psutil.Process]:
    """Return those of the processes that live, and all below them, except for this one.

    What is to outlive its worker is left out, with all below it.
    """
    children = _children()
    found: dict[int, psutil.Process] = {}
    new = [root for root in roots if not _is_spared(root)]
    while new:
        process = new.pop()
        if process.pid not in found:
            found[process.pid] = process
            below = [_process(pid) for pid in children.get(process.pid, ())]
            new += [child for child in below if child is not None and not _is_spared(child)]
    return [each for each in found.values() if each.pid != os.getpid() and is_alive(each)]


def _is_spared(process: psutil.Process) -> bool:
    """Whether a process must not be ended.

    A resource tracker of `multiprocessing` ends by itself, after all that use it: it removes the
    shared memory that they leave.
    """
    return OUTLIVES in environment(process) or _is_tracker(process)


def _is_tracker(process: psutil.Process) -> bool:
    try:
        return any(_TRACKER in part for part in process.cmdline())
    except psutil.Error:
        return False


def _children() -> dict[int, list[int]]:
    found: defaultdict[int, list[int]] = defaultdict(list)
    for process in psutil.process_iter():
        try:
            found[process.ppid()].append(process.pid)
        except psutil.Error:
            continue
    return found


def _process(pid: int) -> psutil.Process | None:
    try:
        return psutil.Process(pid)
    except psutil.NoSuchProcess:
        return None
