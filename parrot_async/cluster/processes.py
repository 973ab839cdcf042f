"""The processes of a cluster: how they are stopped, and what is done with those that are left."""

import os
import signal
import time
from collections.abc import Iterator
from contextlib import suppress
from typing import Final

import psutil

from parrot_async.cluster.folder import Folder, Holder
from parrot_async.cluster.parent_watch import MARK
from parrot_async.errors import ClusterError

_SWEEP_PATIENCE: Final = 5.0
"""Seconds that killed processes have to be gone."""
_POLL: Final = 0.02


def stop(folder: Folder, grace: float) -> None:
    """Send the daemon SIGTERM, and SIGKILL after `grace` seconds; ClusterError if that is in vain.

    The held lock proves that the pid is still the daemon's.
    """
    for number in (signal.SIGTERM, signal.SIGKILL):
        holder = folder.holder()
        if holder is None or not folder.is_running():
            return
        with suppress(ProcessLookupError):  # it ended just now
            os.kill(holder.pid, number)
        _await_end(folder, grace)
    if folder.is_running():
        raise ClusterError(
            f"The local cluster {folder.root.name!r} could not be killed: see"
            f" {folder.running_lock} for its pid"
        )


def _await_end(folder: Folder, patience: float) -> None:
    until = time.monotonic() + patience
    while folder.is_running() and time.monotonic() < until:
        time.sleep(_POLL)


def sweep(folder: Folder) -> None:
    """Remove what a dead cluster left: its record, its credentials, processes of its group."""
    holder = folder.holder()
    if folder.is_running() or holder is None:
        return
    folder.withdraw()
    until = time.monotonic() + _SWEEP_PATIENCE
    while (left := list(members(holder))) and time.monotonic() < until:
        for process in left:
            with suppress(psutil.NoSuchProcess):
                process.kill()
        time.sleep(_POLL)


def members(holder: Holder) -> Iterator[psutil.Process]:
    """Yield the processes that have both the cluster's group and its mark.

    The number of a group may be used again, by processes that are not the cluster's.
    """
    for process in psutil.process_iter():
        try:
            if os.getpgid(process.pid) == holder.group and _is_marked(process, holder.id):
                yield process
        except (OSError, psutil.Error):
            continue


def _is_marked(process: psutil.Process, mark: str) -> bool:
    try:
        environment = process.environ()
    except psutil.ZombieProcess:
        return False
    except psutil.NoSuchProcess:
        return True  # no memory any more, but still exiting: waited for, like the others
    return bool(environment.get(MARK) == mark)
