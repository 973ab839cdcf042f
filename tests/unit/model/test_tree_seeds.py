"""What the seeds' tree got wrong, each bug a test (DESIGN 2)."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING, get_type_hints

from parrot_async.model.models import JobSpec, JobStatus
from parrot_async.model.progress import JobStatusReport, status_report
from parrot_async.model.tree import fold
from tests.unit.stories import (
    BROKEN,
    PLAN,
    attempt_failed,
    cancelled,
    completed,
    failed,
    family,
    progressed,
    requeued,
    started,
    submitted,
)

if TYPE_CHECKING:
    from parrot_async.model.events import Event


def at(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


def test_a_parent_whose_children_all_failed_is_neither_complete_nor_at_100_percent() -> None:
    ids = ("r.0", "r.1")
    tree = family(2, started(*ids), progressed(*ids, percent=30), failed(*ids))

    tree.apply(failed("r", at=10))

    assert tree.root.status is JobStatus.FAILED
    assert tree.root.progress_percentage == 30
    assert status_report(tree).children_summary == {JobStatus.FAILED: 2}


def test_a_cancelled_child_counts_as_ended_like_the_others() -> None:
    tree = family(2, completed("r.0"), cancelled("r.1"))

    summary = status_report(tree).children_summary

    assert summary == {JobStatus.COMPLETED: 1, JobStatus.CANCELLED: 1}
    assert all(status.terminal for status in summary)


def test_the_mean_of_the_children_is_weighted() -> None:
    heavy, light = JobSpec(title="heavy", weight=9), JobSpec(title="light")
    events: list[Event] = [
        submitted("r", spec=PLAN),
        submitted("r.0", spec=heavy),
        submitted("r.1", spec=light),
    ]

    tree = fold([*events, started("r.1"), completed("r.1")])

    assert tree.root.progress_percentage == 10


def test_progress_is_known_while_a_child_is_half_way() -> None:
    tree = family(4, started("r.0"), progressed("r.0", percent=50))

    progress = tree.root.progress_percentage

    assert progress == 12.5


def test_progress_that_jumps_past_a_milestone_is_seen_as_it_is() -> None:
    tree = family(1, started("r.0"), progressed("r.0", percent=24))

    tree.apply(progressed("r.0", percent=76))

    assert tree.root.progress_percentage == 76


def test_every_time_is_aware_and_in_utc() -> None:
    story: list[Event] = [started("r.0"), attempt_failed("r.0"), requeued("r.0")]
    tree = family(1, *story)
    retry_at = tree["r.0"].retry_at
    tree.apply(started("r.0", attempt=2, at=7))
    tree.apply(completed("r.0", attempt=2))

    node = tree["r.0"]

    attempt = (node.attempts or [])[0]
    times = [node.created_at, node.started_at, node.completed_at, retry_at]
    assert all(time and time.tzinfo is UTC for time in [*times, attempt.started_at])


def test_the_traceback_of_an_error_is_kept() -> None:
    tree = family(1, started("r.0"), attempt_failed("r.0"), failed("r.0"))

    error = tree["r.0"].error

    assert error is not None
    assert error.traceback == BROKEN.traceback
    assert (error.kind, error.type_name) == ("exception", "ValueError")


def test_a_finished_job_is_never_reset_by_a_late_word_of_its_worker() -> None:
    tree = family(1, started("r.0"), cancelled("r.0"))

    tree.apply(completed("r.0"))

    assert tree["r.0"].status is JobStatus.CANCELLED
    assert tree["r.0"].result is None


def test_the_status_report_has_the_fields_of_the_seeds() -> None:
    fields = set(get_type_hints(JobStatusReport)) - {"model_config"}

    assert fields >= {
        "job_id",
        "title",
        "status",
        "progress_percentage",
        "current_activity",
        "time_elapsed",
        "estimated_remaining",
        "children_summary",
        "latest_results",
    }


def test_the_status_report_travels_as_json() -> None:
    tree = family(2, started("r.0"), completed("r.0"))

    report = status_report(tree, now=at(10))

    assert JobStatusReport.model_validate_json(report.model_dump_json()) == report
