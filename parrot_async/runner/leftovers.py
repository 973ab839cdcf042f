"""What a job changes in its process, put back before the next job."""

import gc
import logging
import os
import signal
import sys
from typing import Any, NamedTuple, TextIO

from parrot_async.jobs.context import JobContext
from parrot_async.runner.host import ExecutionHost
from parrot_async.runner.output import Output
from parrot_async.runner.slots import Slots

PRIVATE = 0o077
"""Umask for the moment in which this process's own is read."""

logger = logging.getLogger(__name__)


class _State(NamedTuple):
    """What of the process a job finds; None for a working directory that is gone."""

    folder: str | None
    umask: int
    recursion_limit: int
    disabled: int
    """Level of `logging.disable`."""
    handlers: tuple[logging.Handler, ...]
    """Those of the root logger."""
    streams: tuple[TextIO, TextIO]
    alarm: bool
    """Whether a timer was set that sends SIGALRM."""


class Leftovers:
    """Puts back what a job changed, where it was the only one that had a slot of this worker.

    Others may count on what they changed themselves while they still run: those are put back when
    the last of them ends. A recursion limit that is too low for the worker, a trace, and a garbage
    collector that is off never stay.

    Runs on: the jobs' own threads.
    """

    def __init__(self, output: Output, slots: Slots[Any], *, puts_back: bool = True) -> None:
        """Note how the process is now; `slots` are those of the jobs that share it.

        Without `puts_back` it does nothing, in a process where not only jobs change things.
        """
        self._puts_back = puts_back
        self._output = output
        self._slots = slots
        self._base = _look()
        self._collects = gc.isenabled()
        self._traced = sys.gettrace() is not None or sys.getprofile() is not None
        self._begun: dict[JobContext, ExecutionHost] = {}
        self._found: dict[JobContext, _State] = {}
        """What those found that began while another, which had begun, waited without its slot."""

    def begin(self, host: ExecutionHost) -> None:
        """Note that a job begins, and how it finds the process."""
        if not self._puts_back:
            return
        if self._begun and self._slots.taken == 1:
            self._found[host.context] = _look()
            self._output.reset()
        self._begun[host.context] = host

    def end(self, context: JobContext) -> None:
        """Put back what a job changed; a second time does nothing."""
        host = self._begun.pop(context, None)
        if host is None:
            return
        found = self._found.pop(context, self._base)
        if self._collects and not gc.isenabled():
            gc.enable()
        if not self._traced and (sys.gettrace() is not None or sys.getprofile() is not None):
            sys.settrace(None)
            sys.setprofile(None)
        if sys.getrecursionlimit() < self._base.recursion_limit:
            sys.setrecursionlimit(self._base.recursion_limit)
        if host.has_slot and self._slots.taken == 1:
            self._put_back(found)

    def _put_back(self, found: _State) -> None:
        os.umask(found.umask)
        if sys.getrecursionlimit() != found.recursion_limit:
            sys.setrecursionlimit(found.recursion_limit)
        if logging.root.manager.disable != found.disabled:
            logging.disable(found.disabled)
        if (*logging.root.handlers,) != found.handlers:
            logging.root.handlers[:] = found.handlers
        sys.stdout, sys.stderr = found.streams
        if found is self._base:
            self._output.renew()
        # An alarm that a job left would kill the worker under another job.
        if not found.alarm and signal.getitimer(signal.ITIMER_REAL)[0]:
            signal.setitimer(signal.ITIMER_REAL, 0)
        if _folder() != found.folder:
            self._go_back(found.folder)

    def _go_back(self, folder: str | None) -> None:
        for known in (folder, self._base.folder):
            try:
                os.chdir(known or os.sep)
            except OSError as exc:
                logger.warning("jobs cannot have their working directory back: %s", exc)
            else:
                return


def _look() -> _State:
    umask = os.umask(PRIVATE)
    os.umask(umask)
    return _State(
        _folder(),
        umask,
        sys.getrecursionlimit(),
        logging.root.manager.disable,
        tuple(logging.root.handlers),
        (sys.stdout, sys.stderr),
        signal.getitimer(signal.ITIMER_REAL)[0] > 0,
    )


def _folder() -> str | None:
    try:
        return os.getcwd()  # noqa: PTH109 - 18,000 times a second
    except FileNotFoundError:
        return None
