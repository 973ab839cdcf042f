"""What a client sends of calls, and what it remembers of functions from one call to the next."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from parrot_async import Plan, job
from parrot_async.errors import OptionsError, SerializationError
from parrot_async.jobs.plan import Step
from parrot_async.jobs.request import (
    groups_of_calls,
    groups_of_piece,
    groups_of_plan,
    map_root,
    new_id,
)
from parrot_async.transport.messages import Group
from parrot_async.transport.pickling import Call, dump_function, load_call, load_function
from parrot_async.transport.wire import whole


class Ended:
    """A handle, as an argument."""

    def __init__(self, job_id: str) -> None:
        self.id = job_id

    def __job_reference__(self) -> str:
        return self.id


def told(fn: Callable[..., Any]) -> dict[str, Any]:
    """Return what the service is told of a function."""
    (group,) = groups_of_calls(fn, [((), {})])
    return spec_in(group)


def spec_in(group: Group) -> dict[str, Any]:
    spec: dict[str, Any] = json.loads(group["spec"])
    return spec


def first() -> int:
    return 1


def second() -> int:
    return 2


def plus(*numbers: Any) -> int:
    return sum(numbers)


def step(*args: Any) -> Step:
    return Step(plus, args, {})


@pytest.fixture
def edited() -> Iterator[Callable[[], int]]:
    """A function of a module that can be edited in place, as IPython's autoreload does."""
    code = first.__code__
    yield first
    first.__code__ = code


def test_a_new_id_is_short_and_sorted_by_time() -> None:
    earlier = new_id()
    time.sleep(0.002)
    later = new_id()

    assert earlier < later
    assert len(earlier) == 14
    assert set(earlier + later) <= set("0123456789abcdefghjkmnpqrstvwxyz")


def test_ids_of_one_moment_differ() -> None:
    assert len({new_id() for _ in range(1000)}) == 1000


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


def test_only_a_function_whose_results_are_shared_is_hashed_whole() -> None:
    assert told(job(cache=True)(first))["cache"] != ""
    assert told(first)["cache"] == ""


def test_calls_of_one_function_travel_in_one_group() -> None:
    (group,) = groups_of_calls(plus, [((1, 2), {}), ((3,), {})])

    assert [load_call(whole(data), {}) for data in group["arguments"]] == [((1, 2), {}), ((3,), {})]
    assert group["summaries"] == ["1, 2", "3"]
    assert (group["ids"], group["parent_id"], group["depends_on"]) == ([], None, [])


def test_a_call_that_needs_another_job_has_a_group_of_its_own() -> None:
    calls: list[Call] = [((1,), {}), ((Ended("a"),), {}), ((2,), {}), ((3,), {})]

    groups = groups_of_calls(plus, calls)

    assert [len(group["arguments"]) for group in groups] == [1, 1, 2]
    assert [group["depends_on"] for group in groups] == [[], ["a"], []]


def test_jobs_that_the_options_name_are_needed_by_every_call() -> None:
    needy = job(depends_on=["a"])(plus)

    groups = groups_of_calls(needy, [((1,), {}), ((Ended("b"),), {})])

    assert [group["depends_on"] for group in groups] == [["a"], ["a", "b"]]


def test_a_key_names_one_job_only() -> None:
    keyed = job(key="once")(plus)

    with pytest.raises(OptionsError, match="the key 'once' can name one job only, not 2 of a map"):
        groups_of_calls(keyed, [((1,), {}), ((2,), {})])


def test_an_argument_that_cannot_be_pickled_is_named() -> None:
    with pytest.raises(SerializationError, match="argument 2, of type lock"):
        groups_of_calls(plus, [((1, threading.Lock()), {})])


def test_a_piece_of_a_map_goes_on_with_the_numbers_of_the_one_before() -> None:
    calls: list[Call] = [((1,), {}), ((Ended("a"),), {}), ((2,), {})]

    groups = groups_of_piece(plus, calls, dump_function(plus)[0], "r", 10)

    assert [group["ids"] for group in groups] == [["r.10"], ["r.11"], ["r.12"]]
    assert {group["parent_id"] for group in groups} == {"r"}


def test_the_jobs_of_a_map_have_a_root_that_collects() -> None:
    group = map_root(job(queue="slow")(plus), 12_000, "r")

    spec = spec_in(group)
    assert (spec["title"], spec["queue"], spec["expected"]) == ("plus x 12,000", "slow", 12_000)
    assert (spec["on_failure"], spec["job_type"]) == ("collect", "root_job")
    assert (group["ids"], group["arguments"]) == (["r"], [])


def test_a_plan_becomes_a_group_for_each_node_parents_first() -> None:
    plan = Plan("root", [Plan("a", [step(1), step(2)]), step(3)])

    groups, functions = groups_of_plan(plan, "r")

    places = [(group["ids"], group["parent_id"]) for group in groups]
    assert places == [
        (["r"], None),
        (["r.0"], "r"),
        (["r.0.0"], "r.0"),
        (["r.0.1"], "r.0"),
        (["r.1"], "r"),
    ]
    assert [spec_in(group)["title"] for group in groups] == ["root", "a", "plus", "plus", "plus"]
    (function_id,) = functions
    assert spec_in(groups[-1])["function_id"] == function_id
    assert load_function(functions[function_id])(1, 2) == 3


def test_a_step_may_need_one_that_comes_later() -> None:
    later = step(1)

    groups, _ = groups_of_plan(Plan("root", [step(later), later]), "r")

    assert [group["depends_on"] for group in groups] == [[], ["r.1"], []]
    assert load_call(whole(groups[1]["arguments"][0]), {"r.1": 7}) == ((7,), {})


def test_a_plan_may_be_sent_again_under_another_id() -> None:
    plan = Plan("root", [step(1)])
    groups_of_plan(plan, "r")

    groups, _ = groups_of_plan(plan, "s")

    assert [group["ids"] for group in groups] == [["s"], ["s.0"]]


def test_a_node_in_two_places_is_refused() -> None:
    once = step(1)
    inner = Plan("inner", [step(1)])

    with pytest.raises(OptionsError, match="'plus' is in the plan twice: bind it once for each"):
        groups_of_plan(Plan("root", [once, once]), "r")
    with pytest.raises(OptionsError, match="'inner' is in the plan twice"):
        groups_of_plan(Plan("root", [inner, Plan("other", [inner])]), "r")


def test_a_plan_inside_itself_is_refused() -> None:
    plan = Plan("root", [step(1)])
    plan.steps.append(plan)

    with pytest.raises(OptionsError, match="'root' is in the plan twice"):
        groups_of_plan(plan, "r")


def test_steps_that_wait_for_each_other_are_refused_by_name() -> None:
    one, two = Step(job(title="one")(plus), (), {}), Step(job(title="two")(plus), (), {})
    one.args, two.args = (two,), (one,)

    with pytest.raises(OptionsError, match=r"wait for each other: '(one|two)' < '(one|two)'"):
        groups_of_plan(Plan("root", [one, two]), "r")


def test_a_step_that_waits_for_the_plan_around_it_is_refused() -> None:
    inside = step()
    plan = Plan("root", [inside])
    inside.fn = job(depends_on=[plan])(plus)

    with pytest.raises(OptionsError, match="wait for each other"):
        groups_of_plan(plan, "r")


def test_a_step_in_order_cannot_need_a_later_one() -> None:
    later = step(1)

    with pytest.raises(OptionsError, match="wait for each other"):
        groups_of_plan(Plan("root", [step(later), later], sequential=True), "r")


def test_a_plan_of_two_thousand_levels_is_taken() -> None:
    plan = Plan("innermost", [step(1)])
    for _ in range(2000):
        plan = Plan("level", [plan])

    groups, _ = groups_of_plan(plan, "r")

    assert len(groups) == 2002
    assert groups[-1]["ids"] == ["r" + 2001 * ".0"]
