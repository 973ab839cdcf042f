"""The job store in one SQLite file: durable when a commit returns, open to many processes."""

import json
import time
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, closing
from decimal import Decimal
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from parrot_async.errors import StoreError
from parrot_async.models import JobId, JobStatus, Queue
from parrot_async.store import Commit, Dropped, RootRow, StoredResult
from parrot_async.store.sqlite_file import Parameters, SQLiteFile, insert, statements

PATIENCE = 5.0
"""Seconds to wait for another process that writes."""
PORTION = 1000
"""Rows that are read at once, so that big ones do not fill the memory."""


class SQLiteStore:
    """A JobStore in a file; one connection writes, one reads, and neither waits for the other."""

    def __init__(self, path: Path, patience: float = PATIENCE) -> None:
        """Open the file, or make it; StoreError says what to do where neither can be."""
        self._sql = statements("sqlite_queries")
        with ExitStack() as opened:
            self._writer = opened.enter_context(closing(SQLiteFile(path, patience)))
            self._reader = SQLiteFile(path, patience)
            opened.pop_all()

    def commit(self, batch: Commit) -> range:
        """Write all of `batch`, durable on return; the sequence numbers of its events."""
        self._writer.wait_for_disk(batch.sync)
        with self._writer.transaction() as connection:
            last = 0
            if batch.events:
                insert(connection, self._sql["append_event"], batch.events)
                (last,) = connection.execute(self._sql["last_event"]).fetchone()
            for name, rows in _rows(batch):
                insert(connection, self._sql[name], rows)
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
        return [_root(row) for row in self._read("roots", {**filters, "limit": limit})]

    def root(self, root_id: JobId) -> RootRow | None:
        """One root's row, or None where it is not known."""
        rows = self._read("root", (root_id,))
        return _root(rows[0]) if rows else None

    def job_of_key(self, key: str) -> JobId | None:
        """The latest job of this key, or None."""
        rows: list[tuple[JobId]] = self._read("job_of_key", (key,))
        return rows[0][0] if rows else None

    def unfinished(self) -> list[JobId]:
        """Roots in a state that is not terminal, the oldest first."""
        return [root_id for (root_id,) in self._read("unfinished")]

    def queues(self) -> list[Queue]:
        """The queues that were saved, by name."""
        try:
            return [Queue.model_validate_json(body) for (body,) in self._read("queues")]
        except ValidationError as exc:
            raise StoreError(
                "a queue in the job store was saved by another version of parrot_async:"
                f" use that version, or save the queue again ({exc})"
            ) from exc

    def save_queue(self, queue: Queue) -> None:
        """Keep a queue, in place of the one of the same name."""
        with self._writer.transaction() as connection:
            connection.execute(self._sql["put_queue"], (queue.name, queue.model_dump_json()))

    def expire(self, now: float) -> Dropped:
        """Drop values whose time is over at `now`; that they existed is remembered."""
        with self._writer.transaction() as connection:
            urls = connection.execute(self._sql["expiring_urls"], (now,)).fetchall()
            count = connection.execute(self._sql["expire"], (now,)).rowcount
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
        with self._writer.transaction() as connection:
            urls = connection.execute(self._sql["urls_of_root"], tree).fetchall()
            count = connection.execute(self._sql["delete_results"], tree).rowcount
            for name in ("delete_arguments", "delete_keys", "delete_events", "delete_root"):
                connection.execute(self._sql[name], tree)
        return Dropped(count, tuple(url for (url,) in urls))

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


def _rows(batch: Commit) -> Iterable[tuple[str, list[Any]]]:
    """Each statement of a commit with its rows; the events are apart, for their numbers."""
    return (
        ("put_arguments", batch.arguments),
        ("put_result", batch.results),
        ("put_function", batch.functions),
        ("put_root", [_columns(row) for row in batch.roots]),
        ("put_key", batch.keys),
    )


def _columns(row: RootRow) -> tuple[str | float | None, ...]:
    head = (row.id, row.title, row.function, row.queue, row.status)
    return (*head, row.created_at, row.completed_at, str(row.cost), row.error)


def _root(row: tuple[Any, ...]) -> RootRow:
    root_id, title, function, queue, status, created_at, completed_at, cost, error = row
    return RootRow(
        root_id,
        title,
        function,
        queue,
        JobStatus(status),
        created_at,
        completed_at,
        Decimal(cost),
        error,
    )


def _stored(
    now: float, value: str | None, url: str | None, expires: str | None, expired: int
) -> StoredResult:
    expires_at = None if expires is None else float(expires)
    if expired or (expires_at is not None and expires_at <= now):
        return StoredResult(None, None, expires_at, expired=True)
    return StoredResult(None if value is None else bytes.fromhex(value), url, expires_at)
