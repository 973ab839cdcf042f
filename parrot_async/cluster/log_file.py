"""The cluster's log while it runs: never much longer than a limit, and short on what repeats."""

import logging
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import anyio
import anyio.to_thread

from parrot_async.cluster.folder import private

MOST_BYTES: Final = 8 * 2**20
"""Bytes of the log after which it is turned over."""
LOOK: Final = 0.5
"""Seconds between two looks at its size."""
ALIKE: Final = 5
"""Lines alike, but for what they name, that are written within `WINDOW` seconds."""
WINDOW: Final = 60.0

_BLOCK = 2**20
_CONNECTIONS = ("distributed.comm", "distributed.core", "tornado", "asyncio")

_log = logging.getLogger("parrot_async.cluster")


def older(file: Path) -> Path:
    """Return the file with what the log said before it was turned over."""
    return file.with_suffix(".log.1")


def turn_over(file: Path, most: int = MOST_BYTES) -> bool:
    """Move the log's last bytes to the older file, if it has more than `most`; return whether.

    All processes of the cluster have the file open, native code too, and append to it: so its
    content is moved, not the file. What is written in that very moment may be lost.
    """
    log = os.open(file, os.O_RDWR | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW)
    try:
        size = os.fstat(log).st_size
        if size <= most:
            return False
        try:
            _copy(log, size - most, older(file))
            note = f"(earlier lines: {older(file)})\n"
        except OSError as exc:  # a full disk, which the truncation may free
            note = f"(earlier lines are lost, they could not be moved: {exc})\n"
        os.ftruncate(log, 0)
        os.write(log, note.encode())
        return True
    finally:
        os.close(log)


def _copy(log: int, start: int, target: Path) -> None:
    """Write what the log has from `start` on to a file of its user's."""
    target.unlink(missing_ok=True)
    copy = private(target, os.O_WRONLY | os.O_EXCL)
    with os.fdopen(copy, "wb") as file:
        # What is appended meanwhile is not waited for: it may never end.
        for at in range(start, os.fstat(log).st_size, _BLOCK):
            file.write(os.pread(log, _BLOCK, at))


class Repeats(logging.Filter):
    """Leaves out what connections say again and again, as those of garbage do, and counts it.

    Lines are alike that one statement of the code wrote, whatever it filled in.

    Runs on: any thread.
    """

    def __init__(self) -> None:
        """Know of none."""
        super().__init__()
        self._windows: dict[tuple[str, int], _Window] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Return whether to write a line."""
        if not record.name.startswith(_CONNECTIONS):
            return True
        window = self._windows.setdefault((record.pathname, record.lineno), _Window(record))
        window.count += 1
        return window.count <= ALIKE

    def ended(self) -> Iterator[str]:
        """Yield what to say of each window that is over, if lines were left out in it."""
        for key, window in list(self._windows.items()):
            if time.monotonic() - window.since >= WINDOW:
                del self._windows[key]
                if window.count > ALIKE:
                    yield f"{window.count - ALIKE} more in {WINDOW:.0f} s like: {window.first}"


class _Window:
    """Lines alike, counted for a while."""

    def __init__(self, record: logging.LogRecord) -> None:
        self.since = time.monotonic()
        self.count = 0
        self._record = record

    @property
    def first(self) -> str:
        """The first of them."""
        return self._record.getMessage()[:200]


async def keep_short(file: Path) -> None:
    """Keep the log within its limit, and its lines from repeating; never returns."""
    repeats = Repeats()
    loggers = (logging.root, *map(logging.getLogger, ("distributed", "tornado")))
    for handler in {handler for logger in loggers for handler in logger.handlers}:
        handler.addFilter(repeats)
    while True:
        for line in repeats.ended():
            _log.warning("%s", line)
        try:
            if await anyio.to_thread.run_sync(turn_over, file):
                _log.info("the log was turned over")
        except OSError as exc:
            _log.warning("the log cannot be turned over: %s", exc)
        await anyio.sleep(LOOK)
