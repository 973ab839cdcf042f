"""The process of a worker that has one to itself, as those of nannies have."""

import multiprocessing
import os
from functools import partial

from parrot_async.runner.process_end import end
from parrot_async.runner.process_search import WORKER, left_by, open_mark, worker_mark


class OwnProcess:
    """This process, whose environment, children and end are a worker's alone.

    Runs on: the worker's loop; `end_all` in a thread.
    """

    def __init__(self) -> None:
        """Mark this process, so that what its jobs start is known for theirs, and allow children.

        Dask's workers are daemons to `multiprocessing`, which may start no processes. The nanny
        goes on to see a daemon: it ends the worker when it ends itself.
        """
        self.mark = os.environ[WORKER] = worker_mark(os.getpid())
        self._file = open_mark(self.mark)
        multiprocessing.current_process().daemon = False

    @classmethod
    def of(cls, worker: object) -> "OwnProcess | None":
        """Return the process of a worker that has a nanny; None for one in somebody's process."""
        return cls() if getattr(worker, "nanny", None) else None

    def end_all(self) -> None:
        """End all that the jobs of this worker have started; blocks until it is done."""
        end(partial(left_by, self.mark, os.getpid()))
