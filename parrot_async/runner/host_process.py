"""The process that a worker runs in: whether it is the worker's alone, what jobs start there."""

import asyncio
import multiprocessing
import os
from functools import partial

from parrot_async.runner.process_end import end
from parrot_async.runner.process_hooks import ProcessHooks
from parrot_async.runner.process_search import WORKER, left_by, open_mark, worker_mark


class HostProcess:
    """This process, from the start of a worker to its end.

    Runs on: the worker's loop.
    """

    def __init__(self, worker: object) -> None:
        """Have jobs start processes, and note which they start.

        A worker that has a nanny has this process to itself. It is marked, so that what its jobs
        start is known for theirs. To `multiprocessing` it is a daemon, which may start no
        processes; the nanny goes on to see a daemon, which ends when the nanny does.
        """
        ProcessHooks.install()
        self._mark = ""
        if getattr(worker, "nanny", None):
            self._mark = os.environ[WORKER] = worker_mark(os.getpid())
            ProcessHooks.worker_file = open_mark(WORKER, self._mark)
            multiprocessing.current_process().daemon = False

    async def close(self) -> None:
        """End all that the jobs of a worker started that has this process to itself."""
        ProcessHooks.remove()
        if self._mark:
            await asyncio.to_thread(end, partial(left_by, self._mark, os.getpid()))
