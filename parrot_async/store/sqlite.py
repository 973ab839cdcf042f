"""The job store in one SQLite file: durable when a commit returns, shared by processes."""

import json
import sqlite3
import time
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

from parrot_async.model.models import JobId, JobStatus, Queue
from parrot_async.model.rows import RootRow
from parrot_async.store.port import Commit, Dropped, StoredCheckpoint, StoredResult
from parrot_async.store.sealing import unsealed
from parrot_async.store.sqlite_file import Parameters, SQLiteFile, insert
from parrot_async.store.tables import (
    Rows,
    queues_of,
    refuse_key,
    refuse_lost,
    root_row,
    statements,
    stored_result,
    tables,
)

PATIENCE = 5.0
"""Seconds to wait for another process that writes."""
PORTION = 1000
"""How many rows are read at once, so that big ones do not fill the memory."""
REST_OF_TREE = tuple(
    f"delete_{table}"
    for table in ("arguments", "checkpoints", "keys", "cached", "lost", "events", "root")
)
"""Statements that delete a tree, except for its results, which are counted."""


class SQLiteStore:
    """A JobStore in a file; one connection writes, one reads, and neither waits for the other."""

    def __init__(self, path: Path, patience: float = PATIENCE, read_only: bool = False) -> None:
        """Open the file, or make it; raises StoreError, which says what to do, where both fail."""
        self._sql = statements("sqlite_queries")
        with ExitStack() as opened:
            self._writer = opened.enter_context(closing(SQLiteFile(path, patience, read_only)))
            self._reader = SQLiteFile(path, patience, read_only)
            opened.pop_all()

    def commit(self, batch: Commit) -> range:
        """Write all of `batch`, durable on return; returns the sequence numbers of its events."""
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
        """Return number and body of a tree's events after number `after`, in order."""
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
        """Return the pickled arguments of those of the jobs that have some."""
        rows = self._of_jobs("arguments", ids)
        return {job_id: unsealed(bytes.fromhex(value)) for job_id, value in rows}

    def results(self, ids: Iterable[JobId], now: float | None = None) -> dict[JobId, StoredResult]:
        """Return results of those of the jobs that have one; as expired what is over at `now`."""
        now = time.time() if now is None else now
        return {row[0]: _stored(now, *row[1:]) for row in self._of_jobs("results", ids)}

    def function(self, function_id: str) -> bytes | None:
        """Return the pickled function, or None for an unknown one."""
        rows: list[tuple[bytes]] = self._read("function", (function_id,))
        return unsealed(rows[0][0]) if rows else None

    def roots(
        self,
        *,
        status: JobStatus | None = None,
        queue: str | None = None,
        function: str | None = None,
        since: float | None = None,
        limit: int = 100,
    ) -> list[RootRow]:
        """Return the roots that fit every given filter, the newest first."""
        filters = {"status": status, "queue": queue, "function": function, "since": since}
        return [root_row(row) for row in self._read("roots", {**filters, "limit": limit})]

    def root(self, root_id: JobId) -> RootRow | None:
        """Return one root's row, or None for an unknown one."""
        rows = self._read("root", (root_id,))
        return root_row(rows[0]) if rows else None

    def job_of_key(self, key: str) -> JobId | None:
        """Return the job of this key, or None."""
        rows: list[tuple[JobId]] = self._read("job_of_key", (key,))
        return rows[0][0] if rows else None

    def cached(self, keys: Iterable[str], now: float) -> dict[str, JobId]:
        """Return, by content key, completed jobs whose result is still there at `now`."""
        return dict(self._read("cached", (json.dumps(list(keys)), now)))

    def checkpoints(self, ids: Iterable[JobId]) -> dict[JobId, StoredCheckpoint]:
        """Return the latest checkpoint of each of the jobs that saved one."""
        rows = self._of_jobs("checkpoints", ids)
        return {
            job_id: StoredCheckpoint(attempt, None if value is None else bytes.fromhex(value), url)
            for job_id, attempt, value, url in rows
        }

    def finished_before(self, at: float, limit: int) -> list[JobId]:
        """Return the roots that ended before `at`, those that ended first first."""
        return [root_id for (root_id,) in self._read("finished_before", (at, limit))]

    def lease(self, owner: str, until: float) -> None:
        """Note that `owner` lives at least until then; its trees are not interrupted before."""
        with self._writer.transaction(sync=False) as connection:
            connection.execute(self._sql["put_lease"], (owner, until))

    def drop_lease(self, owner: str) -> None:
        """End a lease at once; the owner must not write again."""
        with self._writer.transaction(sync=False) as connection:
            connection.execute(self._sql["drop_lease"], (owner,))

    def interrupted(self, now: float) -> list[RootRow]:
        """Return unfinished roots whose owner has no lease at `now`, the oldest first."""
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
        """Return the saved queues, in the order of their names."""
        return queues_of(body for (body,) in self._read("queues"))

    def save_queue(self, queue: Queue) -> None:
        """Save a queue, in place of the one of the same name."""
        with self._writer.transaction() as connection:
            connection.execute(self._sql["put_queue"], (queue.name, queue.model_dump_json()))

    def named(self, urls: Iterable[str]) -> set[str]:
        """Return those of the URLs that a kept result or checkpoint still names."""
        return {url for (url,) in self._read("named", {"urls": json.dumps(list(urls))})}

    def expire(self, now: float) -> Dropped:
        """Drop results and leases whose time is over, and checkpoints of finished trees."""
        with self._writer.transaction(sync=False) as connection:
            urls = connection.execute(self._sql["expiring_urls"], (now,)).fetchall()
            urls += connection.execute(self._sql["checkpoint_urls"]).fetchall()
            count = connection.execute(self._sql["expire"], (now,)).rowcount
            connection.execute(self._sql["drop_checkpoints"])
            connection.execute(self._sql["drop_leases"], (now,))
        return Dropped(count, tuple(url for (url,) in urls))

    def delete(self, root_ids: Iterable[JobId]) -> Dropped:
        """Delete whole trees, one transaction each; functions and queues stay."""
        dropped = [self._delete(root_id) for root_id in root_ids]
        # As a script, because the statement frees one page a step, and a query takes one step.
        self._writer.script(self._sql["give_back"])
        urls = tuple(url for tree in dropped for url in tree.urls)
        return Dropped(sum(tree.count for tree in dropped), urls)

    def size(self) -> int:
        """Return the bytes in use, without free space that will be used again."""
        return int(self._read("size")[0][0])

    def close(self) -> None:
        """Close the file; a second time does nothing."""
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
        """Refuse an owner whose trees were claimed: one look at a table that is mostly empty."""
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
        """Return many rows, read in one step as JSON; `sqlite_file.insert` says why."""
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
