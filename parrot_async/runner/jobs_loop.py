"""The loop on which a worker runs async jobs, apart from the one that talks to the scheduler."""

import asyncio
from collections.abc import Callable, Coroutine, Iterable
from concurrent.futures import ThreadPoolExecutor
from threading import Thread
from typing import Any, TypeVar

from parrot_async.jobs.slot import JobStopped

T = TypeVar("T")

MOST_BLOCKING = 512
"""Threads for what async jobs do with `asyncio.to_thread`."""


class JobsLoop:
    """An event loop in a thread of its own, from its making until `stop` or `abandon`.

    Runs on: any thread; what it is given runs on its own.
    """

    def __init__(self) -> None:
        """Start the loop."""
        self.loop = asyncio.new_event_loop()
        threads = ThreadPoolExecutor(MOST_BLOCKING, thread_name_prefix="parrot-aside")
        self.loop.set_default_executor(threads)
        self.thread = Thread(target=self._run, name="parrot-jobs", daemon=True)
        self._tasks: set[asyncio.Task[None]] = set()
        self.thread.start()

    def _run(self) -> None:
        while True:
            try:
                self.loop.run_forever()
            except JobStopped:  # it hit between two steps of a job, so that nobody caught it
                continue
            return

    @property
    def busy(self) -> bool:
        """Whether there is anything on the loop; from any thread."""
        return bool(self._tasks)

    def start(self, run: Callable[[T], Coroutine[Any, Any, None]], each: Iterable[T]) -> None:
        """Make a task of `run(one)` for each one."""
        self.loop.call_soon_threadsafe(self._start, run, each)

    def _start(self, run: Callable[[T], Coroutine[Any, Any, None]], each: Iterable[T]) -> None:
        for one in each:
            task = self.loop.create_task(run(one))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    def stop(self) -> None:
        """Stop the loop as soon as the code that runs on it awaits something."""
        self.loop.call_soon_threadsafe(self.loop.stop)

    def abandon(self) -> None:
        """Cancel everything on the loop, let it clean up, and stop the loop after that."""
        self.loop.call_soon_threadsafe(self._cancel_all)

    def _cancel_all(self) -> None:
        tasks = asyncio.all_tasks(self.loop)
        for task in tasks:
            task.cancel()
        ended = asyncio.gather(*tasks, return_exceptions=True)
        ended.add_done_callback(lambda _: self.loop.stop())


def close_loop(loop: asyncio.AbstractEventLoop, thread: Thread) -> None:
    """Wait for the thread of a loop that was stopped, cancel what is left, and close the loop."""
    thread.join()
    loop.run_until_complete(_cancel_others())
    loop.run_until_complete(loop.shutdown_default_executor())
    loop.close()


async def _cancel_others() -> None:
    left = asyncio.all_tasks() - {asyncio.current_task()}
    for task in left:
        task.cancel()
    await asyncio.gather(*left, return_exceptions=True)
