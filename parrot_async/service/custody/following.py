"""Following: clients of this service watch trees that another service runs, or none."""

import asyncio
import logging
from collections.abc import Iterable, Mapping

from parrot_async.errors import StoreError
from parrot_async.model.events import Record
from parrot_async.model.models import JobId
from parrot_async.model.rows import RootRow
from parrot_async.service.custody.recovery import Recovery
from parrot_async.service.engine.executor import Executor
from parrot_async.service.journal.journal import Journal
from parrot_async.service.journal.watch import Watch
from parrot_async.transport.wire import GOES_ON, INTERRUPTED

EVERY = 1.0
"""Seconds between two reads of what other services have written."""

logger = logging.getLogger(__name__)


class Following:
    """Reads new events of such trees from the store, and says whether any service runs them.

    Runs on: the scheduler's loop.
    """

    def __init__(
        self, journal: Journal, executor: Executor, watch: Watch, recovery: Recovery
    ) -> None:
        """Share the service's parts."""
        self._journal = journal
        self._executor = executor
        self._watch = watch
        self._recovery = recovery
        self._latest: dict[JobId, int] = {}
        """By followed tree: the number of the latest event that clients have."""
        self._interrupted: set[JobId] = set()
        """Followed trees of which clients were told that no service runs them."""

    async def attach(self, after: Mapping[JobId, int]) -> None:
        """Follow those of a client's trees that have not ended and do not run here."""
        elsewhere = after.keys() - self._executor.jobs.keys()
        unfinished = await self._unfinished(elsewhere) if elsewhere else []
        for root_id in unfinished:
            if root_id not in self._latest:
                self.follow(root_id, await self._newest(root_id, after[root_id]))
        if unfinished:
            for root_id in set(unfinished).intersection(await self._recovery.interrupted()):
                self._say(root_id, INTERRUPTED)

    def follow(self, root_id: JobId, after: int) -> None:
        """Send clients from now on all events of a tree after this number."""
        self._latest[root_id] = after

    def goes_on(self, root_ids: Iterable[JobId]) -> None:
        """Stop following trees that run here now."""
        for root_id in root_ids:
            if self._latest.pop(root_id, None) is not None:
                self._say(root_id, GOES_ON)

    async def keep(self) -> None:
        """Look again and again, for ever."""
        while True:
            await asyncio.sleep(EVERY)
            try:
                await self._look()
            except StoreError as exc:
                logger.warning("cannot follow other services' jobs, will try again: %s", exc)

    async def _look(self) -> None:
        for root_id in list(self._latest):
            if not self._watch.is_watched(root_id) or root_id in self._executor.jobs:
                del self._latest[root_id]
                self._interrupted.discard(root_id)
        for root_id in list(self._latest):
            await self._catch_up(root_id)
        if self._latest:
            interrupted = set(await self._recovery.interrupted()) & self._latest.keys()
            for root_id in interrupted - self._interrupted:
                self._say(root_id, INTERRUPTED)
            for root_id in self._interrupted - interrupted:
                self._say(root_id, GOES_ON)

    async def _catch_up(self, root_id: JobId) -> None:
        """Send a tree's new events; a tree that has ended is followed no longer."""
        # The row first: where it says that the tree has ended, the events read later are all.
        row = await self._row(root_id)
        after = self._latest[root_id]
        news = await self._journal.recorder.read(lambda store: store.events(root_id, after))
        for seq, body in news:
            self._watch.publish(root_id, seq, Record(body))
            self._latest[root_id] = seq
        if row is None or row.status.terminal:
            self._latest.pop(root_id, None)

    async def _unfinished(self, root_ids: Iterable[JobId]) -> list[JobId]:
        wanted = list(root_ids)
        found = await self._journal.recorder.read(lambda store: [store.root(i) for i in wanted])
        return [row.id for row in found if row is not None and not row.status.terminal]

    async def _row(self, root_id: JobId) -> RootRow | None:
        return await self._journal.recorder.read(lambda store: store.root(root_id))

    async def _newest(self, root_id: JobId, after: int) -> int:
        past = await self._journal.recorder.read(lambda store: store.events(root_id, after))
        return past[-1][0] if past else after

    def _say(self, root_id: JobId, word: bytes) -> None:
        self._watch.publish(root_id, 0, Record(word))
        if word == INTERRUPTED:
            self._interrupted.add(root_id)
        else:
            self._interrupted.discard(root_id)
