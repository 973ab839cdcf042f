"""Retention: deletes results whose time is over, old trees, and files that no event names."""

import asyncio
import logging
import math
import os
import time
from collections.abc import Collection, Iterable, Sequence

from parrot_async.model.durations import seconds
from parrot_async.model.models import JobId, root_of
from parrot_async.model.rows import Pruned
from parrot_async.service.engine.argument_files import files_of, job_of
from parrot_async.service.engine.executor import Executor
from parrot_async.service.journal.journal import Journal
from parrot_async.store import Dropped
from parrot_async.transport import results

EXPIRE_EVERY = 60.0
"""Seconds between two times that the service drops expired results."""
PRUNE_EVERY = 3600.0
"""Seconds between two times that the service deletes old trees by itself."""
KEEP_FOR = "90d"
"""How long a tree is kept after its end, unless `$PARROT_KEEP_FOR` says otherwise."""
PORTION = 100
"""How many trees are deleted in one go, so that others get their turn at the store in between."""
SETTLED = 3600.0
"""Age in seconds from which a result's file is deleted that no event names."""

logger = logging.getLogger(__name__)


class Retention:
    """Deletes what is kept no longer: by itself, and when a client asks.

    Runs on: the scheduler's loop; files are deleted in threads.
    """

    def __init__(self, journal: Journal, executor: Executor, results_url: str) -> None:
        """`results_url` is the folder of values that are too big for the store.

        Raises OptionsError where `$PARROT_KEEP_FOR` is no duration.
        """
        self._journal = journal
        self._executor = executor
        self._results_url = results_url
        told = os.environ.get("PARROT_KEEP_FOR") or KEEP_FOR
        self._keep_for = None if told == "forever" else seconds(told)

    async def keep(self) -> None:
        """Drop expired results each minute, and old trees each hour, for ever."""
        pruned_at = -math.inf
        while True:
            try:
                await self.expire()
                if time.monotonic() - pruned_at > PRUNE_EVERY:
                    pruned_at = time.monotonic()
                    # No sweep of a remote folder: it asks about each file, which costs money there.
                    await self.prune(self._keep_for, sweep=results.is_local(self._results_url))
            except Exception:
                logger.exception("could not drop what is over, will try again")
            await asyncio.sleep(EXPIRE_EVERY)

    async def expire(self) -> None:
        """Drop results whose time is over, with their files."""
        now = time.time()
        await self._unlink(await self._journal.recorder.read(lambda store: store.expire(now)))

    async def prune(
        self,
        older_than: float | None = None,
        keep: int | None = None,
        size: int | None = None,
        *,
        sweep: bool = True,
    ) -> Pruned:
        """Delete finished trees with their files, those that ended first first.

        Deleted are trees that ended more than `older_than` seconds ago, all but the latest `keep`,
        and as many as bring the store to `size` bytes. With `sweep`, also files that no event
        names.
        """
        dropped: list[Dropped] = []
        trees = 0
        if older_than is not None:
            trees += await self._prune_before(time.time() - older_than, math.inf, dropped)
        if keep is not None:
            finished = await self._finished(math.inf, 1_000_000_000)
            trees += await self._prune_before(math.inf, len(finished) - keep, dropped)
        while size is not None and await self._size() > size:
            some = await self._prune_before(math.inf, PORTION, dropped)
            if not some:
                break
            trees += some
        files = sum([await self._unlink(some) for some in dropped])
        files += await self._sweep() if sweep else 0
        return Pruned(trees, sum(some.count for some in dropped), files)

    async def _size(self) -> int:
        return await self._journal.recorder.read(lambda store: store.size())

    async def _finished(self, at: float, limit: int) -> list[JobId]:
        return await self._journal.recorder.read(lambda store: store.finished_before(at, limit))

    async def _prune_before(self, at: float, most: float, dropped: list[Dropped]) -> int:
        """Delete at most `most` trees that ended before `at`, in portions; returns how many."""
        count = 0
        # A running job may still need a result of a tree that has ended.
        needed = {root_of(i) for run in self._executor.jobs.values() for i in run.needs}
        while count < most:
            wanted = int(min(PORTION, most - count))
            found = await self._finished(at, wanted + len(needed))
            some = [root_id for root_id in found if root_id not in needed][:wanted]
            if not some:
                break
            dropped.append(await self._delete(some))
            count += len(some)
        return count

    async def _delete(self, root_ids: Sequence[JobId]) -> Dropped:
        found = await self._journal.recorder.read(lambda store: store.delete(root_ids))
        for root_id in root_ids:
            self._journal.forget(root_id)
        files = await asyncio.to_thread(files_of, self._results_url, set(root_ids))
        return Dropped(found.count, (*found.urls, *files))

    # Files.

    async def _unlink(self, dropped: Dropped) -> int:
        return await self._delete_files(dropped.urls)

    async def _sweep(self) -> int:
        """Delete files of the results folder that no event names, unless they are being written."""
        before = time.time() - SETTLED
        found = await asyncio.to_thread(results.written_before, self._results_url, before)
        return await self._delete_files(found)

    async def _named_by_arguments(self, urls: Iterable[str]) -> set[str]:
        """Return those of the files that stand for the arguments of a job that is kept."""
        ids = [job_id for url in urls if (job_id := job_of(url)) is not None]
        if not ids:
            return set()
        found = await self._journal.recorder.read(lambda store: store.arguments(ids))
        return {url for data in found.values() if (url := results.url_in(data)) is not None}

    async def _delete_files(self, urls: Collection[str]) -> int:
        """Delete files, except those that hold another job's result; returns how many."""
        if not urls:
            return 0
        named = await self._journal.recorder.read(lambda store: store.named(urls))
        named |= await self._named_by_arguments(urls)
        gone = [url for url in urls if url not in named]
        for url in gone:
            await asyncio.to_thread(results.delete, url)
        return len(gone)
