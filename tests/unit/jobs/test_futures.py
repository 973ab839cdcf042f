"""Futures made of futures: what ends them, and with what."""

from concurrent.futures import Future
from typing import Any

import pytest

from parrot_async.errors import ErrorInfo
from parrot_async.jobs.futures import all_ended, chained, gathered, mapped
from parrot_async.transport.outcome import Outcome

BROKEN = Outcome("r.1", error=ErrorInfo("lost", "its worker died"))


def futures(count: int) -> "list[Future[Any]]":
    return [Future() for _ in range(count)]


def test_a_mapped_future_has_what_is_made_of_the_value() -> None:
    (first,) = futures(1)
    made = mapped(first, str)

    first.set_result(3)

    assert made.result(0) == "3"


def test_a_mapped_future_raises_the_error_of_the_first_or_of_what_makes_its_value() -> None:
    failing, strange = futures(2)
    made = [mapped(failing, int), mapped(strange, int)]

    failing.set_exception(OSError("cut"))
    strange.set_result("no number")

    with pytest.raises(OSError, match="cut"):
        made[0].result(0)
    with pytest.raises(ValueError, match="no number"):
        made[1].result(0)


def test_a_chained_future_waits_for_both() -> None:
    first, second = futures(2)
    outer = chained(first, lambda _: second)

    first.set_result("go on")
    done_early = outer.done()
    second.set_result("end")

    assert not done_early
    assert outer.result(0) == "end"


@pytest.mark.parametrize("failing", [0, 1])
def test_a_chained_future_raises_the_error_of_either(failing: int) -> None:
    both = futures(2)
    outer = chained(both[0], lambda _: both[1])

    for number, future in enumerate(both[: failing + 1]):
        if number == failing:
            future.set_exception(OSError("cut"))
        else:
            future.set_result(None)

    with pytest.raises(OSError, match="cut"):
        outer.result(0)


def test_all_have_ended_when_the_last_has_in_whatever_way() -> None:
    first, second = futures(2)
    ended = all_ended([first, second])

    second.set_exception(OSError("cut"))
    done_early = ended.done()
    first.set_result(None)

    assert not done_early
    assert ended.done()
    assert ended.exception() is None


def test_gathered_outcomes_are_in_the_order_of_their_futures() -> None:
    ends = futures(2)
    whole = gathered(ends)

    ends[1].set_result(Outcome("r.1", b"1"))
    done_early = whole.done()
    ends[0].set_result(Outcome("r.0", b"0"))

    assert not done_early
    assert [outcome.job_id for outcome in whole.result(0)] == ["r.0", "r.1"]


def test_the_first_error_ends_a_gathering_and_what_comes_later_changes_nothing() -> None:
    ends = futures(3)
    whole = gathered(ends)

    ends[1].set_result(BROKEN)
    at_once = whole.result(0)
    ends[0].set_result(Outcome("r.0", b"0"))
    ends[2].set_result(Outcome("r.2", error=ErrorInfo("timeout", "late")))

    assert at_once == [BROKEN]
    assert whole.result(0) == [BROKEN]


def test_nothing_is_gathered_at_once() -> None:
    assert gathered([]).result(0) == []
