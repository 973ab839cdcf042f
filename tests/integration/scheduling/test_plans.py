"""Declared trees: order, failure policies, cancel, progress, and plans that make no sense."""

import time
from itertools import pairwise
from typing import Any

import anyio
import pytest

from parrot_async import FailurePolicy, JobClient, JobStatus, JobType, Plan, current_job, job
from parrot_async.errors import ChildrenFailedError, DependencyError, OptionsError

FAIL, COLLECT, IGNORE = FailurePolicy.FAIL, FailurePolicy.COLLECT, FailurePolicy.IGNORE


@job
async def waits(seconds: float = 0.05) -> float:
    await anyio.sleep(seconds)
    return time.time()


@job
def plus(*numbers: Any) -> int:
    return sum(numbers)


@job
def fails(*needed: Any) -> None:
    raise ValueError("on purpose")


@job
async def half_way() -> None:
    current_job().progress(50)
    await anyio.sleep(3600)


async def test_a_tree_of_four_levels_runs_and_gives_nested_results(client: JobClient) -> None:
    plan = Plan(
        "root",
        [
            Plan("a", [Plan("a1", [plus.bind(1, 2), plus.bind(3)]), plus.bind(4)]),
            Plan("b", [plus.bind(5)], sequential=True),
        ],
    )

    handle = await client.submit(plan)

    assert await handle == [[[3, 3], 4], [5]]
    types = [node.job_type for node in handle.tree.walk()]
    assert types[:4] == [JobType.ROOT_JOB, JobType.PLAN, JobType.SUBPLAN, JobType.TASK]
    assert {node.status for node in handle.tree.walk()} == {JobStatus.COMPLETED}


async def test_a_sequential_plan_runs_one_after_the_other(client: JobClient) -> None:
    handle = await client.submit(
        Plan("one by one", [waits.bind() for _ in range(4)], sequential=True)
    )

    await handle

    spans = [(child.node.started_at, child.node.completed_at) for child in handle.children]
    for (_, ended), (began, _) in pairwise(spans):
        assert ended is not None
        assert began is not None
        assert ended <= began


async def test_a_parallel_plan_runs_all_at_once(client: JobClient) -> None:
    began = time.monotonic()

    await client.run(Plan("together", [waits.bind(0.3) for _ in range(20)]))

    assert time.monotonic() - began < 3


async def test_steps_take_the_results_of_other_steps(client: JobClient) -> None:
    one, two = plus.bind(1), plus.bind(2)
    three = plus.bind(one, two)
    plan = Plan("sums", [plus.bind(three, three), three, Plan("first", [one, two])])

    assert await client.run(plan) == [6, 3, [1, 2]]


async def test_a_plan_fails_on_the_first_failure_and_stops_the_rest(client: JobClient) -> None:
    handle = await client.submit(Plan("strict", [half_way.bind(), fails.bind(), plus.bind(1)]))

    with anyio.fail_after(5), pytest.raises(ChildrenFailedError, match="on purpose"):
        await handle

    states = [child.status for child in handle.children]
    assert states[:2] == [JobStatus.CANCELLED, JobStatus.FAILED]
    assert handle.progress < 100


async def test_a_sequential_plan_does_not_go_on_after_a_failure(client: JobClient) -> None:
    handle = await client.submit(Plan("stops", [fails.bind(), plus.bind(1)], sequential=True))

    with pytest.raises(ChildrenFailedError):
        await handle

    assert handle.children[1].status is JobStatus.CANCELLED
    assert handle.children[1].node.attempts == []


async def test_a_collecting_plan_finishes_the_rest_and_then_fails(client: JobClient) -> None:
    handle = await client.submit(
        Plan("collects", [fails.bind(), waits.bind(), fails.bind()], on_failure=COLLECT)
    )

    with pytest.raises(ChildrenFailedError, match="2 of 3 children"):
        await handle

    states = [child.status for child in handle.children]
    assert states == [JobStatus.FAILED, JobStatus.COMPLETED, JobStatus.FAILED]


async def test_an_ignoring_plan_completes_with_what_there_is(client: JobClient) -> None:
    handle = await client.submit(Plan("ignores", [plus.bind(1), fails.bind()], on_failure=IGNORE))

    good, bad = await handle

    assert good == 1
    assert isinstance(bad, ValueError)
    assert handle.status is JobStatus.COMPLETED


async def test_what_needs_a_failed_step_ends_without_running(client: JobClient) -> None:
    bad = fails.bind()
    handle = await client.submit(Plan("needs", [bad, plus.bind(bad)], on_failure=COLLECT))

    await handle.wait()

    with pytest.raises(DependencyError):
        await handle.children[1]


async def test_a_failed_subplan_fails_what_is_above(client: JobClient) -> None:
    handle = await client.submit(Plan("top", [Plan("below", [fails.bind()]), half_way.bind()]))

    with anyio.fail_after(5), pytest.raises(ChildrenFailedError, match="on purpose"):
        await handle

    assert [child.status for child in handle.children] == [JobStatus.FAILED, JobStatus.CANCELLED]


async def test_cancel_reaches_every_level(client: JobClient) -> None:
    plan = Plan("top", [Plan("below", [half_way.bind(), half_way.bind()]), half_way.bind()])
    handle = await client.submit(plan)
    async for event in handle.events():
        if event.kind == "progressed":
            break

    with anyio.fail_after(5):
        await handle.cancel()
        await handle.wait()

    assert {node.status for node in handle.tree.walk()} == {JobStatus.CANCELLED}


async def test_progress_is_the_weighted_mean_of_what_is_below(client: JobClient) -> None:
    heavy = Plan("heavy", [plus.bind(1), half_way.options(weight=3).bind()], weight=3)
    handle = await client.submit(Plan("top", [heavy, plus.bind(1)]))
    expected = (3 * (1 * 100 + 3 * 50) / 4 + 1 * 100) / 4

    with anyio.fail_after(10):
        async for _ in handle.events():
            if handle.progress == pytest.approx(expected):
                break

    assert handle.status is JobStatus.WAITING_FOR_CHILDREN
    await handle.cancel()


async def test_a_thousand_chained_steps_end_with_their_first(client: JobClient) -> None:
    steps = [fails.bind()]
    for _ in range(1000):
        steps.append(plus.bind(steps[-1]))

    handle = await client.submit(Plan("chain", steps, on_failure=COLLECT))

    with anyio.fail_after(30), pytest.raises(ChildrenFailedError, match="1,001 of 1,001"):
        await handle


async def test_five_hundred_sequential_steps_finish(client: JobClient) -> None:
    handle = await client.submit(
        Plan("long", [plus.bind(number) for number in range(500)], sequential=True)
    )

    assert await handle == list(range(500))


def test_a_plan_without_steps_is_refused() -> None:
    with pytest.raises(OptionsError, match="no steps"):
        Plan("empty", [])


async def test_steps_that_wait_for_each_other_are_refused(client: JobClient) -> None:
    first, second = plus.bind(), plus.bind()
    first.args, second.args = (second,), (first,)

    with pytest.raises(OptionsError, match="wait for each other"):
        await client.submit(Plan("circle", [first, second]))


async def test_a_sequential_step_that_needs_a_later_one_is_refused(client: JobClient) -> None:
    later = plus.bind(1)

    with pytest.raises(OptionsError, match="wait for each other"):
        await client.submit(Plan("backwards", [plus.bind(later), later], sequential=True))


async def test_a_step_in_two_places_is_refused(client: JobClient) -> None:
    step = plus.bind(1)

    with pytest.raises(OptionsError, match="twice"):
        await client.submit(Plan("twice", [step, step]))


async def test_a_step_of_no_plan_is_refused_as_an_argument(client: JobClient) -> None:
    with pytest.raises(OptionsError, match="not in the same plan"):
        await client.submit(Plan("foreign", [plus.bind(plus.bind(1))]))


async def test_a_plan_may_be_submitted_again(client: JobClient) -> None:
    plan = Plan("again", [plus.bind(1)])

    assert [await client.run(plan), await client.run(plan)] == [[1], [1]]
