"""Ends of one turn of the loop: as few events as their order allows."""

import pytest

from parrot_async.model.events import (
    AttemptFailedRows,
    CancelledRows,
    CompletedRows,
    FailedRows,
    RequeuedRows,
)
from parrot_async.model.models import JobResult
from parrot_async.service.journal.ends import End, EndGroups
from tests.unit.stories import BROKEN


def test_like_ends_of_one_tree_are_one_group() -> None:
    groups = EndGroups()
    for number in range(3):
        groups.rows(CompletedRows, "r").append((f"r.{number}", 1, 1.0, JobResult(), None))

    (rows,) = groups.take()

    assert [row[0] for row in rows] == ["r.0", "r.1", "r.2"]


def test_ends_of_jobs_keep_their_order() -> None:
    groups = EndGroups()
    first = groups.rows(CompletedRows, "r")
    groups.rows(FailedRows, "r")
    groups.rows(CancelledRows, "r")
    last = groups.rows(CompletedRows, "r")

    kinds = [type(rows) for rows in groups.take()]

    assert kinds == [CompletedRows, FailedRows, CancelledRows, CompletedRows]
    assert first is not last


def test_failed_attempts_come_first_and_then_those_that_wait_for_the_next() -> None:
    groups = EndGroups()
    groups.rows(FailedRows, "r")
    groups.rows(RequeuedRows, "r")
    groups.rows(AttemptFailedRows, "r")
    groups.rows(FailedRows, "r")

    kinds = [type(rows) for rows in groups.take()]

    assert kinds == [AttemptFailedRows, RequeuedRows, FailedRows]


def test_trees_have_groups_of_their_own() -> None:
    groups = EndGroups()

    assert groups.rows(CompletedRows, "a") is not groups.rows(CompletedRows, "b")
    assert len(groups.take()) == 2


def test_groups_that_were_taken_take_no_more_rows() -> None:
    groups = EndGroups()
    before = groups.rows(CompletedRows, "r")
    taken = groups.take()

    after = groups.rows(CompletedRows, "r")

    assert taken == [before]
    assert after is not before
    assert groups
    assert not EndGroups()


def test_an_end_has_a_result_or_an_error() -> None:
    good, bad = End(1.0, result=JobResult(preview="42")), End(1.0, error=BROKEN)

    assert good.require_result().preview == "42"
    assert bad.require_error() is BROKEN
    with pytest.raises(ValueError, match="broken"):
        bad.require_result()
    with pytest.raises(ValueError, match="42"):
        good.require_error()
