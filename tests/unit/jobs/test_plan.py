"""Plans before they run: what they refuse, how they are shown, and what they become."""

from typing import Any

import pytest

from parrot_async import Plan, job, result_of
from parrot_async.errors import OptionsError
from parrot_async.jobs.plan import Step
from parrot_async.model.models import FailurePolicy, JobType


@job(title="add <b>one</b>")
def work(number: int) -> int:
    return number + 1


def outline(plan: Plan, kind: str) -> str:
    return plan._repr_mimebundle_()[kind]


def test_a_step_shows_its_call() -> None:
    step = Step(work, (1,), {})

    assert repr(step) == "<step tests.unit.jobs.test_plan:work(1)>"
    assert step.title == "add <b>one</b>"


def test_a_step_whose_arguments_do_not_fit_is_refused() -> None:
    with pytest.raises(TypeError, match="missing a required argument: 'number'"):
        Step(work, (), {})


def test_a_step_arrives_as_its_result_once_it_has_an_id() -> None:
    step = work.bind(1)
    step.id = "r.0"

    assert step.__job_reference__() == "r.0"


def test_a_step_of_no_plan_is_no_argument() -> None:
    with pytest.raises(OptionsError, match="is an argument, but not in the same plan"):
        work.bind(1).__job_reference__()


def test_a_plan_without_steps_is_refused() -> None:
    with pytest.raises(OptionsError, match="'nothing' has no steps"):
        Plan("nothing", [])


def test_a_plan_with_an_unknown_policy_is_refused() -> None:
    with pytest.raises(OptionsError, match="'shrug' is no FailurePolicy: choose from"):
        Plan("all", [work.bind(1)], on_failure="shrug")


def test_a_plan_is_a_root_job_or_a_subplan_by_its_depth() -> None:
    plan = Plan("all", [work.bind(1)], on_failure="collect", sequential=True)

    specs = [plan.spec(depth) for depth in range(4)]

    kinds = [JobType.ROOT_JOB, JobType.PLAN, JobType.SUBPLAN, JobType.SUBPLAN]
    assert [spec.job_type for spec in specs] == kinds
    assert specs[0].on_failure is FailurePolicy.COLLECT
    assert specs[0].sequential
    assert specs[0].expected == 1


def test_a_plan_fails_with_its_first_failure_unless_told_otherwise() -> None:
    assert Plan("all", [work.bind(1)]).spec(0).on_failure is FailurePolicy.FAIL


def test_a_plan_says_how_its_steps_run() -> None:
    steps: list[Any] = [work.bind(1), work.bind(2)]

    assert repr(Plan("all", steps)) == "<plan 'all': 2 steps together>"
    assert repr(Plan("all", steps, sequential=True)) == "<plan 'all': 2 steps in order>"


def test_a_notebook_shows_the_outline_of_a_plan() -> None:
    plan = Plan("all", [work.bind(1), Plan("inner", [work.bind(2)], sequential=True)])

    lines = outline(plan, "text/plain").splitlines()

    assert lines == [
        "all: 2 steps together",
        "  add <b>one</b>: 1",
        "  inner: 1 steps in order",
        "    add <b>one</b>: 2",
    ]


def test_a_title_is_no_markup_in_the_outline() -> None:
    shown = outline(Plan("<script>", [work.bind(1)]), "text/html")

    assert "<script>" not in shown
    assert "<b>one</b>" not in shown
    assert "&lt;script&gt;" in shown


def test_a_plan_of_two_thousand_levels_is_shown() -> None:
    plan = Plan("innermost", [work.bind(1)])
    for _ in range(2000):
        plan = Plan("level", [plan])

    assert outline(plan, "text/plain").startswith("level: 1 steps together\n  level: 1 steps")


def test_result_of_changes_nothing() -> None:
    step = work.bind(1)

    assert result_of(step) is step


def test_a_step_of_a_long_chain_shows_itself_and_no_more() -> None:
    step = work.bind(1)
    for _ in range(5_000):
        step = work.bind(result_of(step))

    assert repr(step).count("<step") == 2
    assert "RecursionError" not in repr(step)
