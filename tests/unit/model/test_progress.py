"""Progress: what a tree says of the time elapsed and left, of what runs now, and of results."""

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from parrot_async.model.events import PauseRequested
from parrot_async.model.models import JobStatus
from parrot_async.model.progress import (
    children_summary,
    current_activity,
    elapsed,
    latest_results,
    remaining,
    status_report,
)
from parrot_async.model.tree import fold
from tests.unit.stories import (
    PLAN,
    attempt_failed,
    completed,
    family,
    progressed,
    requeued,
    started,
    submitted,
    waiting,
)

if TYPE_CHECKING:
    from parrot_async.model.events import Event


def at(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


def test_the_current_activity_is_the_step_of_the_deepest_job_that_runs() -> None:
    tree = fold(
        [
            submitted("r", spec=PLAN),
            submitted("r.0", "r.1", spec=PLAN),
            submitted("r.0.0"),
            submitted("r.1.0", titles=["Create slides"]),
            waiting("r", "r.0", "r.1"),
            started("r.1.0"),
            progressed("r.1.0", percent=5, step="choosing a template"),
        ]
    )

    assert current_activity(tree, tree.root) == "Processing: Create slides: choosing a template"
    assert current_activity(tree, tree["r.1.0"]) == "choosing a template"
    assert current_activity(tree, tree["r.0"]) == "Waiting For Children"
    assert current_activity(tree, tree["r.0.0"]) == "Queued"


def test_elapsed_stops_at_the_end_and_is_unknown_before_the_start() -> None:
    tree = family(2, started("r.0", at=10), completed("r.0", at=14))

    assert elapsed(tree["r.0"], at(99)) == 4
    assert elapsed(tree["r.1"], at(99)) is None


def test_a_clock_that_is_behind_gives_no_negative_times() -> None:
    tree = family(1, started("r.0", at=10), progressed("r.0", percent=50))

    assert elapsed(tree["r.0"], at(9)) == 0
    assert remaining(tree["r.0"], at(9)) == 0


def test_the_remaining_time_follows_the_jobs_own_rate() -> None:
    tree = family(1, started("r.0", at=10), progressed("r.0", percent=25))

    assert remaining(tree["r.0"], at(20)) == 30


def test_the_remaining_time_after_a_retry_follows_the_running_attempt() -> None:
    story: list[Event] = [
        started("r.0", at=0),
        attempt_failed("r.0", at=100),
        requeued("r.0", at=100),
    ]
    again: list[Event] = [
        started("r.0", attempt=2, at=110),
        progressed("r.0", attempt=2, percent=50),
    ]
    tree = family(1, *story, *again)

    assert remaining(tree["r.0"], at(120)) == 10


@pytest.mark.parametrize(("now", "left"), [(12, 28), (99, 0)])
def test_without_progress_the_history_of_the_function_says_what_remains(
    now: float, left: float
) -> None:
    tree = family(2, started("r.0", at=10))
    history = {"tests:task": 30.0}

    assert remaining(tree["r.0"], at(now), history) == left
    assert remaining(tree["r.1"], at(now), history) == 30
    assert remaining(tree["r.0"], at(now)) is None


def test_the_pause_before_a_retry_is_part_of_what_remains() -> None:
    tree = family(1, started("r.0"), attempt_failed("r.0"), requeued("r.0", at=10))

    assert remaining(tree["r.0"], at(10), {"tests:task": 5.0}) == 6


def test_nothing_remains_to_be_estimated_after_the_end() -> None:
    tree = family(1, completed("r.0", attempt=0))

    assert remaining(tree["r.0"], at(20), {"tests:task": 5.0}) is None


def test_the_latest_results_come_first() -> None:
    ends = [completed(f"r.{number}", attempt=0, at=number) for number in (2, 0, 7, 5, 1, 3, 6)]
    tree = family(8, *ends)

    results = list(latest_results(tree, limit=3))

    assert [result.job_id for result in results] == ["r.7", "r.6", "r.5"]
    assert results[0].completed_at == at(0) + timedelta(seconds=7)


def test_a_report_is_about_the_root_or_about_the_job_that_is_named() -> None:
    tree = family(2, started("r.0", at=10), progressed("r.0", percent=50, step="half"))

    of_root, of_child = status_report(tree, now=at(20)), status_report(tree, "r.0", now=at(20))

    assert (of_root.job_id, of_root.progress_percentage) == ("r", 25)
    assert (of_child.job_id, of_child.title, of_child.current_activity) == ("r.0", "task", "half")
    assert (of_child.time_elapsed, of_child.estimated_remaining) == (10, 10)


def test_a_paused_job_has_no_time_left_to_estimate() -> None:
    history = {"tests:task": 5.0}
    tree = family(1)

    before = remaining(tree["r.0"], at(20), history)
    tree.apply(PauseRequested(ids=("r.0",), at=12))

    assert (before, remaining(tree["r.0"], at(20), history)) == (5, None)


def test_less_than_one_percent_is_not_enough_to_tell_a_rate() -> None:
    tree = family(1, started("r.0", at=10), progressed("r.0", percent=0.9))

    assert remaining(tree["r.0"], at(20)) is None
    assert remaining(tree["r.0"], at(20), {"tests:task": 30.0}) == 20


def test_the_summary_of_children_leaves_out_states_that_no_child_is_in() -> None:
    tree = family(3, started("r.0", "r.1"), completed("r.0"), completed("r.1"))

    assert children_summary(tree.root) == {JobStatus.COMPLETED: 2, JobStatus.QUEUED: 1}
    assert children_summary(tree["r.0"]) == {}


def test_a_running_job_without_a_step_is_said_to_run() -> None:
    tree = fold([submitted("r"), started("r")])

    assert current_activity(tree, tree.root) == "Running"


def test_results_below_a_job_are_those_of_that_job_only() -> None:
    tree = fold(
        [
            submitted("r", spec=PLAN),
            submitted("r.0", "r.1", spec=PLAN),
            submitted("r.0.0"),
            submitted("r.1.0"),
            completed("r.0.0", attempt=0, preview="here"),
            completed("r.1.0", attempt=0, preview="there"),
        ]
    )

    assert [result.preview for result in latest_results(tree, "r.0")] == ["here"]
    assert len(list(latest_results(tree))) == 2
