"""The processes that one attempt of a job started, and their end with it."""

import os
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from typing import ClassVar, Final

import psutil

from parrot_async.runner.process_end import end, run_aside
from parrot_async.runner.process_search import (
    ATTEMPT,
    is_alive,
    marked,
    open_mark,
    with_all_below,
)

_MANY: Final = 64
"""Processes after which those that have ended are forgotten."""
_REAP_AFTER: Final = 0.5
"""Seconds that what is left of the job has to learn of the exits; then the kernel forgets them."""


class JobProcesses:
    """The processes of one attempt.

    Runs on: any thread.
    """

    _files: ClassVar[set[int]] = set()
    """Descriptors of all attempts' files; empty in a process that a job has forked."""

    def __init__(self, job_id: str, attempt: int) -> None:
        """Know of none yet."""
        self.mark = f"{job_id}.{attempt}"
        self._known: dict[int, psutil.Process] = {}
        self._any = False
        self._ended = False
        self._ending: threading.Thread | None = None
        self._lock = threading.Lock()
        self._file: int | None = None

    def __del__(self) -> None:
        """Close the file, which the processes have for themselves."""
        if self._file in self._files:
            self._files.discard(self._file)
            os.close(self._file)

    @property
    def file(self) -> int | None:
        """Descriptor of a file for the processes to inherit; None where there is no such thing."""
        with self._lock:
            if self._file is None:
                self._file = open_mark(ATTEMPT, self.mark)
                if self._file is not None:
                    self._files.add(self._file)
            return self._file

    @classmethod
    def enter_fork(cls, ours: "JobProcesses") -> None:
        """Close the files of other attempts in a forked process, which is not theirs."""
        for file in cls._files - {ours.file}:
            os.close(file)
        cls._files.clear()

    def environment(self, given: Mapping[str, str] | None) -> dict[str, str]:
        """Return the environment for a process: what its starter gave it, and our mark."""
        return {**(os.environ if given is None else given), ATTEMPT: self.mark}

    def started(self, pid: int) -> None:
        """Note a process, or end it where the attempt has ended."""
        self._any = True
        with suppress(psutil.NoSuchProcess), self._lock:  # it has ended, and was waited for
            self._known[pid] = psutil.Process(pid)
            if len(self._known) % _MANY == 0:
                self._known = {i: one for i, one in self._known.items() if is_alive(one)}
        if self._ended:
            self.end()

    def end(self) -> None:
        """End the processes, and those that are started from now on; does not wait for that."""
        with self._lock:
            self._ended = True
            if self._any and (self._ending is None or not self._ending.is_alive()):
                self._ending = run_aside(self._end)

    def _end(self) -> None:
        end(self.find)
        time.sleep(_REAP_AFTER)
        for pid in list(self._known):
            with suppress(ChildProcessError):  # somebody did wait for it, or it is no child
                os.waitpid(pid, os.WNOHANG)

    def find(self) -> list[psutil.Process]:
        """Return those that live, all below them, and those that carry the attempt's mark."""
        with self._lock:
            known = [process for process in self._known.values() if is_alive(process)]
        return with_all_below([*known, *marked(ATTEMPT, self.mark)])
