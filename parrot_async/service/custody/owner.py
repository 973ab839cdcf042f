"""Owners of trees: the name of one start of a job service, and whether its process lives."""

import os
import secrets
import socket
from functools import cache
from pathlib import Path

import psutil

from parrot_async.runner.process_search import start_of


def new_owner() -> str:
    """Return a name for this start of the service: machine, process id, its start, and a token."""
    return f"{_machine()} {os.getpid()} {start_of(os.getpid())} {secrets.token_hex(4)}"


def lives(owner: str) -> bool | None:
    """Whether an owner's process lives; None for one on another machine."""
    machine, _, rest = owner.partition(" ")
    if machine != _machine():
        return None
    pid, started, _ = rest.split(" ")
    try:
        if psutil.Process(int(pid)).status() == psutil.STATUS_ZOMBIE:
            return False
        return start_of(int(pid)) == started
    except psutil.NoSuchProcess:
        return False


@cache
def _machine() -> str:
    """Return a name for where process ids are unique: this boot, and this container."""
    boot, processes = Path("/proc/sys/kernel/random/boot_id"), Path("/proc/self/ns/pid")
    if boot.exists() and processes.exists():
        return f"{boot.read_text().strip()}/{processes.stat().st_ino}"
    return f"{socket.gethostname()}/{psutil.boot_time():.0f}"
