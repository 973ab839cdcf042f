"""Processes of tests: each sleeps for a number of seconds that nobody else has, its sign."""

import itertools
import os

import psutil

_numbers = itertools.count(10_000_000 + os.getpid() * 1000)


def new_sign() -> str:
    """Return the seconds for a `sleep` by which its process is known."""
    return str(next(_numbers))


def living(sign: str) -> list[psutil.Process]:
    """Return the processes that live and have the sign among the words of their command."""
    return [process for process in psutil.process_iter() if _has(process, sign)]


def _has(process: psutil.Process, sign: str) -> bool:
    try:
        return sign in process.cmdline() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False
