"""The data of jobs: words that are chosen from, limits of options, usage, and what a node tells."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from parrot_async.errors import OptionsError
from parrot_async.model.models import (
    QUEUES,
    Attempt,
    FailurePolicy,
    JobNode,
    JobSpec,
    JobStatus,
    JobType,
    Queue,
    RetryPolicy,
    Usage,
    parent_of,
    root_of,
    utc,
)
from tests.unit.stories import BROKEN, PLAN, TASK

amounts = st.decimals(min_value=0, max_value=10**6, places=6)
usages = st.builds(Usage, st.integers(0, 10**9), st.integers(0, 10**9), amounts, st.text())


def test_a_wrong_word_is_answered_with_the_right_ones() -> None:
    with pytest.raises(
        OptionsError, match=r"'ignored' is no FailurePolicy: .*fail, collect, ignore"
    ):
        FailurePolicy("ignored")
    with pytest.raises(OptionsError, match="choose from root_job, plan, subplan, task, api_call"):
        JobType("step")


def test_three_states_are_terminal() -> None:
    assert [status.value for status in JobStatus if status.terminal] == [
        "completed",
        "failed",
        "cancelled",
    ]


@given(usages, usages, usages)
def test_usage_adds_up_in_any_grouping(a: Usage, b: Usage, c: Usage) -> None:
    total = (a + b) + c

    assert total == a + (b + c)
    assert total.tokens == a.tokens + b.tokens + c.tokens
    known = [usage.cost for usage in (a, b, c) if usage.cost is not None]
    assert total.cost == (sum(known, Decimal(0)) if known else None)


def test_the_later_named_api_is_kept() -> None:
    assert (Usage(api="one") + Usage(api="two")).api == "two"
    assert (Usage(api="one") + Usage(cost=Decimal("0.1"))).api == "one"


def test_a_cost_that_is_not_known_is_never_nothing() -> None:
    unknown, known = Usage(5, 1), Usage(1, 1, Decimal("0.10"))

    assert (unknown + unknown).cost is None
    assert unknown + known == known + unknown == Usage(6, 2, Decimal("0.10"), unpriced=6)
    assert (known + known).unpriced == 0
    assert (unknown + known) + unknown == unknown + (known + unknown)


@pytest.mark.parametrize(
    "wrong",
    [{"slots": 0}, {"weight": 0}, {"grace": -1}, {"priorty": 1}, {"on_failure": "never"}],
    ids=lambda wrong: next(iter(wrong)),
)
def test_a_spec_takes_no_impossible_option(wrong: dict[str, object]) -> None:
    with pytest.raises((ValidationError, OptionsError)):
        JobSpec.model_validate({"title": "job", **wrong})


@pytest.mark.parametrize("wrong", [{"retries": -1}, {"first": -0.1}, {"longest": -1}, {"lost": -1}])
def test_retries_are_not_negative(wrong: dict[str, float]) -> None:
    with pytest.raises(ValidationError, match="greater than or equal to 0"):
        RetryPolicy.model_validate(wrong)


def test_a_queue_lets_at_least_one_job_run() -> None:
    with pytest.raises(
        OptionsError, match=r"limit=0 makes no sense: .* greater than or equal to 1"
    ):
        Queue(name="closed", limit=0)


def test_a_spec_comes_back_from_its_json_form() -> None:
    spec = JobSpec(
        title="job",
        retry=RetryPolicy(retries=3, on=("ValueError",)),
        on_failure=FailurePolicy.COLLECT,
        result_ttl=0.5,
    )

    assert JobSpec.model_validate_json(spec.model_dump_json()) == spec


def test_the_queues_of_every_cluster_have_names_of_their_own_and_run() -> None:
    names = [queue.name for queue in QUEUES]

    assert len(set(names)) == len(names)
    assert not any(queue.paused for queue in QUEUES)
    assert names[0] == JobSpec(title="job").queue


def test_ids_name_their_parents_and_their_root() -> None:
    assert [root_of(job_id) for job_id in ("r", "r.1", "r.1.20")] == ["r"] * 3
    assert [parent_of(job_id) for job_id in ("r", "r.1", "r.1.20")] == [None, "r", "r.1"]
    assert JobNode(id="r.1.20", spec=TASK).root_id == "r"


def test_times_are_aware_and_in_utc() -> None:
    assert utc(0.25) == datetime(1970, 1, 1, 0, 0, 0, 250_000, UTC)
    assert utc(0).tzinfo is UTC


def test_a_node_tells_what_its_spec_says() -> None:
    node = JobNode(id="r", spec=PLAN.model_copy(update={"priority": 7}))

    assert (node.job_type, node.priority) == (JobType.PLAN, 7)
    assert JobNode(id="r", spec=TASK).priority == 0


def test_the_attempts_of_a_node_are_those_of_the_past_and_the_latest() -> None:
    first = Attempt(1, "worker", utc(1), utc(2), BROKEN)
    node = JobNode(id="r", spec=TASK, past=[first], attempt=2, worker="other")

    before = node.attempts
    node.begun_at = utc(3)

    assert before == [first]
    assert node.attempts == [first, Attempt(2, "other", utc(3))]
    assert node.past == [first]


def test_a_completed_node_is_at_100_percent_whatever_it_said() -> None:
    node = JobNode(id="r", spec=TASK, own_progress=20.0)

    running = node.progress_percentage
    node.status = JobStatus.COMPLETED

    assert (running, node.progress_percentage) == (20, 100)


def test_what_a_node_says_itself_counts_more_than_its_children() -> None:
    node = JobNode(id="r", spec=TASK, children=["r.0", "r.1"], child_weight=2, child_progress=150)

    of_children = node.progress_percentage
    node.own_progress = 10.0

    assert (of_children, node.progress_percentage) == (75, 10)


def test_children_that_are_still_to_come_count_as_not_begun() -> None:
    spec = PLAN.model_copy(update={"expected": 4})
    node = JobNode(id="r", spec=spec, children=["r.0"], child_weight=1, child_progress=100)

    assert node.progress_percentage == 25


def test_a_pause_is_wanted_until_it_has_begun() -> None:
    node = JobNode(id="r", spec=TASK, status=JobStatus.RUNNING, held_by=frozenset({"person"}))

    wanted = node.pause_requested
    node.status = JobStatus.PAUSED

    assert (wanted, node.pause_requested) == (True, False)
