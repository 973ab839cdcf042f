"""A watch over the jobs' loop: which call of which job keeps all others on it waiting."""

import asyncio
import sys
import threading
from collections.abc import Callable
from types import FrameType
from typing import NamedTuple

from parrot_async.runner.jobs_loop import JobsLoop
from parrot_async.transport.own_modules import is_own

INTERVAL = 0.25
"""Seconds between two looks."""
TOO_LONG = 1.0
"""Seconds without an answer of the loop, after which what runs on it is named."""


class Blocking(NamedTuple):
    """What holds the loop up."""

    task: "asyncio.Task[object] | None"
    place: str
    """File, line and function."""


class LoopWatch:
    """Asks the jobs' loop now and then whether it goes on.

    Runs on: a thread of its own, which calls `on_blocked` once for each time that the loop stops.
    """

    def __init__(
        self, loop: Callable[[], JobsLoop], on_blocked: Callable[[Blocking], None]
    ) -> None:
        """`loop` returns the loop that is in use."""
        self._loop = loop
        self._on_blocked = on_blocked
        self._ended = threading.Event()
        threading.Thread(target=self._run, name="parrot-loop-watch", daemon=True).start()

    def stop(self) -> None:
        """Look no more."""
        self._ended.set()

    def _run(self) -> None:
        while not self._ended.wait(INTERVAL):
            jobs_loop = self._loop()
            if jobs_loop.busy and not self._answers(jobs_loop):
                self._tell(jobs_loop)

    def _answers(self, jobs_loop: JobsLoop) -> bool:
        answered = threading.Event()
        try:
            jobs_loop.loop.call_soon_threadsafe(answered.set)
        except RuntimeError:  # it is closed: another one is in use by now
            return True
        return answered.wait(TOO_LONG)

    def _tell(self, jobs_loop: JobsLoop) -> None:
        frame = sys._current_frames().get(jobs_loop.thread.ident or 0)  # noqa: SLF001 - for this
        task = asyncio.current_task(jobs_loop.loop)
        if frame is None or task is None:
            return
        self._on_blocked(Blocking(task, _place(frame)))
        while asyncio.current_task(jobs_loop.loop) is task and not self._ended.wait(INTERVAL):
            if self._answers(jobs_loop):
                return


def _place(frame: FrameType) -> str:
    """Return where the user's own code is, the innermost part of it."""
    inner: FrameType | None = frame
    while inner is not None and not _is_users(inner):
        inner = inner.f_back
    found = inner or frame
    code = found.f_code
    return f"{code.co_filename}, line {found.f_lineno}, in {code.co_name}"


def _is_users(frame: FrameType) -> bool:
    name = frame.f_code.co_filename
    return "ipykernel" in name or name.startswith("<") or is_own(name)
