"""`@job`: what stays of the function, and how it travels."""

import sys
import types
from typing import Any

import pytest

from parrot_async import job
from parrot_async.errors import OptionsError
from parrot_async.jobs.plan import Step
from parrot_async.transport.pickling import dump_value, load_value


@job(queue="slow", cpu=2)
def work(number: int) -> int:
    """Say how the function is known to people."""
    return number + 1


class Model:
    """An object with a job among its methods."""

    def __init__(self, factor: int) -> None:
        self.factor = factor

    @job(queue="gpu")
    def scaled(self, number: int) -> int:
        return self.factor * number


def test_a_plain_call_runs_here() -> None:
    assert work(1) == 2


def test_a_name_is_kept_and_so_is_the_documentation() -> None:
    assert work.__name__ == "work"
    assert work.__doc__ == "Say how the function is known to people."
    assert repr(work) == "<job tests.unit.jobs.test_decorator:work(queue='slow', cpu=2)>"


def test_the_decorator_goes_without_parentheses_too() -> None:
    @job
    def plain() -> str:
        return "plain"

    assert plain() == "plain"
    assert plain.given == {}


def test_options_leave_the_function_they_came_from_alone() -> None:
    changed = work.options(title="another", queue="fast")

    assert changed.given == {"queue": "fast", "cpu": 2, "title": "another"}
    assert changed.fn is work.fn
    assert work.given == {"queue": "slow", "cpu": 2}


def test_an_option_that_makes_no_sense_is_refused_where_it_is_written() -> None:
    with pytest.raises(OptionsError, match="there is no option 'queu': did you mean 'queue'"):
        work.options(queu="slow")  # type: ignore[call-arg]


def test_a_method_is_bound_to_its_object() -> None:
    bound = Model(3).scaled

    assert bound(2) == 6
    assert bound.given == {"queue": "gpu"}
    assert Model.scaled.given == {"queue": "gpu"}


def test_a_bound_call_is_a_step() -> None:
    step = work.bind(1)

    assert isinstance(step, Step)
    assert (step.fn, step.args, step.kwargs) == (work, (1,), {})


def test_a_job_of_a_module_travels_by_name() -> None:
    assert load_value(dump_value(work)) is work


def test_a_job_of_a_function_travels_by_value_with_its_options() -> None:
    @job(title="inner")
    def inner(number: int) -> int:
        return number + 2

    copy = load_value(dump_value(inner))

    assert copy(1) == 3
    assert copy.given == {"title": "inner"}
    assert copy.__name__ == "inner"


def test_a_job_that_refers_to_itself_travels() -> None:
    @job
    def countdown(number: int) -> int:
        return countdown(number - 1) if number else 0

    copy: Any = load_value(dump_value(countdown))

    assert copy(3) == 0


def test_the_body_is_the_same_whatever_the_options() -> None:
    assert work.options(title="a").__job_body__ is work
    assert work.__job_body__ is work


def test_the_body_of_a_local_job_has_no_options() -> None:
    @job(title="a")
    def inner() -> int:
        return 1

    body = inner.__job_body__

    assert body.given == {}
    assert body.fn is inner.fn


def test_a_name_that_another_job_has_taken_does_not_lead_there(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    module = types.ModuleType("kitchen")
    monkeypatch.setitem(sys.modules, "kitchen", module)

    def cook() -> str:
        return "old"

    cook.__module__, cook.__qualname__ = "kitchen", "cook"
    old = job(cook)
    module.cook = job(lambda: "new")  # type: ignore[attr-defined]

    copy = load_value(dump_value(old))

    assert copy() == "old"
    assert old.__job_body__() == "old"
