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
from parrot_async.runner.process_search import OUTLIVES

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
    """Remove what a dead cluster left: its record, its credentials, processes with its mark."""
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
    """Yield the processes that carry the cluster's mark, those with a session of their own too.

    What is to outlive the cluster is left out, but not the daemon, which is only to outlive the
    job that starts it. One that exits has no memory any more, and so no mark: it counts where it
    has the cluster's group.
    """
    for process in psutil.process_iter():
        try:
            carried = process.environ()
        except psutil.ZombieProcess:
            continue
        except psutil.NoSuchProcess:
            if _is_exiting(process, holder.group):
                yield process
        except (OSError, psutil.Error):
            continue
        else:
            stays = OUTLIVES in carried and process.pid != holder.pid
            if carried.get(MARK) == holder.id and not stays:
                yield process


def _is_exiting(process: psutil.Process, group: int) -> bool:
    try:
        return os.getpgid(process.pid) == group
    except OSError:
        return False
