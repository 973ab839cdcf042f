"""Events: their JSON form, what they are about, parts of them, and how rows become one of them."""

from decimal import Decimal
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from parrot_async.errors import ErrorInfo
from parrot_async.model import events
from parrot_async.model.events import (
    AttemptFailed,
    AttemptFailedRows,
    CancelledRows,
    CheckpointedRows,
    Completed,
    CompletedRows,
    Event,
    FailedRows,
    Logged,
    Record,
    Requeued,
    RequeuedRows,
    Spent,
    Submitted,
)
from parrot_async.model.models import JobResult, LogLine, Usage
from tests.unit.stories import (
    BROKEN,
    LOST,
    TASK,
    attempt_failed,
    cancelled,
    completed,
    failed,
    progressed,
    requeued,
    started,
    submitted,
    waiting,
)

LINE = LogLine(1.5, "INFO", "ä line\nof \N{PARROT}")
LOGGED = Logged(id="r.0", attempt=1, lines=(LINE,))
SPENT = Spent(id="r.0", attempt=1, usage=Usage(3, 4, Decimal("0.10"), "some.api"))
ONE_OF_EACH: list[Event] = [
    submitted("r"),
    started("r"),
    progressed("r", percent=12.5, step="s", done=1, total=8),
    LOGGED,
    SPENT,
    waiting("r"),
    events.PauseRequested(ids=("r",), at=1, by="queue"),
    events.Paused(ids=("r",), attempts=(1,), at=1),
    events.Resumed(ids=("r",), at=1),
    events.Continued(ids=("r",), attempts=(1,), at=1),
    events.Checkpointed(ids=("r",), attempts=(1,), at=(1,), urls=("file:///state",)),
    completed("r"),
    attempt_failed("r", error=BROKEN),
    requeued("r"),
    failed("r", error=LOST),
    events.CancelRequested(ids=("r",), at=1),
    cancelled("r"),
]


def test_each_event_of_the_union_is_tried_here() -> None:
    union = get_args(get_args(Event)[0])

    assert [type(event) for event in ONE_OF_EACH] == list(union)


@pytest.mark.parametrize("event", ONE_OF_EACH, ids=lambda event: event.kind)
def test_an_event_comes_back_from_its_json_form(event: Event) -> None:
    body = events.dump(event)

    assert events.load(body) == event
    assert events.load(body.decode()) == event


@pytest.mark.parametrize(
    "body", [b"", b"{}", b'{"kind":"begun"}', b'{"kind":"resumed","ids":["r"],"at":1,"new":2}']
)
def test_what_is_no_event_is_refused(body: bytes) -> None:
    with pytest.raises(ValidationError):
        events.load(body)


def test_an_event_never_changes() -> None:
    event = started("r")

    with pytest.raises(ValidationError, match="frozen"):
        event.worker = "another"  # type: ignore[misc]  # that is what is tried


def test_an_event_is_about_one_job_or_many() -> None:
    assert events.ids_of(LOGGED) == events.ids_of(SPENT) == ("r.0",)
    assert events.ids_of(started("r.0", "r.1")) == ("r.0", "r.1")


def test_soft_are_the_events_that_nobody_waits_for() -> None:
    soft = [event.kind for event in ONE_OF_EACH if events.is_soft(event)]

    assert soft == ["started", "progressed", "logged", "spent"]


def test_a_part_of_an_event_has_the_same_rows_of_all_its_columns() -> None:
    event = completed("r.0", "r.1", "r.2").model_copy(update={"at": (1.0, 2.0, 3.0)})

    part = events.select(event, [0, 2])

    assert isinstance(part, Completed)
    assert (part.ids, part.at, len(part.results)) == (("r.0", "r.2"), (1.0, 3.0), 2)


def test_a_part_keeps_what_is_no_column() -> None:
    part = events.select(started("r.0", "r.1"), [1])

    assert (part, events.select(requeued("r.0", "r.1"), [1])) == (started("r.1"), requeued("r.1"))


@pytest.mark.parametrize("event", [LOGGED, SPENT, submitted("r.0", "r.1")])
def test_events_without_such_columns_are_left_as_they_are(event: Event) -> None:
    assert events.select(event, [0]) is event


@given(st.lists(st.integers(0, 4), unique=True, max_size=5))
def test_any_part_of_an_event_travels(keep: list[int]) -> None:
    event = progressed("r.0", "r.1", "r.2", "r.3", "r.4", percent=1)

    part = events.select(event, keep)

    assert events.load(events.dump(part)) == part
    assert events.ids_of(part) == tuple(f"r.{index}" for index in keep)


def test_rows_of_results_become_one_event_with_the_values_beside_it() -> None:
    one, two = JobResult(2, "42"), JobResult(9_000_000, "[0, 1, ...", "file:///big")

    event, record = CompletedRows([("r.0", 1, 5.0, one, b"42"), ("r.1", 2, 6.0, two, None)]).build()

    assert event == Completed(ids=("r.0", "r.1"), attempts=(1, 2), at=(5, 6), results=(one, two))
    assert record == Record(events.dump(event), (b"42", None))


def test_rows_of_failed_attempts_become_one_event_with_the_exceptions_beside_it() -> None:
    rows = AttemptFailedRows()
    rows.append(("r.0", 1, 5.0, BROKEN, b"exception"))
    rows.append(("r.1", 3, 6.0, LOST, None))

    event, record = rows.build()

    assert event == AttemptFailed(
        ids=("r.0", "r.1"), attempts=(1, 3), at=(5, 6), errors=(BROKEN, LOST)
    )
    assert record.blobs == (b"exception", None)


def test_rows_of_ends_without_a_result_become_the_event_of_their_kind() -> None:
    stopped = ErrorInfo("cancelled", "cancelled by a person")

    broken, _ = FailedRows([("r.0", 9.0, BROKEN, b"exception")]).build()
    ended, record = CancelledRows(
        [("r.0", 9.0, stopped, None), ("r.1", 9.0, stopped, None)]
    ).build()

    assert (broken, ended) == (failed("r.0"), cancelled("r.0", "r.1"))
    assert record == Record(events.dump(ended), (None, None))


def test_rows_of_jobs_that_wait_become_one_event_of_the_latest_time() -> None:
    event, record = RequeuedRows([("r.0", 6.0, 7.0), ("r.1", 6.5, 66.5)]).build()

    assert event == Requeued(ids=("r.0", "r.1"), at=6.5, retry_at=(7, 66.5))
    assert record.blobs == ()


def test_rows_of_states_become_one_event_that_says_where_the_big_ones_are() -> None:
    event, record = CheckpointedRows(
        [("r.0", 1, 2.0, None, b"small"), ("r.1", 1, 3.0, "file:///big", None)]
    ).build()

    assert event.urls == (None, "file:///big")
    assert record.blobs == (b"small", None)


@pytest.mark.parametrize(
    "rows",
    [
        CompletedRows([("r", 1, 5.0, JobResult(), None)] * 3),
        AttemptFailedRows([("r", 1, 5.0, BROKEN, None)] * 3),
        FailedRows([("r", 5.0, BROKEN, None)] * 3),
        RequeuedRows([("r", 5.0, 6.0)] * 3),
        CheckpointedRows([("r", 1, 5.0, None, b"")] * 3),
    ],
    ids=lambda rows: type(rows).__name__,
)
def test_what_rows_become_can_be_read_by_who_gets_it(rows: Any) -> None:
    event, record = rows.build()

    assert events.load(record.body) == event
    assert len(events.ids_of(event)) == 3


def test_a_submission_says_no_more_than_it_must() -> None:
    event = Submitted(at=1, spec=TASK, ids=("r",))

    assert (event.titles, event.arguments, event.origins) == ((), (), ())
    assert not event.planning
