"""The port of the job store: both stores have all of it, with the same words."""

import inspect

import pytest

from parrot_async.store.port import Commit, JobStore
from parrot_async.store.postgres import PostgresStore
from parrot_async.store.sqlite import SQLiteStore

METHODS = [name for name in vars(JobStore) if not name.startswith("_")]


@pytest.mark.parametrize("store", [SQLiteStore, PostgresStore])
@pytest.mark.parametrize("name", METHODS)
def test_a_store_has_each_method_of_the_port_as_it_is_there(store: type, name: str) -> None:
    wanted = inspect.signature(getattr(JobStore, name))

    assert inspect.signature(getattr(store, name)) == wanted


def test_two_commits_share_nothing() -> None:
    one, other = Commit(), Commit()

    one.events.append(("r", b""))

    assert other.events == []
    assert one.sync
