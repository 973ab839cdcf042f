"""What all reports say about a job."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest

from parrot_async.errors import ErrorInfo
from parrot_async.model.events import Completed, Spent
from parrot_async.model.models import JobResult, JobSpec, JobStatus, Usage
from parrot_async.model.tree import JobTree, fold
from parrot_async.report import facts
from parrot_async.report.outline import Rest, outline
from tests.unit.stories import (
    BROKEN,
    LOST,
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

NOW = datetime.fromtimestamp(100, UTC)


def details(tree: JobTree) -> dict[str, str]:
    return dict(facts.details(tree.root))


@pytest.mark.parametrize(
    ("spec", "title"),
    [
        (JobSpec(title="Read\nall", function="tests:task"), "Read all"),
        (JobSpec(title="", function="tests:task"), "tests:task"),
        (JobSpec(title=" ", function=""), "(no title)"),
    ],
)
def test_a_job_without_a_title_is_named_by_its_function(spec: JobSpec, title: str) -> None:
    assert facts.title(fold([submitted("r", spec=spec)])["r"]) == title


def test_an_overview_leaves_out_what_is_not_known() -> None:
    overview = dict(facts.overview(fold([submitted("r")])["r"], NOW))

    assert overview == {"Status": "queued, 0 %", "Duration": "not started", "Job": "r"}


def test_a_summary_has_percent_only_while_a_job_has_not_ended() -> None:
    tree = family(2, started("r.0"), progressed("r.0", percent=50))

    running = facts.summary(tree["r"], NOW)
    tree.apply(completed("r.0"))

    assert running.startswith("waiting for children, 25 %, ")
    assert running.endswith("children: 1 queued, 1 running")
    assert "%" not in facts.summary(tree["r.0"], NOW)


@pytest.mark.parametrize(
    ("step", "done", "total", "words"),
    [
        ("embedding", 32, 64, "embedding (32 of 64)"),
        ("embedding", 0, 0, "embedding"),
        ("", 1_000, 2_000, "1,000 of 2,000"),
        ("", 0, 0, ""),
    ],
)
def test_a_step_has_its_number_if_there_is_one(
    step: str, done: int, total: int, words: str
) -> None:
    tree = fold(
        [
            submitted("r"),
            started("r"),
            progressed("r", percent=1, step=step, done=done, total=total),
        ]
    )

    assert facts.step(tree["r"]) == words
    tree.apply(completed("r"))
    assert facts.step(tree["r"]) == ""


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (BROKEN, "ValueError: broken"),
        (ErrorInfo("timeout", "ran past 30 s", "JobTimeoutError"),
         "timed out: JobTimeoutError: ran past 30 s"),
        (LOST, "lost its worker: its worker died"),
        (ErrorInfo("cancelled", ""), "cancelled"),
    ],
)  # fmt: skip
def test_an_error_says_its_kind_its_type_and_its_message(error: ErrorInfo, words: str) -> None:
    assert facts.error(error) == words


def test_one_attempt_is_not_told_unless_it_was_lost() -> None:
    once = fold([submitted("r"), started("r"), failed("r")])
    lost = fold([submitted("r"), started("r"), attempt_failed("r", error=LOST)])

    assert facts.attempts(once["r"]) == []
    ((name, words),) = facts.attempts(lost["r"])
    assert name == "Attempt 1"
    assert words.startswith("on tls://127.0.0.1:40001 for ")
    assert words.endswith("lost its worker: its worker died")


def test_of_two_attempts_the_one_that_runs_has_no_end() -> None:
    tree = fold(
        [submitted("r"), started("r"), attempt_failed("r"), requeued("r"), started("r", attempt=2)]
    )

    first, second = facts.attempts(tree["r"])

    assert first[1].endswith(": ValueError: broken")
    assert second == ("Attempt 2", "on tls://127.0.0.1:40001 runs")


def test_details_have_the_prompt_only_where_it_is_not_the_description() -> None:
    same = fold([submitted("r", spec=JobSpec(title="t", description="do", prompt="do"))])
    other = fold([submitted("r", spec=JobSpec(title="t", description="do", prompt="do it"))])

    assert "Prompt" not in details(same)
    assert details(other)["Prompt"] == "do it"


def test_details_name_where_a_result_lies_and_where_it_came_from() -> None:
    result = JobResult(2, "42", url="s3://bucket/r", source="old.1")
    end = Completed(ids=("r",), attempts=(1,), at=(9.0,), results=(result,))

    told = details(fold([submitted("r"), started("r"), end]))

    assert told["Result"] == "42"
    assert told["Result at"] == "s3://bucket/r"
    assert told["Result of job"] == "old.1"


def test_cost_and_api_are_told_with_the_tokens() -> None:
    usage = Usage(1_500, 347, Decimal("0.24"), "claude")
    tree = fold([submitted("r"), started("r"), Spent(id="r", attempt=1, usage=usage)])

    assert facts.cost(tree["r"]) == "$0.24 (1,847 tokens)"
    assert details(tree)["API"] == "claude (1,847 tokens, $0.24)"
    assert facts.cost(fold([submitted("r")])["r"]) == ""


def test_hidden_children_are_counted_by_state() -> None:
    hidden = {JobStatus.COMPLETED: 9_950}

    assert facts.rest(Rest(hidden, alone=False)) == "… and 9,950 more: 9,950 completed"
    assert facts.rest(Rest(hidden, alone=True)) == "… 9,950 jobs: 9,950 completed"


def test_only_failures_of_a_jobs_own_are_failures() -> None:
    inherited = ErrorInfo("children", "1 of 3 children did not complete")
    tree = family(3, started("r.0", "r.1", "r.2"), failed("r.0"), cancelled("r.1"))
    tree.apply(completed("r.2"))
    tree.apply(failed("r", error=inherited))

    assert [facts.is_failure(tree[job_id]) for job_id in ("r", "r.0", "r.1", "r.2")] == [
        False,
        True,
        False,
        False,
    ]
    assert [node.id for node in facts.failures(outline(tree), 10)] == ["r.0"]
    assert facts.failures(outline(tree), 0) == []
    assert facts.end(tree["r.1"]) == "cancelled: cancelled by a person"
    assert facts.end(tree["r.2"]) == "completed"
