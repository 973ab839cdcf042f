"""A body that starts itself for ever gets an error at the limit, and cancel reaches all of it."""

import json
from typing import Any

import anyio
import pytest

from parrot_async import JobClient, JobHandle, JobStatus, Plan, current_job, job
from parrot_async.errors import JobCancelledError, OptionsError
from tests.integration.commands import run

LEVELS = 1_200


@job
async def descends(level: int) -> int:
    """Return how deep it got."""
    return await current_job().run(descends, level + 1)


@job(max_depth=30)
async def descends_30(level: int) -> int:
    try:
        return await current_job().run(descends_30, level + 1)
    except OptionsError:
        return level


@job
async def spreads(count: int) -> int:
    return len(await current_job().map(ends, range(count)))


@job
async def ends(number: int) -> int:
    return number


async def grown(handle: JobHandle[int], count: int) -> None:
    with anyio.fail_after(60):
        while len(handle.tree) < count:  # noqa: ASYNC110 - it comes on another thread
            await anyio.sleep(0.05)


async def test_a_body_without_an_end_gets_an_error_at_the_last_level(client: JobClient) -> None:
    handle = await client.submit(descends.options(max_depth=60), 0)

    with anyio.fail_after(60), pytest.raises(OptionsError, match="on level 60 of its tree"):
        await handle

    assert len(handle.tree) == 60


async def test_the_body_that_asks_may_go_on_without_the_child(client: JobClient) -> None:
    assert await client.run(descends_30, 0) == 29


async def test_a_tree_gets_no_more_jobs_than_its_root_says(client: JobClient) -> None:
    with pytest.raises(OptionsError, match="may have 100"):
        await client.run(spreads.options(max_jobs=100), 100)

    assert await client.run(spreads.options(max_jobs=101), 100) == 100


@pytest.mark.slow
async def test_a_tree_of_many_levels_is_shown_and_cancelled(client: JobClient, engine: str) -> None:
    handle = await client.submit(descends.options(max_depth=100_000), 0)
    await grown(handle, LEVELS)

    shown = await anyio.to_thread.run_sync(run, "status", "--name", engine, handle.id, "--json")
    await handle.cancel()
    with anyio.fail_after(60), pytest.raises(JobCancelledError):
        await handle

    tree = json.loads(shown.stdout)
    assert tree["id"] == handle.id
    assert len(tree["deeper"]) >= (LEVELS - 1) // 100
    assert {node.status for node in handle.tree.walk()} == {JobStatus.CANCELLED}
    assert handle.report()


async def test_plans_that_nest_at_any_depth_give_nested_results(client: JobClient) -> None:
    plan = Plan("deepest", [ends.bind(7)])
    for _ in range(700):
        plan = Plan("above", [plan])

    value: Any = await client.run(plan)

    depth = 0
    while isinstance(value, list):
        (value,), depth = value, depth + 1
    assert (value, depth) == (7, 701)
