"""Run again: a tree that ended as a new one, all of it or what had failed."""

from pathlib import Path
from typing import Any

import anyio
import pytest

from parrot_async import JobClient, JobStatus, Plan, current_job, job
from parrot_async.errors import JobNotFoundError, NotEndedError
from tests.integration.traces import executions, is_there, leave


@job
async def makes(folder: str, name: str) -> str:
    leave(folder, name)
    return name


@job
async def needs_switch(folder: str, name: str) -> str:
    """Fail as long as there is no file `switch`."""
    leave(folder, name)
    if not is_there(folder, "switch"):
        raise LookupError("no switch")
    return name


@job
def adds(left: Any, right: Any) -> Any:
    return left + right


@job
async def body(folder: str) -> list[Any]:
    here = current_job()
    first = await here.run(makes, folder, "child")
    inner = await here.run(inner_body, folder)
    return [first, inner]


@job
async def inner_body(folder: str) -> list[str]:
    here = current_job()
    names = [await here.run(makes, folder, f"grandchild{n}") for n in range(2)]
    return [*names, await here.run(needs_switch, folder, "last")]


@job
async def waits() -> None:
    await anyio.sleep(3600)


def plan_of(folder: str) -> Plan:
    first = makes.bind(folder, "first")
    second = needs_switch.bind(folder, "second")
    inner = Plan("inner", [makes.bind(folder, "deep"), second], on_failure="collect")
    return Plan("outer", [first, inner, adds.bind(first, "!"), adds.bind(second, "1")])


async def test_a_job_runs_again_as_a_new_one(client: JobClient, tmp_path: Path) -> None:
    handle = await client.submit(needs_switch.options(title="a title"), str(tmp_path), "once")
    await handle.wait()
    (tmp_path / "switch").touch()

    again = await handle.retry()

    assert await again == "once"
    assert handle.status is JobStatus.FAILED
    assert again.id != handle.id
    assert again.node.origin == handle.id
    assert again.node.title == "a title"
    assert again.node.arguments == handle.node.arguments
    assert executions(tmp_path)["once"] == 2


async def test_a_completed_job_runs_again_too(client: JobClient, tmp_path: Path) -> None:
    handle = await client.submit(makes, str(tmp_path), "done")
    await handle

    assert await (await handle.retry()) == "done"
    assert executions(tmp_path)["done"] == 2


async def test_a_plan_runs_again_with_its_own_steps_as_arguments(
    client: JobClient, tmp_path: Path
) -> None:
    handle = await client.submit(plan_of(str(tmp_path)))
    await handle.wait()
    (tmp_path / "switch").touch()

    again = await handle.retry()

    assert await again == ["first", ["deep", "second"], "first!", "second1"]
    assert executions(tmp_path) == {"first": 2, "deep": 2, "second": 2}
    assert {node.root_id for node in again.tree.walk()} == {again.id}


async def test_only_what_failed_of_a_plan_runs_again(client: JobClient, tmp_path: Path) -> None:
    handle = await client.submit(plan_of(str(tmp_path)))
    await handle.wait()
    (tmp_path / "switch").touch()

    again = await handle.retry(failed_only=True)

    assert await again == ["first", ["deep", "second"], "first!", "second1"]
    assert executions(tmp_path) == {"first": 1, "deep": 1, "second": 2}
    first = again.children[0].node
    assert first.attempts == []
    assert first.result is not None
    assert first.result.source == f"{handle.id}.0"


async def test_only_what_failed_below_a_body_runs_again(client: JobClient, tmp_path: Path) -> None:
    handle = await client.submit(body, str(tmp_path))
    await handle.wait()
    (tmp_path / "switch").touch()

    again = await handle.retry(failed_only=True)

    assert await again == ["child", ["grandchild0", "grandchild1", "last"]]
    assert executions(tmp_path) == {"child": 1, "grandchild0": 1, "grandchild1": 1, "last": 2}


@job
async def survives(folder: str, depth: int) -> list[str]:
    """Have one child that completes and one that fails, `depth` levels below, and complete."""
    here = current_job()
    found = [await here.run(makes, folder, f"good{depth}")]
    try:
        below = survives if depth else needs_switch
        found += [str(await here.run(below, folder, depth - 1 if depth else "last"))]  # type: ignore[call-overload]
    except LookupError as exc:
        found.append(repr(exc))
    return found


@pytest.mark.parametrize("depth", [0, 2])
async def test_a_tree_that_completed_over_a_failure_runs_that_again(
    client: JobClient, tmp_path: Path, depth: int
) -> None:
    handle = await client.submit(survives, str(tmp_path), depth)
    assert "no switch" in str(await handle)
    (tmp_path / "switch").touch()

    again = await handle.retry(failed_only=True)

    assert "no switch" not in str(await again)
    good = {f"good{level}": 1 for level in range(depth + 1)}
    assert executions(tmp_path) == {**good, "last": 2}
    assert len(again.children) == 2


async def test_what_needs_a_job_that_runs_again_does_so_too(
    client: JobClient, tmp_path: Path
) -> None:
    first = survives.bind(str(tmp_path), 0)
    alone = makes.bind(str(tmp_path), "alone")
    second = adds.bind(first, ["!"])
    plan = Plan("outer", [first, Plan("inner", [second]), alone, adds.bind(second, ["?"])])
    handle = await client.submit(plan)
    assert "no switch" in str(await handle)
    (tmp_path / "switch").touch()

    again = await handle.retry(failed_only=True)

    said = ["good0", "last", "!"]
    assert (await again)[1:] == [[said], "alone", [*said, "?"]]
    assert executions(tmp_path) == {"good0": 1, "last": 2, "alone": 1}


async def test_a_shared_result_does_not_hide_a_failure_below(
    client: JobClient, tmp_path: Path
) -> None:
    shared = survives.options(cache=True)

    @job
    async def above(folder: str) -> Any:
        return await current_job().run(shared, folder, 0)

    handle = await client.submit(above, str(tmp_path))
    assert "no switch" in str(await handle)
    (tmp_path / "switch").touch()

    again = await handle.retry(failed_only=True)

    assert await again == ["good0", "last"]


async def test_where_all_has_completed_nothing_runs_again(
    client: JobClient, tmp_path: Path
) -> None:
    (tmp_path / "switch").touch()
    handle = await client.submit(survives, str(tmp_path), 1)
    before = await handle

    again = await handle.retry(failed_only=True)

    assert await again == before
    assert set(executions(tmp_path).values()) == {1}


async def test_one_of_many_runs_again_with_failed_only(client: JobClient, tmp_path: Path) -> None:
    names = [f"n{n}" for n in range(30)]
    handles = await client.map(needs_switch, [str(tmp_path)] * 30, names)
    await handles.root.wait()
    (tmp_path / "switch").touch()

    again = await handles.retry(failed_only=True)
    await again.root.wait()
    third = await again.root.retry(failed_only=True)

    assert await client.gather(again) == await third == names
    assert set(executions(tmp_path).values()) == {2}


async def test_a_node_inside_a_tree_becomes_a_tree(client: JobClient, tmp_path: Path) -> None:
    handle = await client.submit(plan_of(str(tmp_path)))
    await handle.wait()
    (tmp_path / "switch").touch()

    again = await handle.children[1].retry(failed_only=True)
    joined = await handle.children[2].retry()

    assert await again == ["deep", "second"]
    assert again.node.parent_id is None
    assert await joined == "first!"
    assert executions(tmp_path)["first"] == 1


async def test_what_runs_cannot_run_again(client: JobClient) -> None:
    handle = await client.submit(waits)

    with pytest.raises(NotEndedError, match="cancel it"):
        await handle.retry()

    await handle.cancel()
    with pytest.raises(JobNotFoundError):
        await client.attach("nojob")


async def test_the_key_moves_to_the_job_that_runs_again(client: JobClient, tmp_path: Path) -> None:
    keyed = needs_switch.options(key="again")
    handle = await client.submit(keyed, str(tmp_path), "keyed")
    await handle.wait()

    again = await handle.retry()
    found = await client.submit(keyed, str(tmp_path), "keyed")

    assert found.id == again.id


async def test_big_results_are_taken_as_they_lie(client: JobClient, tmp_path: Path) -> None:
    big = Plan("big", [adds.bind(b"a" * 100_000, b"b"), needs_switch.bind(str(tmp_path), "x")])
    handle = await client.submit(big)
    await handle.wait()
    (tmp_path / "switch").touch()
    completed = handle.children[0].status is JobStatus.COMPLETED

    again = await handle.retry(failed_only=True)

    assert (await again)[0] == b"a" * 100_000 + b"b"
    if completed:
        assert again.children[0].node.attempts == []


async def test_a_result_that_is_gone_is_made_again(client: JobClient, tmp_path: Path) -> None:
    fleeting = makes.options(result_ttl="50ms")
    handle = await client.submit(
        Plan(
            "p",
            [fleeting.bind(str(tmp_path), "a"), needs_switch.bind(str(tmp_path), "b")],
            sequential=True,
        )
    )
    await handle.wait()
    (tmp_path / "switch").touch()
    await anyio.sleep(0.1)

    again = await handle.retry(failed_only=True)
    await again.wait()

    assert again.status is JobStatus.COMPLETED
    assert executions(tmp_path) == {"a": 2, "b": 2}
