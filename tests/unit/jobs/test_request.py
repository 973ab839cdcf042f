"""What a client sends of calls, and what it remembers of functions from one call to the next."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from parrot_async import job
from parrot_async.jobs.request import groups_of_calls
from parrot_async.jobs.spec import check_call


def told(fn: Callable[..., Any]) -> dict[str, Any]:
    """Return what the service is told of a function."""
    (group,) = groups_of_calls(fn, [((), {})])
    spec: dict[str, Any] = json.loads(group["spec"])
    return spec


def first() -> int:
    return 1


def second() -> int:
    return 2


@pytest.fixture
def edited() -> Iterator[Callable[[], int]]:
    """A function of a module that can be edited in place, as IPython's autoreload does."""
    code = first.__code__
    yield first
    first.__code__ = code


def test_a_function_that_is_edited_in_place_is_looked_at_again(
    edited: Callable[[], int],
) -> None:
    before = told(edited)
    assert told(edited) == before

    edited.__code__ = second.__code__

    assert told(edited)["code"] == told(second)["code"] != before["code"]


def test_a_function_that_uses_a_changed_value_is_another_one() -> None:
    value = 1

    def closure() -> int:
        return value

    before = told(closure)
    value = 2

    assert told(closure)["function_id"] != before["function_id"]


def test_options_of_one_function_are_not_those_of_the_other() -> None:
    titles = [told(job(title=title)(first))["title"] for title in ("a", "b")]

    assert [*titles, told(first)["title"]] == ["a", "b", "first"]


def pair(left: int, right: int = 0) -> int:
    return left + right


def decorated(*args: int) -> int:
    return pair(*args)


decorated.__wrapped__ = pair  # type: ignore[attr-defined]


@pytest.mark.parametrize("fn", [pair, job(pair), decorated])
@pytest.mark.parametrize("call", [((), {}), ((1, 2, 3), {}), ((1,), {"left": 1})])
def test_calls_that_do_not_fit_are_refused(fn: Any, call: Any) -> None:
    with pytest.raises(TypeError, match=r"pair\(left: int"):
        check_call(fn, call)


@pytest.mark.parametrize("fn", [pair, job(pair), decorated])
@pytest.mark.parametrize("call", [((1,), {}), ((1, 2), {}), ((1,), {"right": 1})])
def test_calls_that_fit_are_taken(fn: Any, call: Any) -> None:
    check_call(fn, call)
