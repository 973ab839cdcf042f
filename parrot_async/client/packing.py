"""Pickling in a thread, so that the caller's loop goes on, in the order in which it was asked."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from typing import TypeVar

T = TypeVar("T")


class Packing:
    """One thread that pickles for a client, one thing after the other.

    Runs on: the caller's loop; what it is given runs on its thread.
    """

    def __init__(self) -> None:
        """Start no thread yet."""
        self._thread: ThreadPoolExecutor | None = None
        self._under_way = 0

    async def run(self, work: Callable[[], T], *, at_once: bool = False) -> T:
        """Return what `work` returns, called on the thread.

        Work that takes no time is done `at_once`, unless it would overtake other work.
        """
        if at_once and not self._under_way:
            return work()
        if self._thread is None:
            self._thread = ThreadPoolExecutor(1, thread_name_prefix="parrot-packing")
        context = copy_context()
        self._under_way += 1
        try:
            loop = asyncio.get_running_loop()
            return await loop.run_in_executor(self._thread, context.run, work)
        finally:
            self._under_way -= 1

    def close(self) -> None:
        """Let the thread end when it has nothing left to do."""
        thread, self._thread = self._thread, None
        if thread is not None:
            thread.shutdown(wait=False)
