"""What the runner needs of a worker's nanny: what a dead worker's jobs started ends with it.

It runs in the process of the nanny, which for most clusters is the one that started the worker.
"""

import asyncio
from functools import partial
from typing import Final

from distributed import Nanny, NannyPlugin, Status

from parrot_async.runner.process_end import end, run_aside
from parrot_async.runner.process_search import left_by, worker_mark

LOOK: Final = 0.2
"""Seconds between two looks at a worker's process."""
NAME: Final = "parrot-processes"

_CLOSING: Final = (Status.closing, Status.closing_gracefully)


class ProcessGuard(NannyPlugin):
    """Ends what the jobs of a nanny's worker started, as soon as that worker is gone.

    Runs on: the nanny's loop.
    """

    name = NAME

    def __init__(self) -> None:
        """Watch nobody yet."""
        self._pid: int | None = None
        self._mark = ""
        self._watching: asyncio.Task[None] | None = None

    def __getstate__(self) -> dict[str, object]:
        """Travel without a watch."""
        return {"_pid": None, "_mark": "", "_watching": None}

    async def setup(self, nanny: Nanny) -> None:
        """Begin the watch."""
        self._watching = asyncio.create_task(self._watch(nanny))

    async def _watch(self, nanny: Nanny) -> None:
        while True:
            if nanny.pid != self._pid:
                await self._worker_changed(nanny.pid)
            await asyncio.sleep(LOOK)

    async def _worker_changed(self, pid: int | None) -> None:
        """End what the worker left that is gone, and note which process the new one is."""
        if self._mark:
            run_aside(partial(end, partial(left_by, self._mark)))
        self._mark = "" if pid is None else await asyncio.to_thread(worker_mark, pid)
        self._pid = pid

    async def teardown(self, nanny: Nanny) -> None:
        """End the watch, and where the nanny closes, what its worker's jobs have started.

        A nanny closes its worker after this.
        """
        if self._watching is not None:
            self._watching.cancel()
        if nanny.status in _CLOSING and self._mark:
            await asyncio.to_thread(end, partial(left_by, self._mark, nanny.pid))
