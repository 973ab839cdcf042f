"""The command `parrot-async` in a process of its own, with or without a terminal."""

import os
import pty
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

COMMAND = [sys.executable, "-m", "parrot_async"]


def run(*arguments: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run the command to its end."""
    return subprocess.run(
        [*COMMAND, *map(str, arguments)],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )


def in_terminal(
    arguments: list[str | Path],
    awaited: str = "",
    interrupts: int = 0,
    act: Callable[[], object] | None = None,
) -> tuple[int, str]:
    """Run the command in a terminal; when it shows the awaited word, act, or press Ctrl-C.

    AssertionError, with what it showed and where it was, where it does not end.
    """
    pid, terminal = pty.fork()
    if not pid:
        os.environ |= {"TERM": "xterm-256color", "COLUMNS": "120", "LINES": "30"}
        os.environ["PYTHONFAULTHANDLER"] = "1"
        # As a shell does in the foreground; in the background, where tests may run, it is ignored.
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        os.execv(COMMAND[0], [*COMMAND, *map(str, arguments)])  # noqa: S606
    shown, until, acted = b"", time.monotonic() + 100, False
    while chunk := _read(terminal):
        shown += chunk
        if awaited and not acted and awaited.encode() in shown:
            acted = True
            os.write(terminal, b"\x03" * interrupts)
            if act is not None:
                act()
        if time.monotonic() > until:
            os.kill(pid, signal.SIGABRT)
    _, status = os.waitpid(pid, 0)
    os.close(terminal)
    assert time.monotonic() < until, f"acted: {acted}; shown: {shown.decode(errors='replace')}"
    return os.waitstatus_to_exitcode(status), shown.decode(errors="replace")


def _read(terminal: int) -> bytes:
    select.select([terminal], [], [], 100)
    try:
        return os.read(terminal, 65536)
    except OSError:  # the other side is closed
        return b""
