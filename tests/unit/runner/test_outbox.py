"""What a worker tells: the latest state of a job, not too often, and always before its end."""

from dataclasses import dataclass, replace
from decimal import Decimal

import pytest

from parrot_async.errors import ErrorInfo
from parrot_async.jobs.progress import JobProgress, Track
from parrot_async.model import events
from parrot_async.model.events import Record
from parrot_async.model.models import LOG_LINES, JobResult, LogLine, Usage
from parrot_async.runner.outbox import LINES_INTERVAL, MOST_LINES, SAVES_INTERVAL, Outbox
from tests.unit.runner.clock import Clock


@dataclass(eq=False)
class Attempt:
    """An attempt as the outbox sees it."""

    id: str = "r"
    attempt: int = 1


@pytest.fixture
def attempt() -> Attempt:
    return Attempt()


def progressed(records: list[Record]) -> events.Progressed:
    """Return the one event of progress."""
    (event,) = (events.load(record.body) for record in records)
    assert isinstance(event, events.Progressed)
    return event


def told(records: list[Record]) -> list[tuple[str, tuple[bytes | None, ...]]]:
    return [(events.load(record.body).kind, record.blobs) for record in records]


def test_a_wait_that_may_not_have_been_heard_is_told_again_until_it_is_over(
    clock: Clock, attempt: Attempt
) -> None:
    box = Outbox(lambda _: None, "worker")
    box.slot_changed(attempt, events.Waiting)
    first = told(box.flush())

    box.repeat_slots()
    again = told(box.flush())
    quiet = told(box.flush())
    box.slot_changed(attempt, events.Continued)
    box.repeat_slots()
    over = told(box.flush())
    box.repeat_slots()
    nothing = told(box.flush())

    assert first == again == [("waiting", ())]
    assert over == [("waiting", ()), ("continued", ())]
    assert quiet == nothing == []


def test_the_first_state_goes_at_once_and_then_the_latest_now_and_then(
    clock: Clock, attempt: Attempt
) -> None:
    woken: list[float] = []
    box = Outbox(woken.append, "worker")

    box.saved(attempt, b"0", None)
    first = told(box.flush())
    for number in range(1, 1000):
        box.saved(attempt, str(number).encode(), None)
    second = told(box.flush())
    clock.now += SAVES_INTERVAL
    third = told(box.flush())

    assert first == [("checkpointed", (b"0",))]
    assert second == []
    assert third == [("checkpointed", (b"999",))]
    assert woken[0] < 0.1
    assert woken[-1] == pytest.approx(SAVES_INTERVAL)


@pytest.mark.usefixtures("clock")
def test_the_latest_state_goes_before_the_end_of_an_attempt_that_fails(attempt: Attempt) -> None:
    box = Outbox(lambda _: None, "worker")
    box.saved(attempt, b"0", None)
    box.flush()

    box.saved(attempt, b"1", None)
    box.failed(attempt, ErrorInfo("exception", "broken"), None)

    assert [kind for kind, _ in told(box.flush())] == ["checkpointed", "attempt_failed"]


@pytest.mark.usefixtures("clock")
def test_a_job_that_completes_needs_its_state_no_more(attempt: Attempt) -> None:
    box = Outbox(lambda _: None, "worker")
    box.saved(attempt, b"0", None)

    box.completed(attempt, JobResult(1, "1"), b"1")

    assert [kind for kind, _ in told(box.flush())] == ["completed"]


@pytest.mark.usefixtures("clock")
def test_a_job_that_rests_for_a_moment_only_says_nothing(attempt: Attempt) -> None:
    box = Outbox(lambda _: None, "worker")

    box.slot_changed(attempt, events.Paused)
    box.slot_changed(attempt, events.Continued)
    moment = told(box.flush())
    box.slot_changed(attempt, events.Paused)
    rest = told(box.flush())
    box.slot_changed(attempt, events.Waiting)

    assert moment == []
    assert rest == [("paused", ())]
    assert [kind for kind, _ in told(box.flush())] == ["waiting"]


@pytest.mark.usefixtures("clock")
def test_the_latest_progress_is_read_when_it_is_sent(attempt: Attempt) -> None:
    box = Outbox(lambda _: None, "worker")
    progress = JobProgress()

    for percent in (10, 20, 30):
        progress.report(percent)
        box.progressed(attempt, progress)
    progress.step = "reading"
    progress.tracks.append(Track(4))
    sent = progressed(box.flush())

    assert (sent.percents, sent.steps) == ((30.0,), ("reading",))
    assert (sent.done, sent.totals) == ((0,), (4,))
    assert box.flush() == []


def test_a_job_that_writes_without_end_is_told_now_and_then(clock: Clock, attempt: Attempt) -> None:
    box = Outbox(lambda _: None, "worker")
    line = LogLine(0.0, "OUT", "again")

    sent = []
    for _ in range(MOST_LINES // LOG_LINES + 2):
        for _ in range(LOG_LINES):
            box.logged(attempt, line)
        sent.append(len(box.flush()))
    clock.now += LINES_INTERVAL

    assert sent == [*[1] * (MOST_LINES // LOG_LINES), 0, 0]
    assert [kind for kind, _ in told(box.flush())] == ["logged"]


def test_what_cannot_be_sent_ends_its_own_attempt_and_no_other() -> None:
    spoiled: list[str] = []
    box = Outbox(lambda _: None, "worker", lambda attempt: spoiled.append(attempt.id))
    good, bad = Attempt("good"), Attempt("bad")
    result = JobResult(1, "1")
    unsendable = replace(result)
    object.__setattr__(unsendable, "preview", "caf\udce9")

    for attempt in (good, bad):
        box.started(attempt)
    box.completed(bad, unsendable, b"1")
    box.completed(good, result, b"1")
    found = [events.load(record.body) for record in box.flush()]
    again = box.flush()

    assert [(event.kind, events.ids_of(event)) for event in found] == [
        ("started", ("good", "bad")),
        ("completed", ("good",)),
        ("attempt_failed", ("bad",)),
    ]
    assert isinstance(found[-1], events.AttemptFailed)
    assert "cannot be sent" in found[-1].errors[0].message
    assert spoiled == ["bad"]
    assert again == []


def test_progress_and_usage_that_cannot_be_sent_end_their_own_attempt_only() -> None:
    box = Outbox(lambda _: None, "worker")
    good, wordless, rich = Attempt("good"), Attempt("wordless"), Attempt("rich")
    fine, odd = JobProgress(), JobProgress()
    setattr(odd, "step", 7)  # noqa: B010 - no text, which the type checker would see

    box.progressed(good, fine)
    box.progressed(wordless, odd)
    for attempt, cost in ((good, "1"), (rich, "9e999999"), (rich, "9e999999")):
        box.spent(attempt, Usage(cost=Decimal(cost)))
    found = [events.load(record.body) for record in box.flush()]

    assert [(event.kind, events.ids_of(event)) for event in found] == [
        ("progressed", ("good",)),
        ("spent", ("good",)),
        ("attempt_failed", ("wordless", "rich")),
    ]


def test_what_was_spent_goes_with_the_next_turn_and_each_bill_has_its_number(
    clock: Clock, attempt: Attempt
) -> None:
    woken: list[float] = []
    box = Outbox(woken.append, "worker")

    bills = []
    for tokens in (1, 2):
        box.spent(attempt, Usage(tokens))
        (event,) = (events.load(record.body) for record in box.flush())
        bills.append(event)
        clock.now += 0.001

    assert woken == [0.0, 0.0]
    assert [(bill.number, bill.usage.input_tokens) for bill in bills if bill.kind == "spent"] == [
        (1, 1),
        (2, 2),
    ]
