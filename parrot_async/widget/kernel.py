"""Has a Jupyter kernel dispatch the clicks on our views while a cell runs.

ipykernel 6 keeps all messages in a queue until the cell has ended. While the cell waits for a job,
we dispatch the messages of our own views from that queue; all others keep their order.

ipykernel 7.4 sends a click to the subshell that wrote last on the comm, which is the one that runs
the cell, and may block. The page asks for a subshell of its own: we let it have that.
"""

import sys
from typing import Any

_our_comms: set[str] = set()
"""Ids of the comms of our views."""


def accept_during_cells(comm: Any) -> None:
    """Let messages on this comm be dispatched while a cell runs; without a kernel, do nothing."""
    kernel = running_kernel()
    if kernel is None or comm is None:
        return
    _our_comms.add(comm.comm_id)
    if hasattr(comm, "_reply_subshell_for"):
        comm._reply_subshell_for = _requested_subshell  # noqa: SLF001 - there is no public way


def running_kernel() -> Any:
    """Return the Jupyter kernel that this process is, None if it is none."""
    ipython = sys.modules.get("IPython")
    shell = None if ipython is None else ipython.get_ipython()
    return getattr(shell, "kernel", None)


def dispatch_queued() -> None:
    """Dispatch the messages for our views out of those that wait for the end of the cell.

    Whoever waits in a cell calls it now and then; newer kernels keep no such queue.
    """
    kernel = running_kernel()
    if not hasattr(kernel, "msg_queue"):
        return
    # Once around the queue: what is not ours goes back, so that the order stays.
    for _ in range(kernel.msg_queue.qsize()):
        entry = kernel.msg_queue.get_nowait()
        if not _dispatched(kernel, *entry[2]):
            kernel.msg_queue.put_nowait(entry)


def _dispatched(kernel: Any, frames: Any = None) -> bool:
    """Dispatch a message if it is for one of our views; returns whether it was."""
    if frames is None:  # no message, but something else that the kernel is to do
        return False
    idents, parts = kernel.session.feed_identities(frames, copy=False)
    _, header, _, _, content = (bytes(part.bytes) for part in parts[:5])
    if kernel.session.unpack(header)["msg_type"] != "comm_msg":
        return False
    if kernel.session.unpack(content)["comm_id"] not in _our_comms:
        return False
    message = kernel.session.deserialize(parts, content=True, copy=False)
    kernel.comm_manager.comm_msg(kernel.shell_stream, idents, message)
    return True


def _requested_subshell(_: Any, subshell_id: str | None) -> str | None:
    """Return the subshell that the page has named."""
    return subshell_id
