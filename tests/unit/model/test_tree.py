"""The fold: what each event does, and what no order, repeat or loss of them can do."""

import math
from dataclasses import fields
from datetime import UTC, datetime
from decimal import Decimal
from typing import get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from parrot_async.model.events import (
    Cancelled,
    CancelRequested,
    Checkpointed,
    Completed,
    Continued,
    Event,
    Failed,
    Logged,
    Paused,
    PauseRequested,
    Progressed,
    Requeued,
    Resumed,
    Spent,
    Started,
    Submitted,
    Waiting,
)
from parrot_async.model.models import (
    LOG_LINES,
    Attempt,
    Holder,
    JobNode,
    JobResult,
    JobSpec,
    JobStatus,
    LogLine,
    Usage,
)
from parrot_async.model.nodes import blank_node
from parrot_async.model.progress import remaining
from parrot_async.model.tree import JobTree, fold
from tests.unit.stories import (
    BROKEN,
    LOST,
    PLAN,
    TASK,
    WORKER,
    attempt_failed,
    cancelled,
    completed,
    failed,
    family,
    progressed,
    requeued,
    started,
    submitted,
    waiting,
)

QUEUED, RUNNING = JobStatus.QUEUED, JobStatus.RUNNING
WAITING, PAUSED = JobStatus.WAITING_FOR_CHILDREN, JobStatus.PAUSED


def pause(*ids: str, at: float = 2, by: Holder = "person") -> PauseRequested:
    """Somebody pauses them."""
    return PauseRequested(ids=ids, at=at, by=by)


def resume(*ids: str, at: float = 3, by: Holder = "person") -> Resumed:
    """They let them go on."""
    return Resumed(ids=ids, at=at, by=by)


def holds(*ids: str, attempt: int = 1, at: float = 2.5) -> Paused:
    """Their bodies hold at a checkpoint."""
    return Paused(ids=ids, attempts=(attempt,) * len(ids), at=at)


def checkpointed(*ids: str, attempt: int = 1, at: float = 2) -> Checkpointed:
    """Their bodies save what a later attempt goes on from."""
    n = len(ids)
    return Checkpointed(ids=ids, attempts=(attempt,) * n, at=(at,) * n, urls=(None,) * n)


def test_every_event_of_the_union_has_a_handler() -> None:
    union = get_args(get_args(Event)[0])

    handled = set(JobTree._handlers)

    assert handled == set(union)


def test_a_node_made_by_hand_equals_one_of_the_constructor() -> None:
    validated = JobNode(id="r", spec=TASK)

    made = blank_node()
    made.id, made.spec, made.parent_id, made.title, made.depth = "r", TASK, None, "", 0
    made.status, made.arguments, made.depends_on, made.created_at = QUEUED, "", (), None
    made.stage = QUEUED

    assert [getattr(made, field.name) for field in fields(JobNode)] == [
        getattr(validated, field.name) for field in fields(JobNode)
    ]


def test_submitted_jobs_are_queued_below_their_parent() -> None:
    tree = family(2, titles=("first", "second"))

    node = tree["r.1"]

    assert (node.status, node.title, node.depth, node.parent_id) == (QUEUED, "second", 1, "r")
    assert tree.root.children == ["r.0", "r.1"]
    assert tree.root.child_counts == {QUEUED: 2}
    assert [child.id for child in tree.children("r")] == ["r.0", "r.1"]
    assert [node.id for node in tree.walk()] == ["r", "r.0", "r.1"]


def test_a_plan_that_is_still_made_is_planning() -> None:
    tree = fold([submitted("r", spec=PLAN, planning=True)])

    assert tree.root.status is JobStatus.PLANNING


def test_an_empty_tree_says_that_it_has_no_root() -> None:
    tree = JobTree()

    assert list(tree.walk()) == []
    with pytest.raises(LookupError, match="no job yet"):
        _ = tree.root


def test_a_second_root_and_children_of_unknown_parents_are_ignored() -> None:
    tree = family(1, submitted("other"), submitted("x.1"), submitted("r.0"))

    assert set(tree.nodes) == {"r", "r.0"}
    assert tree.rev == 6
    assert tree.root.children == ["r.0"]


def test_a_start_begins_an_attempt() -> None:
    tree = family(1, started("r.0", at=3))

    node = tree["r.0"]

    assert (node.status, node.attempt, node.worker) == (RUNNING, 1, WORKER)
    assert node.started_at == datetime.fromtimestamp(3, UTC)
    assert node.attempts == [Attempt(1, WORKER, datetime.fromtimestamp(3, UTC))]
    assert tree.root.child_counts == {QUEUED: 0, RUNNING: 1}


def test_a_failed_attempt_is_kept_and_the_next_one_starts_anew() -> None:
    story: list[Event] = [
        started("r.0", at=1),
        progressed("r.0", percent=60, step="half", done=6, total=10),
        attempt_failed("r.0", at=5, error=LOST),
        requeued("r.0", at=6),
        started("r.0", attempt=2, at=7),
        completed("r.0", attempt=2, at=9),
    ]
    tree = family(1, *story[:4])
    between = (tree["r.0"].status, tree["r.0"].retry_at, tree["r.0"].own_progress)
    for event in story[4:]:
        tree.apply(event)

    node = tree["r.0"]

    assert between == (QUEUED, datetime.fromtimestamp(7, UTC), 0.0)
    assert node.status is JobStatus.COMPLETED
    assert (node.error, node.retry_at) == (None, None)
    assert [attempt.error for attempt in node.attempts or []] == [LOST, None]
    assert node.started_at == datetime.fromtimestamp(1, UTC)
    assert node.completed_at == datetime.fromtimestamp(9, UTC)


def test_a_body_that_waits_for_children_goes_on_afterwards() -> None:
    events: list[Event] = [
        submitted("r"),
        started("r"),
        waiting("r", attempt=1, at=2),
        submitted("r.0"),
    ]
    tree = fold(events)
    while_waiting = tree.root.status

    tree.apply(Continued(ids=("r",), attempts=(1,), at=3))

    assert while_waiting is JobStatus.WAITING_FOR_CHILDREN
    assert tree.root.status is RUNNING


def test_a_repeat_of_an_older_wait_does_not_stop_a_body_that_went_on() -> None:
    wait = waiting("r", attempt=1, at=2)
    tree = fold([submitted("r"), started("r"), wait, Continued(ids=("r",), attempts=(1,), at=3)])

    tree.apply(wait)

    assert tree.root.status is RUNNING


def test_a_node_says_when_its_body_saved_something_last() -> None:
    tree = family(1, started("r.0"), checkpointed("r.0", at=4), checkpointed("r.0", at=3))

    for event in (attempt_failed("r.0"), requeued("r.0"), started("r.0", attempt=2, at=7)):
        tree.apply(event)

    assert tree["r.0"].saved_at == datetime.fromtimestamp(4, UTC)


def test_a_queued_job_is_paused_at_once_and_queued_again_when_it_is_resumed() -> None:
    tree = family(1, pause("r.0"))
    meanwhile = (tree["r.0"].status, tree["r.0"].pause_requested)

    tree.apply(resume("r.0"))

    assert meanwhile == (PAUSED, False)
    assert tree["r.0"].status is QUEUED
    assert (tree.root.child_counts or {})[PAUSED] == 0


def test_a_body_is_paused_when_it_holds() -> None:
    tree = family(1, started("r.0"), pause("r.0"))
    asked = (tree["r.0"].status, tree["r.0"].pause_requested)
    tree.apply(holds("r.0"))
    held = (tree["r.0"].status, tree["r.0"].pause_requested)

    tree.apply(resume("r.0"))

    assert (asked, held) == ((RUNNING, True), (PAUSED, False))
    assert (tree["r.0"].status, tree["r.0"].pause_requested) == (RUNNING, False)


def test_a_body_that_was_resumed_before_it_held_runs() -> None:
    tree = family(1, started("r.0"), pause("r.0"), resume("r.0", at=2.1), holds("r.0"))

    tree.apply(Continued(ids=("r.0",), attempts=(1,), at=4))

    assert tree["r.0"].status is RUNNING


def test_a_plan_is_paused_when_nothing_below_it_runs() -> None:
    tree = family(2, started("r.0"), pause("r", "r.0", "r.1"))
    asked = (tree.root.status, tree.root.pause_requested)
    tree.apply(holds("r.0"))
    held = tree.root.status

    tree.apply(resume("r.0"))

    assert asked == (WAITING, True)
    assert held is PAUSED
    assert tree.root.status is WAITING
    assert tree["r.1"].status is PAUSED


def test_the_last_that_runs_pauses_all_plans_above_it() -> None:
    tree = fold(
        [
            submitted("r", spec=PLAN),
            submitted("r.0", spec=PLAN),
            submitted("r.0.0"),
            waiting("r", "r.0"),
            started("r.0.0"),
            pause("r", "r.0", "r.0.0"),
        ]
    )
    asked = [node.status for node in tree.walk()]

    tree.apply(completed("r.0.0"))

    assert asked == [WAITING, WAITING, RUNNING]
    assert [node.status for node in tree.walk()] == [PAUSED, PAUSED, JobStatus.COMPLETED]


def test_a_parent_that_is_not_paused_waits_for_those_that_are() -> None:
    tree = family(2, pause("r.0", "r.1"))

    assert (tree.root.status, tree.root.pause_requested) == (WAITING, False)
    assert tree.root.child_counts == {QUEUED: 0, PAUSED: 2}


def test_a_lost_attempt_leaves_a_paused_job_paused() -> None:
    tree = family(1, started("r.0"), pause("r.0"), holds("r.0"), attempt_failed("r.0", error=LOST))

    tree.apply(requeued("r.0"))

    assert tree["r.0"].status is PAUSED


def test_a_job_that_two_have_paused_waits_for_both() -> None:
    tree = family(1, pause("r.0"), pause("r.0", at=2.5, by="queue"), resume("r.0"))
    between = tree["r.0"].status

    tree.apply(resume("r.0", at=4, by="queue"))

    assert between is PAUSED
    assert tree["r.0"].status is QUEUED


def test_a_repeat_of_an_older_pause_does_not_hold_what_was_resumed() -> None:
    tree = family(1, pause("r.0"), resume("r.0"))

    tree.apply(pause("r.0"))

    assert tree["r.0"].status is QUEUED


def test_the_time_of_a_pause_does_not_count_for_what_remains() -> None:
    tree = family(1, started("r.0", at=1), progressed("r.0", percent=50), pause("r.0", at=5))
    for event in (holds("r.0", at=6), resume("r.0", at=105)):
        tree.apply(event)

    seconds = remaining(tree["r.0"], datetime.fromtimestamp(105, UTC))

    assert seconds == pytest.approx(4)


@pytest.mark.parametrize(
    ("percent", "kept"), [(-5, 0), (0, 0), (41.5, 41.5), (250, 100), (math.nan, 0), (math.inf, 100)]
)
def test_progress_stays_between_0_and_100(percent: float, kept: float) -> None:
    tree = family(1, started("r.0"))
    event = progressed("r.0", percent=0).model_copy(update={"percents": (percent,)})

    tree.apply(event)

    assert tree["r.0"].own_progress == kept


def test_a_step_of_a_grandchild_moves_every_ancestor() -> None:
    tree = fold(
        [
            submitted("r", spec=PLAN),
            submitted("r.0", "r.1", spec=PLAN),
            submitted("r.0.0", "r.0.1"),
            started("r.0.0", "r.0.1"),
        ]
    )

    tree.apply(progressed("r.0.0", percent=80))

    assert tree["r.0"].progress_percentage == 40
    assert tree.root.progress_percentage == 20


def test_a_column_moves_the_mean_by_the_weight_of_its_jobs() -> None:
    heavy = JobSpec(title="heavy", weight=3)
    born = [submitted("r", spec=PLAN), submitted("r.0", "r.1", spec=heavy), submitted("r.2")]
    tree = fold([*born, started("r.0", "r.1", "r.2")])

    tree.apply(progressed("r.0", "r.1", percent=70))

    assert tree.root.progress_percentage == 60


def test_a_plan_counts_the_children_that_it_still_expects() -> None:
    plan = JobSpec(title="plan", expected=4)
    tree = fold([submitted("r", spec=plan), submitted("r.0"), started("r.0"), completed("r.0")])

    assert tree.root.progress_percentage == 25


def test_usage_rolls_up_to_the_root_and_late_bills_count() -> None:
    usage = Usage(10, 5, Decimal("0.10"), "model")
    tree = family(1, started("r.0"), Spent(id="r.0", attempt=1, usage=usage), completed("r.0"))

    tree.apply(Spent(id="r.0", attempt=1, usage=usage))

    assert tree["r.0"].own_usage == Usage(20, 10, Decimal("0.20"), "model")
    assert tree.root.usage == Usage(20, 10, Decimal("0.20"), "model")
    assert tree.root.own_usage is None


def test_each_bill_counts_once_however_often_and_in_whatever_order_it_comes() -> None:
    bills = [Spent(id="r.0", attempt=1, usage=Usage(n, cost=Decimal(n)), number=n) for n in (1, 2)]
    of_the_next = Spent(id="r.0", attempt=2, usage=Usage(10), number=1)
    tree = family(1, started("r.0"))

    for event in (bills[1], bills[1], bills[0], of_the_next, *bills, of_the_next):
        tree.apply(event)

    assert tree.root.usage == Usage(13, 0, Decimal(3), unpriced=10)


@given(st.lists(st.integers(1, 30)), st.lists(st.integers(1, 2)))
def test_bills_in_any_order_add_up_to_those_that_came(numbers: list[int], tries: list[int]) -> None:
    came = list(zip(numbers, [*tries, *[1] * len(numbers)], strict=False))
    tree = family(1, started("r.0"))

    for number, attempt in came:
        tree.apply(Spent(id="r.0", attempt=attempt, usage=Usage(number), number=number))

    wanted = sum(number for number, _ in set(came))
    assert (tree.root.usage or Usage()).input_tokens == wanted


def test_no_job_ends_before_it_was_created_or_began_whatever_its_workers_clock() -> None:
    tree = family(1)
    created = tree["r.0"].created_at

    tree.apply(started("r.0", at=-3600))
    tree.apply(completed("r.0", at=-3599))

    node = tree["r.0"]
    assert created is not None
    assert node.started_at == node.completed_at == created
    assert node.attempts[0].ended_at is not None
    assert node.attempts[0].ended_at >= node.attempts[0].started_at


def test_logs_are_bounded_and_a_repeat_adds_no_line() -> None:
    lines = tuple(LogLine(float(number), "info", f"line {number}") for number in range(300))
    event = Logged(id="r.0", attempt=1, lines=lines)
    tree = family(1, started("r.0"), event)

    tree.apply(event)

    assert list(tree["r.0"].logs or ()) == list(lines[-LOG_LINES:])


def test_a_wish_to_cancel_is_noted_until_the_end() -> None:
    tree = family(2, completed("r.1", attempt=0))

    tree.apply(CancelRequested(ids=("r.0", "r.1"), at=2))

    assert (tree["r.0"].cancel_requested, tree["r.1"].cancel_requested) == (True, False)


@pytest.mark.parametrize(
    "late",
    [
        progressed("r.0", percent=99, step="old"),
        waiting("r.0", attempt=1, at=8),
        Paused(ids=("r.0",), attempts=(1,), at=8),
        Continued(ids=("r.0",), attempts=(1,), at=8),
        checkpointed("r.0"),
        completed("r.0", attempt=1),
        attempt_failed("r.0", attempt=1),
        started("r.0", attempt=1),
        Logged(id="r.0", attempt=1, lines=(LogLine(8, "info", "old"),)),
        requeued("r.0", at=6),
    ],
    ids=lambda event: event.kind,
)
def test_a_late_event_of_an_older_attempt_changes_nothing(late: Event) -> None:
    story: list[Event] = [
        started("r.0"),
        attempt_failed("r.0"),
        requeued("r.0"),
        started("r.0", attempt=2, at=7),
    ]
    tree, expected = family(1, *story), family(1, *story)

    tree.apply(late)

    assert tree.nodes == expected.nodes


def test_a_result_that_comes_after_its_attempt_was_given_up_is_ignored() -> None:
    tree = family(1, started("r.0"), attempt_failed("r.0", error=LOST), requeued("r.0"))

    tree.apply(completed("r.0"))

    assert tree["r.0"].status is QUEUED


@pytest.mark.parametrize("end", [completed("r.0"), failed("r.0"), cancelled("r.0")])
@pytest.mark.parametrize(
    "late",
    [
        submitted("r.0"),
        started("r.0", attempt=2),
        progressed("r.0", percent=5),
        waiting("r.0", attempt=1, at=20),
        PauseRequested(ids=("r.0",), at=20),
        Paused(ids=("r.0",), attempts=(1,), at=20),
        Resumed(ids=("r.0",), at=20),
        checkpointed("r.0", at=20),
        requeued("r.0", at=20),
        completed("r.0", at=20, preview="other"),
        failed("r.0", at=20),
        cancelled("r.0", at=20),
        CancelRequested(ids=("r.0",), at=20),
    ],
    ids=lambda event: event.kind,
)
def test_a_terminal_state_is_never_left(end: Event, late: Event) -> None:
    tree, expected = family(1, started("r.0"), end), family(1, started("r.0"), end)

    tree.apply(late)

    assert tree.nodes == expected.nodes


def test_a_column_does_the_same_as_its_events_one_by_one() -> None:
    ids = tuple(f"r.{number}" for number in range(20))
    one_by_one = family(20)
    for job_id in ids:
        one_by_one.apply(started(job_id))
    for job_id in ids:
        one_by_one.apply(progressed(job_id, percent=50, step="half"))
    for job_id in ids[:5]:
        one_by_one.apply(completed(job_id))

    column = family(
        20, started(*ids), progressed(*ids, percent=50, step="half"), completed(*ids[:5])
    )

    assert column.nodes == one_by_one.nodes
    assert column.root.progress_percentage == 62.5


IDS = ("r", "r.0", "r.1", "r.0.0", "r.0.1", "r.1.0", "unknown")
WEIGHTED = [JobSpec(title=f"weight {weight}", weight=weight) for weight in (0.1, 1.0, 7.5)]
COLUMN = st.lists(st.sampled_from(IDS), min_size=1, max_size=4).map(tuple)
ATTEMPT = st.sampled_from([1, 1, 1, 1, 2, 0, 3])
NUMBERS = st.lists(ATTEMPT, min_size=4, max_size=4).map(tuple)
TIMES = st.lists(st.floats(0, 100), min_size=4, max_size=4).map(tuple)
MOMENT = st.floats(0, 100)
HOLDER = st.sampled_from(["person", "queue"])
ERRORS = st.just((BROKEN, LOST, BROKEN, LOST))
RESULTS = st.just((JobResult(1, "1"),) * 4)
SUBMISSIONS = [
    submitted("r"),
    submitted("r.0", "r.1"),
    submitted("r.0.0", "r.0.1"),
    submitted("r.1.0"),
]
EVENTS: st.SearchStrategy[Event] = st.one_of(
    st.builds(
        lambda event, spec, planning: event.model_copy(update={"spec": spec, "planning": planning}),
        st.sampled_from(SUBMISSIONS),
        st.sampled_from(WEIGHTED),
        st.booleans(),
    ),
    st.builds(Started, ids=COLUMN, attempts=NUMBERS, at=TIMES, worker=st.just(WORKER)),
    st.builds(
        Progressed,
        ids=COLUMN,
        attempts=NUMBERS,
        percents=st.lists(st.floats(-10, 110), min_size=4, max_size=4).map(tuple),
        steps=st.just(("a", "b", "c", "d")),
        done=NUMBERS,
        totals=NUMBERS,
    ),
    st.builds(Waiting, ids=COLUMN, attempts=NUMBERS, at=MOMENT),
    st.builds(Continued, ids=COLUMN, attempts=NUMBERS, at=MOMENT),
    st.builds(PauseRequested, ids=COLUMN, at=MOMENT, by=HOLDER),
    st.builds(Paused, ids=COLUMN, attempts=NUMBERS, at=MOMENT),
    st.builds(Resumed, ids=COLUMN, at=MOMENT, by=HOLDER),
    st.builds(Checkpointed, ids=COLUMN, attempts=NUMBERS, at=TIMES, urls=st.just((None,) * 4)),
    st.builds(Completed, ids=COLUMN, attempts=NUMBERS, at=TIMES, results=RESULTS),
    st.builds(lambda ids, n: attempt_failed(*ids, attempt=n), COLUMN, ATTEMPT),
    st.builds(Requeued, ids=COLUMN, at=MOMENT, retry_at=TIMES),
    st.builds(Failed, ids=COLUMN, at=TIMES, errors=ERRORS),
    st.builds(Cancelled, ids=COLUMN, at=TIMES, errors=ERRORS),
    st.builds(CancelRequested, ids=COLUMN, at=MOMENT),
    st.builds(
        Spent,
        id=st.sampled_from(IDS),
        attempt=ATTEMPT,
        usage=st.builds(Usage, st.integers(0, 9), st.integers(0, 9), st.just(Decimal("0.01"))),
    ),
    st.builds(
        lambda job_id, n, at: Logged(id=job_id, attempt=n, lines=(LogLine(at, "info", "x"),)),
        st.sampled_from(IDS),
        ATTEMPT,
        MOMENT,
    ),
)


def beginnings(specs: list[JobSpec]) -> list[Event]:
    """All jobs of `IDS` run: what came before that would mostly be ignored."""
    pairs = zip(SUBMISSIONS, specs, strict=True)
    born: list[Event] = [event.model_copy(update={"spec": spec}) for event, spec in pairs]
    return [*born, started(*IDS)]


SPECS = st.lists(st.sampled_from(WEIGHTED), min_size=4, max_size=4)
BEGINNINGS: st.SearchStrategy[list[Event]] = st.one_of(
    st.just([]), st.just(list(SUBMISSIONS)), SPECS.map(beginnings)
)
LOGS = st.tuples(BEGINNINGS, st.lists(EVENTS, max_size=40)).map(
    lambda parts: [*parts[0], *parts[1]]
)


@given(LOGS)
@settings(max_examples=300)
def test_no_order_of_events_raises_or_leaves_a_terminal_state(events: list[Event]) -> None:
    tree = JobTree()
    ends: dict[str, tuple[object, ...]] = {}

    for event in events:
        tree.apply(event)
        for node in tree.nodes.values():
            if node.status.terminal:
                end = (node.status, node.result, node.error, node.completed_at, node.attempt)
                assert ends.setdefault(node.id, end) == end

    assert all(0 <= node.progress_percentage <= 100 for node in tree.nodes.values())
    assert tree.rev == len(events)


@given(LOGS)
@settings(max_examples=300)
def test_what_is_rolled_up_equals_a_recomputation(events: list[Event]) -> None:
    tree = fold(events)

    for node in tree.nodes.values():
        children = [child for child in tree.nodes.values() if child.parent_id == node.id]
        assert [child.id for child in children] == list(node.children)
        for status in JobStatus:
            count = sum(child.status is status for child in children)
            assert (node.child_counts or {}).get(status, 0) == count
        assert node.child_weight == pytest.approx(sum(child.spec.weight for child in children))
        assert node.status is recomputed_status(node, [child.status for child in children])
        assert node.progress_percentage == pytest.approx(recomputed_progress(tree, node), abs=1e-6)
        assert (node.usage or Usage()) == recomputed_usage(tree, node)


def recomputed_status(node: JobNode, children: list[JobStatus]) -> JobStatus:
    """PAUSED where it was paused and nothing of it runs."""
    here = RUNNING if node.stage is PAUSED else node.stage
    if not node.held_by or node.stage in {RUNNING, JobStatus.PLANNING} or node.stage.terminal:
        return here
    return here if {RUNNING, WAITING} & set(children) else PAUSED


def recomputed_progress(tree: JobTree, node: JobNode) -> float:
    """The mean of the children by weight, all the way down."""
    if node.status is JobStatus.COMPLETED:
        return 100
    if node.own_progress or not node.children:
        return node.own_progress
    children = list(tree.children(node.id))
    total = sum(child.spec.weight for child in children)
    return sum(child.spec.weight * recomputed_progress(tree, child) for child in children) / total


def recomputed_usage(tree: JobTree, node: JobNode) -> Usage:
    """The sum of a job's own usage and of all below it."""
    return sum((below.own_usage or Usage() for below in tree.walk(node.id)), Usage())


@given(LOGS)
@settings(max_examples=100)
def test_the_same_log_makes_the_same_tree(events: list[Event]) -> None:
    assert fold(events).nodes == fold(events).nodes


@given(LOGS, EVENTS)
@settings(max_examples=300)
def test_an_event_that_comes_twice_counts_once(events: list[Event], event: Event) -> None:
    tree = fold([*events, event])
    once = fold([*events, event])

    if not isinstance(event, Spent):
        tree.apply(event)

    assert tree.nodes == once.nodes


STORY: list[Event] = [
    submitted("r", spec=PLAN),
    submitted("r.0", "r.1", "r.2"),
    waiting("r", at=0.5),
    started("r.0", "r.1", at=1),
    Logged(id="r.0", attempt=1, lines=(LogLine(1.5, "info", "hello"),)),
    waiting("r.1", attempt=1, at=2),
    submitted("r.1.0", at=2),
    started("r.1.0", at=3),
    completed("r.1.0", at=4),
    Continued(ids=("r.1",), attempts=(1,), at=5),
    PauseRequested(ids=("r", "r.0", "r.2"), at=4.5),
    PauseRequested(ids=("r.2",), at=4.6, by="queue"),
    Checkpointed(ids=("r.0",), attempts=(1,), at=(4.6,), urls=(None,)),
    Paused(ids=("r.0",), attempts=(1,), at=4.7),
    Resumed(ids=("r", "r.0", "r.2"), at=4.8),
    Resumed(ids=("r.2",), at=4.9, by="queue"),
    Continued(ids=("r.0",), attempts=(1,), at=5),
    attempt_failed("r.0", at=5),
    requeued("r.0", at=6),
    started("r.0", attempt=2, at=7),
    CancelRequested(ids=("r.2",), at=7),
    cancelled("r.2", at=8),
    completed("r.1", at=8),
    attempt_failed("r.0", attempt=2, at=9),
    failed("r.0", at=9),
    completed("r", attempt=0, at=10),
]


@given(st.data())
@settings(max_examples=200)
def test_events_that_come_again_later_change_nothing(data: st.DataObject) -> None:
    events = list(STORY)
    for _ in range(data.draw(st.integers(1, 8))):
        first = data.draw(st.integers(0, len(STORY) - 1))
        at = events.index(STORY[first]) + 1
        events.insert(data.draw(st.integers(at, len(events))), STORY[first])

    tree = fold(events)

    assert tree.nodes == fold(STORY).nodes


def test_a_job_knows_what_it_runs_again_and_what_its_arguments_call_others() -> None:
    again = Submitted(
        at=0,
        spec=TASK,
        ids=("r.0", "r.1"),
        parent_id="r",
        depends_on=("other",),
        known_as=("old other",),
        origins=("old.0", ""),
        reuse=True,
    )

    tree = fold([submitted("r", spec=PLAN), again])

    assert [tree[i].origin for i in ("r", "r.0", "r.1")] == [None, "old.0", None]
    assert tree["r.1"].known_as == ("old other",)
    assert tree["r.1"].depends_on == ("other",)
