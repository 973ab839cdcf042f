"""The job store in one SQLite file: durable when a commit returns, open to many processes."""

import json
import sqlite3
import time
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

from parrot_async.model.models import JobId, JobStatus, Queue
from parrot_async.model.rows import RootRow
from parrot_async.store.port import Checkpoint, Commit, Dropped, StoredResult
from parrot_async.store.rows import (
    Rows,
    queues_of,
    refuse_key,
    refuse_lost,
    root_row,
    stored_result,
    tables,
)
from parrot_async.store.sqlite_file import Parameters, SQLiteFile, insert
from parrot_async.store.statements import statements

PATIENCE = 5.0
"""Seconds to wait for another process that writes."""
PORTION = 1000
"""Rows that are read at once, so that big ones do not fill the memory."""
REST_OF_TREE = tuple(
    f"delete_{table}"
    for table in ("arguments", "checkpoints", "keys", "cached", "lost", "events", "root")
)
"""Statements that forget a tree, beside that of its results, which are counted."""


class SQLiteStore:
    """A JobStore in a file; one connection writes, one reads, and neither waits for the other."""

    def __init__(self, path: Path, patience: float = PATIENCE, read_only: bool = False) -> None:
        """Open the file, or make it; StoreError says what to do where neither can be."""
        self._sql = statements("sqlite_queries")
        with ExitStack() as opened:
            self._writer = opened.enter_context(closing(SQLiteFile(path, patience, read_only)))
            self._reader = SQLiteFile(path, patience, read_only)
            opened.pop_all()

    def commit(self, batch: Commit) -> range:
        """Write all of `batch`, durable on return; the sequence numbers of its events."""
        with self._writer.transaction(batch.sync) as connection:
            self._check_owner(connection, batch)
            last = insert(connection, self._sql["append_event"], batch.events)
            for name, rows in tables(batch):
                insert(connection, self._sql[name], rows)
            self._check_keys(connection, batch.keys)
        return range(last - len(batch.events) + 1, last + 1) if last else range(0)

    def events(
        self, root_id: JobId, after: int = 0, limit: int | None = None
    ) -> list[tuple[int, bytes]]:
        """Sequence number and body of a tree's events after number `after`, in order."""
        found: list[tuple[int, bytes]] = []
        while limit is None or len(found) < limit:
            size = PORTION if limit is None else min(PORTION, limit - len(found))
            rows = self._read_packed("events", (root_id, after, size))
            found += [(seq, bytes.fromhex(body)) for seq, body in rows]
            if len(rows) < size:
                break
            after = found[-1][0]
        return found

    def arguments(self, ids: Iterable[JobId]) -> dict[JobId, bytes]:
        """Pickled arguments of those of the jobs that have some."""
        return {job_id: bytes.fromhex(value) for job_id, value in self._of_jobs("arguments", ids)}

    def results(self, ids: Iterable[JobId], now: float | None = None) -> dict[JobId, StoredResult]:
        """Results of those of the jobs that have one; what is over at `now` comes as expired."""
        now = time.time() if now is None else now
        return {row[0]: _stored(now, *row[1:]) for row in self._of_jobs("results", ids)}

    def function(self, function_id: str) -> bytes | None:
        """The pickled function, or None where it is not known."""
        rows: list[tuple[bytes]] = self._read("function", (function_id,))
        return rows[0][0] if rows else None

    def roots(
        self,
        *,
        status: JobStatus | None = None,
        queue: str | None = None,
        function: str | None = None,
        since: float | None = None,
        limit: int = 100,
    ) -> list[RootRow]:
        """The newest roots first, those that fit every filter given."""
        filters = {"status": status, "queue": queue, "function": function, "since": since}
        return [root_row(row) for row in self._read("roots", {**filters, "limit": limit})]

    def root(self, root_id: JobId) -> RootRow | None:
        """One root's row, or None where it is not known."""
        rows = self._read("root", (root_id,))
        return root_row(rows[0]) if rows else None

    def job_of_key(self, key: str) -> JobId | None:
        """The job of this key, or None."""
        rows: list[tuple[JobId]] = self._read("job_of_key", (key,))
        return rows[0][0] if rows else None

    def cached(self, keys: Iterable[str], now: float) -> dict[str, JobId]:
        """Completed jobs of those of the content keys whose result is still there at `now`."""
        return dict(self._read("cached", (json.dumps(list(keys)), now)))

    def checkpoints(self, ids: Iterable[JobId]) -> dict[JobId, Checkpoint]:
        """The latest checkpoints of those of the jobs that saved one."""
        rows = self._of_jobs("checkpoints", ids)
        return {
            job_id: Checkpoint(attempt, None if value is None else bytes.fromhex(value), url)
            for job_id, attempt, value, url in rows
        }

    def finished_before(self, at: float, limit: int) -> list[JobId]:
        """Roots that ended before `at`, those that ended first come first."""
        return [root_id for (root_id,) in self._read("finished_before", (at, limit))]

    def lease(self, owner: str, until: float) -> None:
        """Say that `owner` lives at least until then; its trees are not interrupted meanwhile."""
        with self._writer.transaction(sync=False) as connection:
            connection.execute(self._sql["put_lease"], (owner, until))

    def drop_lease(self, owner: str) -> None:
        """End a lease at once: the owner will not write again."""
        with self._writer.transaction(sync=False) as connection:
            connection.execute(self._sql["drop_lease"], (owner,))

    def interrupted(self, now: float) -> list[RootRow]:
        """Unfinished roots whose owner has no lease at `now`, the oldest first."""
        return [root_row(row) for row in self._read("interrupted", (now,))]

    def claim(self, root_ids: Iterable[JobId], owner: str, now: float) -> list[JobId]:
        """Make `owner` the owner of those that are still interrupted, and return them."""
        wanted = set(root_ids)
        with self._writer.transaction() as connection:
            rows = connection.execute(self._sql["interrupted"], (now,)).fetchall()
            found = [row[0] for row in rows if row[0] in wanted]
            claim = {"ids": json.dumps(found), "owner": owner}
            for name in ("remember_loss", "forget_loss", "put_owner"):
                connection.execute(self._sql[name], claim)
        return found

    def queues(self) -> list[Queue]:
        """The queues that were saved, by name."""
        return queues_of(body for (body,) in self._read("queues"))

    def save_queue(self, queue: Queue) -> None:
        """Keep a queue, in place of the one of the same name."""
        with self._writer.transaction() as connection:
            connection.execute(self._sql["put_queue"], (queue.name, queue.model_dump_json()))

    def named(self, urls: Iterable[str]) -> set[str]:
        """Those of the URLs at which a result or a checkpoint lies that is still wanted."""
        return {url for (url,) in self._read("named", {"urls": json.dumps(list(urls))})}

    def expire(self, now: float) -> Dropped:
        """Drop results and leases whose time is over, and checkpoints of trees that have ended."""
        with self._writer.transaction(sync=False) as connection:
            urls = connection.execute(self._sql["expiring_urls"], (now,)).fetchall()
            urls += connection.execute(self._sql["checkpoint_urls"]).fetchall()
            count = connection.execute(self._sql["expire"], (now,)).rowcount
            connection.execute(self._sql["drop_checkpoints"])
            connection.execute(self._sql["drop_leases"], (now,))
        return Dropped(count, tuple(url for (url,) in urls))

    def delete(self, root_ids: Iterable[JobId]) -> Dropped:
        """Forget whole trees, one transaction each; functions and queues stay."""
        dropped = [self._delete(root_id) for root_id in root_ids]
        # A script, because this statement frees one page a step, and a query takes one step.
        self._writer.script(self._sql["give_back"])
        urls = tuple(url for tree in dropped for url in tree.urls)
        return Dropped(sum(tree.count for tree in dropped), urls)

    def size(self) -> int:
        """Bytes in use, without space that was freed and waits to be used again."""
        return int(self._read("size")[0][0])

    def close(self) -> None:
        """Let go of the file; a second time does nothing."""
        self._reader.close()
        self._writer.close()

    def _delete(self, root_id: JobId) -> Dropped:
        # A transaction a tree, so that the service gets its turn while much is deleted.
        tree = {"root": root_id}
        with self._writer.transaction(sync=False) as connection:
            urls = connection.execute(self._sql["urls_of_root"], tree).fetchall()
            count = connection.execute(self._sql["delete_results"], tree).rowcount
            for name in REST_OF_TREE:
                connection.execute(self._sql[name], tree)
        return Dropped(count, tuple(url for (url,) in urls))

    def _check_owner(self, connection: sqlite3.Connection, batch: Commit) -> None:
        """Fence off an owner whose trees were claimed: one look at what is nearly always empty."""
        lost = {root_id for (root_id,) in connection.execute(self._sql["lost"], (batch.owner,))}
        if lost:
            refuse_lost(lost, batch)

    def _check_keys(self, connection: sqlite3.Connection, keys: Rows) -> None:
        if keys:
            taken = connection.execute(self._sql["taken_key"], (json.dumps(keys),)).fetchone()
            if taken is not None:
                refuse_key(*taken)

    def _of_jobs(self, name: str, ids: Iterable[JobId]) -> Iterator[list[Any]]:
        wanted = list(ids)
        for start in range(0, len(wanted), PORTION):
            portion = json.dumps(wanted[start : start + PORTION])
            yield from self._read_packed(name, (portion,))

    def _read_packed(self, name: str, parameters: Parameters) -> list[list[Any]]:
        """Many rows in one step, as JSON; `sqlite_file.insert` says why."""
        packed: str = self._read(name, parameters)[0][0]
        rows: list[list[Any]] = json.loads(packed)
        return rows

    def _read(self, name: str, parameters: Parameters = ()) -> list[Any]:
        return self._reader.rows(self._sql[name], parameters)


def _stored(
    now: float, value: str | None, url: str | None, expires: str | None, expired: int
) -> StoredResult:
    return stored_result(
        now,
        None if value is None else bytes.fromhex(value),
        url,
        None if expires is None else float(expires),
        bool(expired),
    )
