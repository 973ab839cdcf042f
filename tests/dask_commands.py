"""Dask's own commands, each in a process of its own, for clusters that we have not started."""

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

DASK = [sys.executable, "-m", "dask"]


def free_port() -> int:
    """A port that nobody uses."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def command(home: Path, *words: str) -> Iterator[None]:
    """One of the commands, as long as the block lasts; what it says is in `log` in its home."""
    environment = {**os.environ, "PARROT_HOME": str(home), "PYTHONPATH": str(Path.cwd())}
    with (home / "log").open("ab") as log:
        process = subprocess.Popen([*DASK, *words], stdout=log, stderr=log, env=environment)
    try:
        yield
    finally:
        process.terminate()
        process.wait(10)
