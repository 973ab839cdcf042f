"""`@job` and its options."""

import pytest

from parrot_async import Plan, Priority, current_job, job
from parrot_async.errors import OptionsError
from parrot_async.jobs.spec import spec_of
from parrot_async.model.models import FailurePolicy, JobType


@job(queue="slow", cpu=2, timeout="1m30s", retries=3, retry_on=(OSError, KeyError))
def work(number: int) -> int:
    """Say how the function is known to people."""
    return number + 1


async def later(number: int) -> int:
    return number


def test_a_plain_call_runs_here() -> None:
    assert work(1) == 2


def test_options_become_what_the_service_is_told() -> None:
    spec = spec_of(work.options(priority=Priority.HIGH, result_ttl="7d", key="once"))

    assert (spec.queue, spec.pool, spec.slots, spec.timeout) == ("slow", "cpu", 2, 90.0)
    assert (spec.retry.retries, spec.retry.on) == (3, ("OSError", "KeyError"))
    assert (spec.priority, spec.result_ttl, spec.key) == (10, 7 * 86400.0, "once")
    assert (spec.title, spec.function) == ("work", "tests.unit.jobs.test_decorator:work")
    assert not spec.is_async


def test_options_leave_the_function_they_came_from_alone() -> None:
    work.options(title="another")

    assert spec_of(work).title == "work"


def test_a_later_pool_replaces_the_former() -> None:
    assert spec_of(work.options(gpu=1)).pool == "gpu"
    assert spec_of(work.options(resources={"TPU": 4})).pool == "tpu"


def test_async_functions_are_told_apart() -> None:
    assert spec_of(job(later)).is_async
    assert spec_of(later).is_async


def test_a_name_is_kept_and_so_is_the_documentation() -> None:
    assert work.__name__ == "work"
    assert work.__doc__ == "Say how the function is known to people."
    assert repr(work).startswith("<job tests.unit.jobs.test_decorator:work(queue='slow', cpu=2")


@pytest.mark.parametrize(
    "options",
    [
        {"timeout": "soon"},
        {"timeout": -1},
        {"cpu": 0},
        {"cpu": 1, "gpu": 1},
        {"colour": "red"},
        {"retries": -1},
        {"on_failure": "shrug"},
    ],
    ids=str,
)
def test_options_that_make_no_sense_are_refused_where_they_are_given(
    options: dict[str, object],
) -> None:
    with pytest.raises(ValueError, match=r".+"):
        job(**options)(later)  # type: ignore[call-overload]


def test_a_plan_without_steps_is_refused() -> None:
    with pytest.raises(OptionsError, match="has no steps"):
        Plan("nothing", [])


def test_a_plan_is_a_root_job_or_a_subplan_by_its_depth() -> None:
    plan = Plan("all", [work.bind(1)], on_failure="collect", sequential=True)

    specs = [plan.spec(depth) for depth in range(4)]

    kinds = [JobType.ROOT_JOB, JobType.PLAN, JobType.SUBPLAN, JobType.SUBPLAN]
    assert [spec.job_type for spec in specs] == kinds
    assert specs[0].on_failure is FailurePolicy.COLLECT
    assert specs[0].sequential


def test_outside_a_job_everything_is_harmless() -> None:
    here = current_job()
    here.step("nothing")
    here.progress(50)
    here.spend(input_tokens=3, cost="0.5")

    tracked = list(here.track([1, 2], "counting"))
    doubled = here.map(work, tracked).result().results().result()

    assert tracked == [1, 2]
    assert doubled == [2, 3]
    assert not here.cancelled


async def test_outside_a_job_children_run_here_and_are_awaited_all_the_same() -> None:
    children = await current_job().map(later, [1, 2, 3])

    results = [await child async for child in children.as_completed()]

    assert sorted(results) == [1, 2, 3]
