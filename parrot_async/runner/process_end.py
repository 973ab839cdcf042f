"""The end of processes that jobs started: a signal to end, and a kill of those that stay."""

import logging
import signal
import threading
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Final

import psutil

from parrot_async.runner.process_search import is_alive

TERM_PATIENCE: Final = 1.0
"""Seconds between SIGTERM and SIGKILL."""
_KILL_PATIENCE: Final = 2.0
"""Seconds that killed processes have to be gone."""
_ROUNDS: Final = 5
"""How often what was started meanwhile is looked for."""
_POLL: Final = 0.02

Find = Callable[[], list[psutil.Process]]

_log = logging.getLogger("parrot_async.processes")


def end(find: Find, patience: float = TERM_PATIENCE) -> None:
    """End all processes that `find` returns, again until it returns none; blocks for that time."""
    for _ in range(_ROUNDS):
        if not (found := find()):
            return
        _send(found, signal.SIGTERM)
        _wait(found, patience)
        _send(found, signal.SIGKILL)
        _wait(found, _KILL_PATIENCE)
        patience = 0.0  # what is started by what dies gets no time
    if left := find():
        _log.warning("could not end the processes %s", [process.pid for process in left])


def run_aside(call: Callable[[], None]) -> threading.Thread:
    """Call in a thread of its own, which is returned."""
    thread = threading.Thread(target=call, name="parrot-end-processes", daemon=True)
    thread.start()
    return thread


def _send(processes: Iterable[psutil.Process], number: signal.Signals) -> None:
    """Send a signal; psutil sends none to another process that has got the number meanwhile."""
    for process in processes:
        with suppress(psutil.Error):
            if is_alive(process):
                process.send_signal(number)


def _wait(processes: Iterable[psutil.Process], patience: float) -> None:
    """Wait for their ends, without `waitpid`: who started a process learns of its exit status."""
    until = time.monotonic() + patience
    while any(map(is_alive, processes)) and time.monotonic() < until:
        time.sleep(_POLL)
