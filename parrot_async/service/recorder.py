"""The recorder: every event becomes durable in groups, in order, off the scheduler's loop."""

import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TypeVar

from parrot_async.errors import StoreError
from parrot_async.events import Cancelled, Completed, Event, Failed, Record
from parrot_async.faults import reach
from parrot_async.models import JobId
from parrot_async.store import Commit, JobStore

T = TypeVar("T")

RETRY_AFTER = 0.5
"""Seconds until a commit that the store refused is tried again."""

logger = logging.getLogger(__name__)


@dataclass(slots=True)
class Entry:
    """An event of one tree with the rows that go with it, written together."""

    root_id: JobId
    record: Record
    rows: Commit = field(default_factory=Commit)
    event: Event | None = None
    accepted: "asyncio.Future[None] | None" = None
    """Of a submission, which is refused when the store cannot keep it; others must be kept."""
    seq: int = 0


class Recorder:
    """One thread that writes what has gathered while it was writing."""

    def __init__(self, store: JobStore, publish: Callable[[list[Entry]], None]) -> None:
        """`publish` is called on the loop with entries that are durable, in their order."""
        self._store = store
        self._publish = publish
        self._loop = asyncio.get_running_loop()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="parrot-recorder")
        self._waiting: list[Entry] = []
        self._busy = False
        self._closing = False
        self._idle = asyncio.Event()
        self._idle.set()

    def record(self, *entries: Entry) -> None:
        """Have entries written with the next group; none any more once it is being closed."""
        if self._closing:
            return
        self._waiting.extend(entries)
        if not self._busy:
            # What else happens in this turn of the loop goes along.
            self._busy = True
            self._idle.clear()
            self._loop.call_soon(self._next)

    async def accept(self, entries: Sequence[Entry]) -> None:
        """Have a submission written; returns when it is durable, raises StoreError if it is not."""
        if self._closing:
            raise StoreError("the job service is being closed: submit again when it is back")
        accepted: asyncio.Future[None] = self._loop.create_future()
        for entry in entries:
            entry.accepted = accepted
        self.record(*entries)
        await accepted

    async def read(self, question: Callable[[JobStore], T]) -> T:
        """Ask the store, after all that was recorded before and is being written."""
        return await self._loop.run_in_executor(self._thread, question, self._store)

    async def close(self) -> None:
        """Write what is left and let go of the store."""
        self._closing = True
        await self._idle.wait()
        await self._loop.run_in_executor(self._thread, self._store.close)
        self._thread.shutdown(wait=False)

    def _next(self) -> None:
        group, self._waiting = self._waiting, []
        self._busy = bool(group)
        if not group:
            self._idle.set()
            return
        self._idle.clear()
        self._thread.submit(self._write, group)

    def _write(self, group: list[Entry]) -> None:
        outcome: tuple[list[Entry], list[Entry], Exception | None]
        try:
            outcome = self._commit_what_can_be(group)
        except Exception:
            logger.exception("an event cannot be written; each is tried by itself")
            outcome = self._commit_one_by_one(group)
        self._loop.call_soon_threadsafe(self._done, *outcome)

    def _commit_one_by_one(
        self, group: list[Entry]
    ) -> tuple[list[Entry], list[Entry], Exception | None]:
        """Find what can never be written, such as text that is no Unicode; refuse that alone."""
        written: list[Entry] = []
        refused: list[Entry] = []
        error: Exception | None = None
        for entry in group:
            try:
                self._commit([entry])
                written.append(entry)
            except Exception as exc:
                logger.exception("refused an event of job %s", entry.root_id)
                refused.append(entry)
                error = exc
        return written, refused, error

    def _commit_what_can_be(
        self, group: list[Entry]
    ) -> tuple[list[Entry], list[Entry], StoreError | None]:
        """Write the group; where that fails, refuse its submissions and insist on the rest."""
        try:
            self._commit(group)
            return group, [], None
        except StoreError as exc:
            refused = [entry for entry in group if entry.accepted is not None]
            kept = [entry for entry in group if entry.accepted is None]
            error = exc
        while kept:
            try:
                self._commit(kept)
                break
            except StoreError as exc:
                logger.warning("the job store refused %d events, will retry: %s", len(kept), exc)
                time.sleep(RETRY_AFTER)
        return kept, refused, error

    def _commit(self, group: list[Entry]) -> None:
        # What was promised to a client outlives a loss of power; the rest, which can be done
        # again, outlives the death of every process, and does not wait for the disk.
        commit = Commit(sync=any(entry.accepted is not None for entry in group))
        for entry in group:
            commit.events.append((entry.root_id, entry.record.body))
            rows = entry.rows
            commit.arguments += rows.arguments
            commit.results += rows.results
            commit.functions += rows.functions
            commit.roots += rows.roots
            commit.keys += rows.keys
        _reach_commit(group, "accepting", "ending")
        for entry, seq in zip(group, self._store.commit(commit), strict=True):
            entry.seq = seq
        _reach_commit(group, "accepted", "ended")

    def _done(self, written: list[Entry], refused: list[Entry], error: Exception | None) -> None:
        for entry in refused:
            if entry.accepted is not None and not entry.accepted.done() and error is not None:
                entry.accepted.set_exception(error)
        for entry in written:
            if entry.accepted is not None and not entry.accepted.done():
                entry.accepted.set_result(None)
        self._publish(written)
        self._next()


def _reach_commit(group: list[Entry], of_submission: str, of_end: str) -> None:
    if any(entry.accepted is not None for entry in group):
        reach(of_submission)
    if any(isinstance(entry.event, Completed | Failed | Cancelled) for entry in group):
        reach(of_end)
