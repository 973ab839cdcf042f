"""What the stores have in common: statements, rows, and refusals."""

import re
from dataclasses import fields
from decimal import Decimal

import pytest

from parrot_async.errors import KeyTakenError, LeaseLostError, StoreError
from parrot_async.model.models import JobStatus, Queue
from parrot_async.model.rows import RootRow
from parrot_async.store import Commit, StoredResult
from parrot_async.store.postgres_connection import MIGRATIONS as POSTGRES
from parrot_async.store.sqlite_file import MIGRATIONS as SQLITE
from parrot_async.store.tables import (
    queues_of,
    refuse_key,
    refuse_lost,
    root_columns,
    root_row,
    statements,
    stored_result,
    tables,
    written_roots,
)

ROOT = RootRow("r", "Read", "docs:read", "ingest", JobStatus.RUNNING, 1.25, None, Decimal("0.10"))


def test_a_file_of_statements_is_read_by_their_names() -> None:
    found = statements("sqlite_queries")

    assert found["put_lease"].startswith("INSERT")
    assert all(re.fullmatch(r"\w+", name) for name in found)
    assert not any(text.lstrip().startswith("--") for text in found.values())


@pytest.mark.parametrize("name", ["sqlite_queries", "postgres_queries", *SQLITE, *POSTGRES])
def test_every_statement_has_a_name_and_ends(name: str) -> None:
    for statement in statements(name).values():
        assert statement.rstrip().endswith(";")


@pytest.mark.parametrize("kind", ["sqlite", "postgres"])
def test_each_list_of_a_commit_has_a_statement_in_each_store(kind: str) -> None:
    known = statements(f"{kind}_queries").keys()
    lists = {field.name for field in fields(Commit)} - {"events", "owner", "sync"}

    named = [name for name, _ in tables(Commit())]

    assert set(named) <= known
    assert len(named) == len(lists)


def test_a_row_of_a_root_is_read_as_it_was_written() -> None:
    columns = root_columns(ROOT, "me")

    row = root_row(columns)

    assert row == RootRow(*columns[:4], JobStatus.RUNNING, 1.25, None, Decimal("0.10"), None, "me")
    assert str(row.cost) == "0.10"


def test_rows_go_to_their_tables_with_the_owner_of_the_commit() -> None:
    batch = Commit(roots=[ROOT], keys=[("nightly", "r")], owner="me")

    found = {name: rows for name, rows in tables(batch) if rows}

    assert found == {"put_root": [root_columns(ROOT, "me")], "put_key": [("nightly", "r")]}


@pytest.mark.parametrize(
    ("now", "expires_at", "expired", "there"),
    [(5, None, False, True), (5, 6, False, True), (5, 5, False, False), (5, None, True, False)],
)
def test_a_result_is_there_until_its_time_is_over(
    now: float, expires_at: float | None, expired: bool, there: bool
) -> None:
    result = stored_result(now, b"value", None, expires_at, expired)

    assert result == StoredResult(b"value" if there else None, None, expires_at, not there)


def test_queues_come_back_and_those_of_another_version_are_refused() -> None:
    queue = Queue(name="fast", limit=3)

    assert queues_of([queue.model_dump_json()]) == [queue]
    with pytest.raises(StoreError, match="saved by another version"):
        queues_of(['{"name": "fast", "speed": 3}'])


def test_a_commit_writes_to_the_trees_of_its_events_and_roots() -> None:
    batch = Commit(events=[("a", b""), ("a", b""), ("b", b"")], roots=[ROOT])

    assert written_roots(batch) == {"a", "b", "r"}


def test_a_commit_to_lost_trees_is_refused_with_their_names() -> None:
    batch = Commit(events=[(str(number), b"") for number in range(9)])

    refuse_lost({"another"}, batch)
    with pytest.raises(LeaseLostError, match="taken over 0, 1, 2, 3, 4 and others") as caught:
        refuse_lost({str(number) for number in range(7)}, batch)

    assert caught.value.root_ids == tuple("0123456")


def test_a_taken_key_is_refused_with_the_job_that_has_it() -> None:
    with pytest.raises(KeyTakenError, match="job r has the key 'nightly'") as caught:
        refuse_key("nightly", "r")

    assert (caught.value.key, caught.value.job_id) == ("nightly", "r")
