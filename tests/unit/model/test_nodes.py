"""A node's own rules: attempts, ends by other clocks, pauses, bills that come twice."""

from datetime import UTC, datetime

import pytest

from parrot_async.errors import ErrorInfo
from parrot_async.model.models import JobNode, JobSpec, JobStatus, utc
from parrot_async.model.nodes import (
    blank_node,
    close,
    end_time,
    forget_progress,
    hold,
    is_billed,
    is_newer,
    is_over,
    note_incomplete,
    retire,
    shown_status,
)

ERROR = ErrorInfo("lost", "its worker died")


@pytest.fixture
def node() -> JobNode:
    made = blank_node()
    made.id, made.spec, made.stage = "r", JobSpec(title="job"), JobStatus.RUNNING
    made.created_at = utc(100)
    return made


def test_an_attempt_that_ended_is_moved_to_the_past(node: JobNode) -> None:
    node.attempt, node.begun_at, node.worker = 1, utc(110), "w"

    close(node, 120, ERROR)
    retire(node)

    (past,) = node.attempts
    assert past.error == ERROR
    assert not is_over(node)


def test_an_attempt_never_ends_before_it_began(node: JobNode) -> None:
    node.begun_at = utc(110)

    close(node, 90, None)

    assert node.ended_at == utc(110)
    assert is_over(node)


def test_an_attempt_ends_once(node: JobNode) -> None:
    node.begun_at = utc(110)
    close(node, 120, ERROR)

    close(node, 130, None)

    assert (node.ended_at, node.attempt_error) == (utc(120), ERROR)


@pytest.mark.parametrize(("at", "shown"), [(90, 100), (105, 105)])
def test_a_job_never_ends_before_it_was_created(node: JobNode, at: float, shown: float) -> None:
    assert end_time(node, at) == datetime.fromtimestamp(shown, UTC)


def test_an_attempt_is_newer_than_what_was_before_it_began(node: JobNode) -> None:
    assert not is_newer(node, 0)

    node.begun_at = utc(110)

    assert is_newer(node, 105)
    assert not is_newer(node, 115)


def test_a_bill_that_comes_again_counts_once(node: JobNode) -> None:
    first = [is_billed(node, 1, number) for number in (1, 2, 2, 1)]
    other = is_billed(node, 2, 1)

    assert first == [False, False, True, True]
    assert not other


def test_a_bill_without_a_number_always_counts(node: JobNode) -> None:
    assert not is_billed(node, 1, 0)
    assert not is_billed(node, 1, 0)


def test_the_time_of_a_pause_does_not_count_as_running(node: JobNode) -> None:
    node.begun_at = utc(110)

    hold(node, "person", 120, wanted=True)
    hold(node, "person", 150, wanted=False)

    assert node.rested == 30
    assert not node.held_by


def test_a_job_that_runs_is_not_shown_as_paused_before_it_holds(node: JobNode) -> None:
    hold(node, "person", 120, wanted=True)
    before = shown_status(node)

    node.stage = JobStatus.PAUSED

    assert before is JobStatus.RUNNING
    assert shown_status(node) is JobStatus.PAUSED


def test_the_next_attempt_begins_at_nothing(node: JobNode) -> None:
    node.own_progress, node.current_step, node.steps_completed, node.total_steps = 40.0, "x", 4, 10

    forget_progress(node)

    shown = node.own_progress, node.current_step, node.steps_completed, node.total_steps
    assert shown == (0.0, "", 0, 0)


def test_all_above_a_job_know_that_it_ended_without_a_result() -> None:
    nodes = {}
    for job_id in ("r", "r.0", "r.0.0", "r.1"):
        nodes[job_id] = blank_node()
        nodes[job_id].parent_id = job_id.rpartition(".")[0] or None

    note_incomplete(nodes, nodes["r.0.0"])
    note_incomplete(nodes, nodes["r.1"])

    assert [i for i, node in nodes.items() if node.incomplete_below] == ["r", "r.0"]
