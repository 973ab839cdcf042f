"""The running body of a job: in which thread or task it runs, and how it is interrupted there."""

import asyncio
import ctypes
import threading
from contextlib import suppress

from parrot_async.jobs.slot import JobStopped

_set_async_exc = ctypes.pythonapi.PyThreadState_SetAsyncExc


def _meet_exception(thread: int) -> None:
    """Raise, here and now, the exception that may be on its way to the caller's thread.

    Taken back by None it would go on to be looked for in Python 3.11, in each step of every thread,
    and a call that is traced would never get any further.
    """
    with suppress(JobStopped):
        _set_async_exc(ctypes.c_ulong(thread), ctypes.py_object(JobStopped))
        _wait_for_exception()


def _wait_for_exception() -> None:
    while True:
        pass


class RunningBody:
    """Where the body of one attempt runs.

    Runs on: the body's own thread enters and leaves; the worker's loop cancels and interrupts.
    """

    __slots__ = ("_interrupted", "_lock", "_task", "_thread")

    def __init__(self, lock: threading.Lock) -> None:
        """`lock` is held while the body leaves its thread, and by the caller of `interrupt`."""
        self._lock = lock
        self._thread: int | None = None
        self._interrupted = False
        """Whether an exception is, or was, on its way to that thread."""
        self._task: asyncio.Task[object] | None = None

    def enter_thread(self) -> None:
        """Note that the body runs in the caller's thread."""
        self._thread = threading.get_ident()

    def leave_thread(self) -> None:
        """Note that it does no more; an exception still on its way must not hit the next job."""
        while self._thread is not None:
            try:
                with self._lock:
                    if self._interrupted:
                        _meet_exception(self._thread)
                    self._thread = None
            except JobStopped:  # it hit here: what the body did is done, and counts
                continue

    def enter_task(self) -> None:
        """Note that the body runs in the caller's task."""
        self._task = asyncio.current_task()

    def cancel(self) -> None:
        """Cancel the body's task, if it has one."""
        if self._task is not None and not self._task.get_loop().is_closed():
            self._task.get_loop().call_soon_threadsafe(self._task.cancel)

    def blocks_loop(self) -> bool:
        """Whether this body's code keeps the jobs' loop from going on, at this moment."""
        return self._task is not None and asyncio.current_task(self._task.get_loop()) is self._task

    def runs(self, task: "asyncio.Task[object] | None") -> bool:
        """Whether a task is this body's own."""
        return task is not None and self._task is task

    def interrupt(self, loop_thread: int | None) -> None:
        """Raise JobStopped in the body's thread, or in the loop's where the body blocks that.

        The caller holds the lock.
        """
        thread = self._thread
        self._interrupted = thread is not None
        if thread is None and self.blocks_loop():
            thread = loop_thread
        if thread is not None:
            _set_async_exc(ctypes.c_ulong(thread), ctypes.py_object(JobStopped))
