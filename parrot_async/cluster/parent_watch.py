"""The kernel's watch over a cluster's daemon: fork server and workers die when it does."""

import ctypes
import os
import signal
import sys

MARK = "PARROT_CLUSTER_ID"
"""The variable that every process of a cluster carries."""

TIE = "PARROT_CLUSTER_TIE"
"""Set only while the daemon's main thread starts the fork server.

The kernel ties a child to the thread that started it. When Dask has to start a fork server again,
it does so in a thread that ends with its worker; that must not end the fork server and all others.
"""

_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36


def die_with_parent() -> None:
    """Let the kernel kill this process when its parent dies; Linux only, elsewhere nothing.

    Dask's own watch over the parent is a thread, which C code holding the GIL starves.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def adopt_orphans() -> None:
    """Become the parent of all below this process whose own parents die; Linux only."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_CHILD_SUBREAPER, 1)


def dask_setup(_worker: object) -> None:
    """Prepare a new worker; Dask calls this. A forked process does not inherit the tie."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    die_with_parent()


if TIE in os.environ:  # imported by the fork server, which offers no other hook
    die_with_parent()
