"""The PostgreSQL store without a server: rows as its statements take them."""

import pytest

from parrot_async.store.postgres import IN_ORDER, REST_OF_TREE, _columns, _distinct, _urls
from parrot_async.store.tables import statements


def test_rows_become_the_columns_that_one_statement_takes() -> None:
    assert _columns([("a", 1), ("b", 2)]) == [["a", "b"], [1, 2]]
    assert _columns([]) == []


def test_of_two_rows_with_one_id_the_last_is_written() -> None:
    rows = [("r", b"first"), ("s", b"other"), ("r", b"last")]

    assert _distinct("put_arguments", rows) == [("r", b"last"), ("s", b"other")]


def test_of_two_checkpoints_that_of_the_later_attempt_is_written() -> None:
    rows = [("r", 2, b"second", None), ("r", 1, b"first", None)]

    assert _distinct("put_checkpoint", rows) == [("r", 2, b"second", None)]


@pytest.mark.parametrize("name", sorted(IN_ORDER - {"put_key"}))
def test_rows_that_others_may_write_too_are_in_one_order(name: str) -> None:
    assert _distinct(name, [("b", 1), ("a", 2), ("b", 3)]) == [("a", 2), ("b", 3)]


def test_each_job_that_wants_a_key_is_heard_though_one_gets_it() -> None:
    rows = [("b", "r"), ("a", "r"), ("b", "s")]

    assert _distinct("put_key", rows) == [("a", "r"), ("b", "r"), ("b", "s")]


def test_texts_of_roots_have_no_nul() -> None:
    ((_, error, cost),) = _distinct("put_root", [("r", "bad \0 byte", 1.0)])

    assert error == "bad \N{SYMBOL FOR NULL} byte"
    assert cost == 1.0


def test_results_without_a_file_name_no_url() -> None:
    assert _urls([("file:///a",), (None,), ("file:///b",)]) == ("file:///a", "file:///b")


def test_a_tree_is_deleted_from_every_table_that_names_it() -> None:
    rows = {name for name in statements("postgres_queries") if name.startswith("delete_")}

    assert rows - {"delete_results", "delete_checkpoints"} == set(REST_OF_TREE)
