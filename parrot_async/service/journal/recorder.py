"""The recorder: makes events durable in groups, in their order, off the scheduler's loop."""

import asyncio
import logging
import time
from collections.abc import Callable, Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TypeVar

from parrot_async.errors import KeyTakenError, LeaseLostError, StoreError, StoreUnsureError
from parrot_async.model.events import Cancelled, Completed, Event, Failed, Record
from parrot_async.model.models import JobId
from parrot_async.settings.failpoints import reach
from parrot_async.store import Commit, JobStore

T = TypeVar("T")

RETRY_AFTER = 0.5
"""Seconds until a commit is tried again that the store refused."""

logger = logging.getLogger(__name__)


@dataclass(slots=True)
class Entry:
    """An event of one tree and the rows that are written with it, in one transaction."""

    root_id: JobId
    record: Record
    rows: Commit = field(default_factory=Commit)
    event: Event | None = None
    accepted: "asyncio.Future[None] | None" = None
    """Set for a submission, which may be refused where the store cannot keep it."""
    insists: bool = False
    """Whether a submission, too, must be kept: a running body waits until the store is back."""
    soft: bool = False
    """Whether clients may hear of it a moment later: `events.is_soft`."""
    seq: int = 0


Refused = tuple[Entry, Exception]


class Recorder:
    """Writes to the store, always with what was recorded while the commit before was written.

    Runs on: the scheduler's loop, except for methods marked `# On the recorder's thread.`, which
    alone use the store.
    """

    def __init__(
        self,
        store: JobStore,
        owner: str,
        publish: Callable[[list[Entry]], None],
        taken: Callable[[Collection[JobId]], None],
    ) -> None:
        """`owner` is the name under which the service writes and holds its lease.

        `publish` is called on the loop with durable entries, in their order, and `taken` with the
        roots of trees that another service has taken over.
        """
        self._store = store
        self.owner = owner
        self._publish = publish
        self._taken = taken
        self._loop = asyncio.get_running_loop()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="parrot-recorder")
        self._waiting: list[Entry] = []
        self._under_way = 0
        """How many groups the thread has, not written yet."""
        self._busy = False
        self._closing = False
        self._idle = asyncio.Event()
        self._idle.set()

    def record(self, *entries: Entry) -> None:
        """Schedule entries for the next commit; once `close` was called they are dropped."""
        if self._closing:
            return
        self._waiting.extend(entries)
        if not self._busy:
            # At the end of this turn of the loop, so that what else happens in it goes along.
            self._busy = True
            self._idle.clear()
            self._loop.call_soon(self._next)

    async def accept(self, entries: Sequence[Entry], *, insists: bool = False) -> None:
        """Write a submission, and return when it is durable.

        With `insists` it waits for a store that is away, full or locked. Raises StoreError where
        the submission is not kept.
        """
        if self._closing:
            raise StoreError("the job service is being closed: submit again when it is back")
        accepted: asyncio.Future[None] = self._loop.create_future()
        for entry in entries:
            entry.accepted, entry.insists = accepted, insists
        self.record(*entries)
        await accepted

    async def read(self, question: Callable[[JobStore], T]) -> T:
        """Return the store's answer, given after all that was recorded before is written."""
        self._hand_over()
        return await self._loop.run_in_executor(self._thread, question, self._store)

    async def close(self) -> None:
        """Write what is left, then drop the lease and close the store."""
        self._closing = True
        await self._idle.wait()
        await self._loop.run_in_executor(self._thread, self._leave)
        self._thread.shutdown(wait=False)

    def _next(self) -> None:
        self._busy = bool(self._waiting) or self._under_way > 0
        if self._busy:
            self._hand_over()
        else:
            self._idle.set()

    def _hand_over(self) -> None:
        """Give the thread all that waits, as one group after those that it has."""
        group, self._waiting = self._waiting, []
        if group:
            self._under_way += 1
            self._thread.submit(self._write, group)

    def _refuse_waiting(self, error: StoreError) -> None:
        """Refuse submissions that would wait behind a group that the store does not take."""
        if isinstance(error, StoreUnsureError):
            error = StoreError(str(error))  # of what waits nothing was begun, so nothing is unsure
        for entry in self._waiting:
            if entry.accepted is not None and not entry.insists and not entry.accepted.done():
                entry.accepted.set_exception(error)
        self._waiting = [e for e in self._waiting if e.accepted is None or e.insists]

    def _done(self, written: list[Entry], refused: list[Refused]) -> None:
        self._under_way -= 1
        for entry, error in refused:
            if entry.accepted is not None and not entry.accepted.done():
                entry.accepted.set_exception(error)
        for entry in written:
            if entry.accepted is not None and not entry.accepted.done():
                entry.accepted.set_result(None)
        self._publish(written)
        taken = {entry.root_id for entry, error in refused if isinstance(error, LeaseLostError)}
        if taken:
            self._taken(taken)
        self._next()

    # On the recorder's thread.

    def _leave(self) -> None:
        try:
            self._store.drop_lease(self.owner)
        except StoreError as exc:
            logger.warning("this service's lease ends by itself in some seconds: %s", exc)
        self._store.close()

    def _write(self, group: list[Entry]) -> None:
        try:
            written, refused = self._commit_what_can_be(group)
        except Exception:
            logger.exception("an event cannot be written; each is tried by itself")
            written, refused = self._commit_one_by_one(group)
        self._loop.call_soon_threadsafe(self._done, written, refused)

    def _commit_one_by_one(self, group: list[Entry]) -> tuple[list[Entry], list[Refused]]:
        """Write each entry by itself; refuse one that never can be written, as invalid Unicode."""
        written: list[Entry] = []
        refused: list[Refused] = []
        for entry in group:
            try:
                self._commit([entry])
                written.append(entry)
            except Exception as exc:
                logger.exception("refused an event of job %s", entry.root_id)
                refused.append((entry, exc))
        return written, refused

    def _commit_what_can_be(self, group: list[Entry]) -> tuple[list[Entry], list[Refused]]:
        """Write the group; where that fails, refuse the entries to blame and retry the others."""
        refused: list[Refused] = []
        while group:
            try:
                self._commit(group)
                break
            except StoreError as exc:
                blamed = _blamed(group, exc)
                if not blamed:
                    message = "the job store refused %d events, will retry: %s"
                    logger.warning(message, len(group), exc)
                    self._loop.call_soon_threadsafe(self._refuse_waiting, exc)
                    time.sleep(RETRY_AFTER)
                refused += [(entry, exc) for entry in group if id(entry) in blamed]
                group = [entry for entry in group if id(entry) not in blamed]
        return group, refused

    def _commit(self, group: list[Entry]) -> None:
        # What was promised to a client must survive a loss of power. The rest can be run again:
        # it survives the death of every process, and does not wait for the disk.
        sync = any(entry.accepted is not None for entry in group)
        commit = Commit(owner=self.owner, sync=sync)
        for entry in group:
            commit.events.append((entry.root_id, entry.record.body))
            rows = entry.rows
            commit.arguments += rows.arguments
            commit.results += rows.results
            commit.functions += rows.functions
            commit.roots += rows.roots
            commit.keys += rows.keys
            commit.moved_keys += rows.moved_keys
            commit.checkpoints += rows.checkpoints
            commit.cached += rows.cached
        _reach_commit(group, "accepting", "ending")
        for entry, seq in zip(group, self._store.commit(commit), strict=True):
            entry.seq = seq
        _reach_commit(group, "accepted", "ended")


def _blamed(group: Sequence[Entry], error: StoreError) -> set[int]:
    """Return the entries, by `id`, without which the commit is tried again."""
    if isinstance(error, LeaseLostError):
        return {id(entry) for entry in group if entry.root_id in error.root_ids}
    if isinstance(error, StoreUnsureError):
        return set()  # the same group must be committed again: it may have been written
    submissions = [entry for entry in group if entry.accepted is not None]
    if isinstance(error, KeyTakenError):
        keys = [e.accepted for e in submissions if error.key in dict(e.rows.keys)]
        return {id(entry) for entry in submissions if entry.accepted in keys}
    return {id(entry) for entry in submissions if not entry.insists}


def _reach_commit(group: Sequence[Entry], of_submission: str, of_end: str) -> None:
    if any(entry.accepted is not None for entry in group):
        reach(of_submission)
    if any(isinstance(entry.event, Completed | Failed | Cancelled) for entry in group):
        reach(of_end)
