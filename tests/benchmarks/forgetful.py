"""`dask scheduler --preload tests.benchmarks.forgetful`: a service whose store keeps nothing."""

from pathlib import Path
from urllib.parse import urlsplit

from distributed import Scheduler

from parrot_async.service import plugin, preload
from parrot_async.store import Commit, JobStore
from parrot_async.store.sqlite import SQLiteStore


class ForgetfulStore(SQLiteStore):
    """Numbers the events of a commit, and writes none of it."""

    _last = 0

    def commit(self, batch: Commit) -> range:
        """Say that it is durable."""
        first, self._last = self._last + 1, self._last + len(batch.events)
        return range(first, self._last + 1)


def _open(url: str, read_only: bool = False) -> JobStore:
    return ForgetfulStore(Path(urlsplit(url).path))


async def dask_setup(scheduler: Scheduler) -> None:
    """Install the service as ever, on that store."""
    vars(plugin)["open_store"] = _open
    await preload.dask_setup(scheduler)
