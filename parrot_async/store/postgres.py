"""The job store in PostgreSQL: for teams whose clusters and clients share one history."""

import json
import time
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, closing
from functools import partial
from operator import itemgetter
from typing import Any

import psycopg

from parrot_async.errors import StoreError, StoreUnsureError
from parrot_async.model.models import JobId, JobStatus, Queue
from parrot_async.model.rows import RootRow
from parrot_async.store.port import Commit, Dropped, StoredCheckpoint, StoredResult
from parrot_async.store.postgres_connection import (
    DriverConnection,
    Parameters,
    PostgresConnection,
    pipelined,
)
from parrot_async.store.sealing import unsealed
from parrot_async.store.tables import (
    Rows,
    queues_of,
    refuse_key,
    refuse_lost,
    root_row,
    statements,
    stored_result,
    tables,
    written_roots,
)

PORTION = 1000
"""How many rows are read at once, so that big ones do not fill the memory."""
LOST, TAKEN = "PALOS", "PAKEY"
"""SQLSTATEs that the functions of the schema raise."""
IN_ORDER = frozenset({"put_function", "put_key", "move_key", "put_cached"})
"""Statements whose rows others may write too: in one order, so that there is no deadlock."""
REST_OF_TREE = tuple(
    f"delete_{table}" for table in ("arguments", "keys", "cached", "lost", "events", "root")
)
"""Statements that delete a tree, except for those that return URLs."""


class PostgresStore:
    """A JobStore in a server; one connection writes, one reads, and neither waits for the other.

    After a cut each call reconnects once. A commit whose answer was lost is looked up then, and
    written only if it is not there. Every commit waits for the server's disk: without, the last
    commits would not survive the death of the server's processes.
    """

    def __init__(self, url: str, read_only: bool = False) -> None:
        """Connect, and make the schema if need be; raises StoreError where that fails."""
        self._sql = {name: sql.encode() for name, sql in statements("postgres_queries").items()}
        self._latest = 0
        self._unsure = False
        """Whether a commit was begun whose answer was lost."""
        with ExitStack() as opened:
            self._writer = opened.enter_context(closing(PostgresConnection(url, read_only)))
            self._reader = PostgresConnection(url, read_only)
            opened.pop_all()

    def __repr__(self) -> str:
        """Show the server, never the password."""
        return f"<PostgresStore {self._writer.place}>"

    def commit(self, batch: Commit) -> range:
        """Write all of `batch`, durable on return; returns the sequence numbers of its events.

        Raises StoreUnsureError where the server is gone and may have written it: commit the same
        batch again before anything else.
        """
        again = partial(self._write_again, batch)
        try:
            first = self._writer.do(again if self._unsure else partial(self._write, batch), again)
        except StoreError as exc:
            if self._unsure:
                raise StoreUnsureError(str(exc)) from exc
            raise
        numbers = range(first, first + len(batch.events))
        self._latest = numbers[-1] if numbers else self._latest
        return numbers

    def events(
        self, root_id: JobId, after: int = 0, limit: int | None = None
    ) -> list[tuple[int, bytes]]:
        """Return number and body of a tree's events after number `after`, in order."""
        found: list[tuple[int, bytes]] = []
        while limit is None or len(found) < limit:
            size = PORTION if limit is None else min(PORTION, limit - len(found))
            rows = self._read("events", (root_id, after, size))
            found += rows
            if len(rows) < size:
                break
            after = found[-1][0]
        return found

    def arguments(self, ids: Iterable[JobId]) -> dict[JobId, bytes]:
        """Return the pickled arguments of those of the jobs that have some."""
        return {job_id: unsealed(value) for job_id, value in self._of_many("arguments", ids)}

    def results(self, ids: Iterable[JobId], now: float | None = None) -> dict[JobId, StoredResult]:
        """Return results of those of the jobs that have one; as expired what is over at `now`."""
        now = time.time() if now is None else now
        return {row[0]: stored_result(now, *row[1:]) for row in self._of_many("results", ids)}

    def function(self, function_id: str) -> bytes | None:
        """Return the pickled function, or None for an unknown one."""
        found: bytes | None = self._one("function", (function_id,))
        return None if found is None else unsealed(found)

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
        wanted = None if status is None else str(status)
        filters = {"status": wanted, "queue": queue, "function": function, "since": since}
        return [root_row(row) for row in self._read("roots", {**filters, "limit": limit})]

    def root(self, root_id: JobId) -> RootRow | None:
        """Return one root's row, or None for an unknown one."""
        rows = self._read("root", (root_id,))
        return root_row(rows[0]) if rows else None

    def job_of_key(self, key: str) -> JobId | None:
        """Return the job of this key, or None."""
        found: JobId | None = self._one("job_of_key", (key,))
        return found

    def cached(self, keys: Iterable[str], now: float) -> dict[str, JobId]:
        """Return, by content key, completed jobs whose result is still there at `now`."""
        return dict(self._read("cached", (list(keys), now)))

    def checkpoints(self, ids: Iterable[JobId]) -> dict[JobId, StoredCheckpoint]:
        """Return the latest checkpoint of each of the jobs that saved one."""
        return {row[0]: StoredCheckpoint(*row[1:]) for row in self._of_many("checkpoints", ids)}

    def finished_before(self, at: float, limit: int) -> list[JobId]:
        """Return the roots that ended before `at`, those that ended first first."""
        return [root_id for (root_id,) in self._read("finished_before", (at, limit))]

    def lease(self, owner: str, until: float) -> None:
        """Note that `owner` lives at least until then; its trees are not interrupted before."""
        self._change("put_lease", (owner, until))

    def drop_lease(self, owner: str) -> None:
        """End a lease at once: the owner will not write again."""
        self._change("drop_lease", (owner,))

    def interrupted(self, now: float) -> list[RootRow]:
        """Return unfinished roots whose owner has no lease at `now`, the oldest first."""
        return [root_row(row) for row in self._read("interrupted", (now,))]

    def claim(self, root_ids: Iterable[JobId], owner: str, now: float) -> list[JobId]:
        """Make `owner` the owner of those that are still interrupted, and return them."""
        claim = (list(root_ids), owner, now)
        # After a cut, what the lost claim got is not interrupted any more, but must be returned.
        found = self._writer.do(partial(self._claim, *claim), partial(self._claim_again, *claim))
        return [root_id for (root_id,) in found]

    def queues(self) -> list[Queue]:
        """Return the saved queues, in the order of their names."""
        return queues_of(body for (body,) in self._read("queues"))

    def save_queue(self, queue: Queue) -> None:
        """Save a queue, in place of the one of the same name."""
        self._change("put_queue", (queue.name, queue.model_dump_json()))

    def named(self, urls: Iterable[str]) -> set[str]:
        """Return those of the URLs that a kept result or checkpoint still names."""
        wanted = list(urls)
        return {url for (url,) in self._read("named", (wanted, wanted))}

    def expire(self, now: float) -> Dropped:
        """Drop results and leases whose time is over, and checkpoints of finished trees."""
        results = self._writer.rows(self._sql["expire"], (now,))
        checkpoints = self._writer.rows(self._sql["drop_checkpoints"])
        self._change("drop_leases", (now,))
        return Dropped(len(results), _urls(results + checkpoints))

    def delete(self, root_ids: Iterable[JobId]) -> Dropped:
        """Delete whole trees, one transaction each; functions and queues stay."""
        dropped = [self._writer.do(partial(self._delete, root_id)) for root_id in root_ids]
        urls = tuple(url for tree in dropped for url in tree.urls)
        return Dropped(sum(tree.count for tree in dropped), urls)

    def size(self) -> int:
        """Return the bytes of what is kept; adding them up takes seconds in a big store."""
        return int(self._one("size"))

    def close(self) -> None:
        """Close both connections; a second time does nothing."""
        self._reader.close()
        self._writer.close()

    def _write(self, batch: Commit, connection: DriverConnection) -> int:
        """Write in one round trip; returns the number of the first event."""
        first = None
        self._unsure = True
        try:
            with pipelined(connection):
                roots = list(written_roots(batch))
                connection.execute(self._sql["check_owner"], (batch.owner, roots))
                if batch.events:
                    columns = (len(batch.events), *_columns(batch.events))
                    first = connection.execute(self._sql["append_events"], columns)
                for name, rows in tables(batch):
                    if rows:
                        connection.execute(self._sql[name], _columns(_distinct(name, rows)))
                if batch.keys:
                    connection.execute(self._sql["check_keys"], _columns(batch.keys))
        except psycopg.DatabaseError as exc:
            self._unsure = connection.closed  # an open one has brought the server's refusal
            _refuse(exc, batch)
            raise
        self._unsure = False
        return 0 if first is None else int(first.fetchall()[0][0])

    def _write_again(self, batch: Commit, connection: DriverConnection) -> int:
        """Write a batch again whose answer was lost, unless it is in the store already."""
        if batch.events:
            root_id, body = batch.events[-1]
            cursor = connection.execute(self._sql["written_event"], (root_id, self._latest, body))
            ((last,),) = cursor.fetchall()
            if last is not None:
                self._unsure = False
                return int(last) - len(batch.events) + 1
        return self._write(batch, connection)

    def _claim(
        self, wanted: list[JobId], owner: str, now: float, connection: DriverConnection
    ) -> list[Any]:
        return connection.execute(self._sql["claim"], (wanted, owner, now)).fetchall()

    def _claim_again(
        self, wanted: list[JobId], owner: str, now: float, connection: DriverConnection
    ) -> list[Any]:
        claimed = connection.execute(self._sql["owned"], (wanted, owner)).fetchall()
        return claimed + self._claim(wanted, owner, now, connection)

    def _delete(self, root_id: JobId, connection: DriverConnection) -> Dropped:
        # A transaction a tree, so that the service gets its turn while much is deleted.
        tree = {"root": root_id}
        with pipelined(connection):
            results = connection.execute(self._sql["delete_results"], tree)
            checkpoints = connection.execute(self._sql["delete_checkpoints"], tree)
            for name in REST_OF_TREE:
                connection.execute(self._sql[name], tree)
        found = results.fetchall()
        return Dropped(len(found), _urls(found + checkpoints.fetchall()))

    def _change(self, name: str, parameters: Parameters) -> None:
        self._writer.do(lambda connection: connection.execute(self._sql[name], parameters))

    def _of_many(self, name: str, ids: Iterable[JobId]) -> Iterator[tuple[Any, ...]]:
        wanted = list(ids)
        for start in range(0, len(wanted), PORTION):
            yield from self._read(name, (wanted[start : start + PORTION],))

    def _one(self, name: str, parameters: Parameters = ()) -> Any:
        rows = self._read(name, parameters)
        return rows[0][0] if rows else None

    def _read(self, name: str, parameters: Parameters = ()) -> list[Any]:
        return self._reader.rows(self._sql[name], parameters)


def _columns(rows: Rows) -> list[list[object]]:
    return [[*column] for column in zip(*rows, strict=True)]


def _distinct(name: str, rows: Rows) -> Rows:
    """Return the last row of each id, because one statement may change a row only once."""
    if name == "put_key":
        return sorted(rows, key=itemgetter(0))
    if name == "put_checkpoint":
        rows = sorted(rows, key=itemgetter(1))  # the latest attempt last
    if name == "put_root":
        rows = [[_printable(value) for value in row] for row in rows]
    found = list({row[0]: row for row in rows}.values())
    return sorted(found, key=itemgetter(0)) if name in IN_ORDER else found


def _printable(value: object) -> object:
    """Return a text without NUL, which no text in PostgreSQL can have; a job's error may."""
    return value.replace("\0", "\N{SYMBOL FOR NULL}") if isinstance(value, str) else value


def _urls(rows: Iterable[tuple[str | None]]) -> tuple[str, ...]:
    return tuple(url for (url,) in rows if url is not None)


def _refuse(exc: psycopg.DatabaseError, batch: Commit) -> None:
    detail = exc.diag.message_detail or "null"
    if exc.sqlstate == LOST:
        refuse_lost(set(json.loads(detail)), batch)
    if exc.sqlstate == TAKEN:
        refuse_key(*json.loads(detail))
