"""Notice of the processes that jobs start: Python's own ways to start one, seen by the runner."""

import functools
import os
import subprocess
import sys
import traceback
from collections.abc import Callable, Iterable, Mapping
from multiprocessing.process import BaseProcess
from typing import Any, Final, cast

from parrot_async.jobs.context import JobContext, current_context, host_of
from parrot_async.runner.host import ExecutionHost
from parrot_async.runner.job_processes import JobProcesses
from parrot_async.runner.process_search import ATTEMPT, OUTLIVES

Starter = Callable[..., Any]

_ENV_POSITION: Final = 10
"""Of `env` among the arguments of `subprocess.Popen`."""
_CLOSE_FDS_POSITION: Final = 7


def _current() -> JobProcesses | None:
    """Return the processes of the job that this code runs in."""
    context = current_context.get(None)
    host = None if context is None else host_of(context)
    return host.processes if isinstance(host, ExecutionHost) else None


def _popen(start: Starter) -> Starter:
    @functools.wraps(start)
    def started(self: "subprocess.Popen[bytes]", *args: Any, **kwargs: Any) -> None:
        ours = _current()
        if ours is not None and len(args) <= _ENV_POSITION:
            kwargs["env"] = ours.environment(kwargs.get("env"))
            if kwargs.get("close_fds", True) and len(args) <= _CLOSE_FDS_POSITION:
                kwargs["pass_fds"] = (*kwargs.get("pass_fds", ()), *_files(ours, kwargs["env"]))
        start(self, *args, **kwargs)
        if ours is not None:
            ours.started(self.pid)

    return started


def _files(ours: JobProcesses, environment: Mapping[str, str]) -> list[int]:
    """Return what a process inherits, so that it is known for the job's without its environment."""
    if OUTLIVES in environment:
        return []
    return [file for file in (ours.file, ProcessHooks.worker_file) if file is not None]


def _system(start: Starter) -> Starter:
    @functools.wraps(start)
    def started(command: Any) -> int:
        if _current() is None:
            return int(start(command))
        # C's own is not seen, and waits for its child before anybody else could note it.
        code = subprocess.run(["/bin/sh", "-c", command], check=False).returncode  # noqa: S603  as C
        return -code if code < 0 else code << 8

    return started


def _process(start: Starter) -> Starter:
    @functools.wraps(start)
    def started(self: BaseProcess) -> None:
        start(self)
        if (ours := _current()) is not None and self.pid:
            ours.started(self.pid)

    return started


def _fork(start: Starter) -> Starter:
    @functools.wraps(start)
    def started() -> int | tuple[int, int]:
        ours = _current()
        files = [] if ours is None else _files(ours, os.environ)  # opened before it forks
        found: int | tuple[int, int] = start()
        if ours is not None:
            pid = found[0] if isinstance(found, tuple) else found
            ours.started(pid) if pid else _enter_child(ours, files)
        return found

    return started


def _spawn(start: Starter) -> Starter:
    @functools.wraps(start)
    def started(*args: Any, **kwargs: Any) -> int:
        pid: int = start(*args, **kwargs)
        if (ours := _current()) is not None:
            ours.started(pid)
        return pid

    return started


_STARTERS: Final[list[tuple[object, str, Callable[[Starter], Starter]]]] = [
    (subprocess.Popen, "__init__", _popen),
    (BaseProcess, "start", _process),
    (os, "fork", _fork),
    (os, "forkpty", _fork),
    (os, "system", _system),
    (os, "posix_spawn", _spawn),
    (os, "posix_spawnp", _spawn),
]


class ProcessHooks:
    """Has the process's own functions note what jobs start, from `install` to the last `remove`.

    Runs on: the worker's loop; what it installs runs on any thread.
    """

    _users = 0
    _originals: Final[list[tuple[object, str, Starter]]] = []
    worker_file: int | None = None
    """Descriptor of the file that marks what a worker's jobs start."""
    forked = False
    """Whether this is a process that a job has forked."""

    @classmethod
    def install(cls) -> None:
        """Begin, for one more runner of this process."""
        cls._users += 1
        if cls._users == 1:
            for owner, name, wrapped in _STARTERS:
                original = getattr(owner, name)
                cls._originals.append((owner, name, original))
                setattr(owner, name, wrapped(original))

    @classmethod
    def remove(cls) -> None:
        """End for one runner, and restore the functions after the last one."""
        cls._users -= 1
        while not cls._users and cls._originals:
            owner, name, original = cls._originals.pop()
            setattr(owner, name, original)


def _enter_child(ours: JobProcesses, files: Iterable[int]) -> None:
    """Make a forked process one that has no job, and whose own children carry the job's mark."""
    ProcessHooks.forked = True
    JobProcesses.enter_fork(ours)
    for file in files:
        os.set_inheritable(file, True)
    os.environ[ATTEMPT] = ours.mark
    # The loops and threads behind the job's context are not there: nobody would hear of a job.
    current_context.set(cast("JobContext", None))


def leave_forked_process() -> None:
    """End a process that a job has forked, where it returns from the job; else does nothing.

    It has a copy of all that the runner was about to do, and would do it a second time.
    """
    if ProcessHooks.forked:
        status = _status_of(sys.exc_info()[1])
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)


def _status_of(error: BaseException | None) -> int:
    """Return the exit status that Python gives a process which ends so."""
    if error is None:
        return 0
    if isinstance(error, SystemExit):
        return error.code if isinstance(error.code, int) else int(error.code is not None)
    traceback.print_exception(error)
    return 1
