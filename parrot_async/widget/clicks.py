"""Clicks reach a kernel while a cell runs, for what each version of ipykernel lacks.

ipykernel 6 keeps all messages until the cell has ended. While the cell waits for a job, we look
through those that wait and hand out the ones of our own views; all others keep their order.

ipykernel 7.4 sends a click to the shell that spoke last on the comm, which is the one that runs
the cell, and may block. The page asks for a shell of its own: we let it have that.
"""

import sys
from typing import Any

from parrot_async.widget.pulse import Pulse

_ours: set[str] = set()
"""The comms of our views."""


def hear_clicks(comm: Any) -> None:
    """Have what browsers say on this comm arrive while a cell runs."""
    kernel = running_kernel()
    if kernel is None or comm is None:
        return
    _ours.add(comm.comm_id)
    if hasattr(comm, "_reply_subshell_for"):
        comm._reply_subshell_for = _as_asked  # noqa: SLF001 - there is no public way
    if hasattr(kernel, "msg_queue") and hand_out not in Pulse.at_each_beat:
        Pulse.at_each_beat.append(hand_out)


def running_kernel() -> Any:
    """The Jupyter kernel that this process is; None where it is not."""
    ipython = sys.modules.get("IPython")
    shell = None if ipython is None else ipython.get_ipython()
    return getattr(shell, "kernel", None)


def hand_out() -> None:
    """Hand the messages for our views to them, out of those that wait for the cell's end."""
    kernel = running_kernel()
    for _ in range(kernel.msg_queue.qsize()):
        entry = kernel.msg_queue.get_nowait()
        if not _is_taken(kernel, *entry[2]):
            kernel.msg_queue.put_nowait(entry)


def _is_taken(kernel: Any, frames: Any = None) -> bool:
    """Whether this was for one of our views, which has it now."""
    if frames is None:  # not a message, but something that the kernel is to do
        return False
    idents, parts = kernel.session.feed_identities(frames, copy=False)
    _, header, _, _, content = (bytes(part.bytes) for part in parts[:5])
    if kernel.session.unpack(header)["msg_type"] != "comm_msg":
        return False
    if kernel.session.unpack(content)["comm_id"] not in _ours:
        return False
    message = kernel.session.deserialize(parts, content=True, copy=False)
    kernel.comm_manager.comm_msg(kernel.shell_stream, idents, message)
    return True


def _as_asked(_: Any, subshell_id: str | None) -> str | None:
    """The shell that the page has named."""
    return subshell_id
