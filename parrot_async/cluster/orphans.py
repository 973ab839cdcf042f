"""The orphans that the daemon adopts: processes of jobs whose parents died, until they end."""

import os
from multiprocessing import forkserver, resource_tracker
from typing import Final

import anyio

REAP: Final = 0.5
"""Seconds between two looks for orphans that have ended."""


async def reap() -> None:
    """Have the kernel forget orphans that have ended; never returns."""
    while True:
        reap_once()
        await anyio.sleep(REAP)


def reap_once() -> int:
    """Do so once; returns how many there were.

    Children that this process has started are left to those who wait for them.
    """
    count = 0
    while (pid := _ended()) is not None and pid not in _own():
        os.waitpid(pid, 0)
        count += 1
    return count


def _ended() -> int | None:
    """Return the number of a child that has ended and is not waited for yet."""
    try:
        found = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    except ChildProcessError:  # there is no child at all
        return None
    return None if found is None else found.si_pid


def _own() -> set[int | None]:
    """Return the processes that multiprocessing keeps here; it tells their numbers to nobody."""
    server = getattr(forkserver, "_forkserver", None)
    tracker = getattr(resource_tracker, "_resource_tracker", None)
    return {getattr(server, "_forkserver_pid", None), getattr(tracker, "_pid", None)}
