"""The eager client beside a real cluster: the same programs, the same results, the same trees."""

import re
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import anyio
import pytest

from parrot_async import (
    JobClient,
    JobHandle,
    JobNode,
    JobStatus,
    JobTree,
    Plan,
    current_job,
    job,
    result_of,
)
from parrot_async.testing import EagerClient

_ID = re.compile(r"\b[0-9a-z]{14}\b")
_OF_ONE_RUN = re.compile("Path|<job")

Program = Callable[[JobClient, Path], Awaitable[JobHandle[Any]]]


@pytest.fixture
async def eager() -> AsyncIterator[EagerClient]:
    async with EagerClient() as client:
        yield client


@job
def add(one: int, other: int) -> int:
    return one + other


@job
def divide(by: int) -> int:
    return 12 // by


@job
async def count(to: int) -> int:
    async for number in current_job().track(range(to), "counting"):
        current_job().spend(input_tokens=number, cost="0.5", api="abacus")
    return to


@job
def talk() -> str:
    print("said")  # noqa: T201 - it is on the node
    current_job().step("talking")
    current_job().progress(50)
    return "x" * 100_000


@job
def family(size: int) -> int:
    here = current_job()
    first = here.run(add, 1, 1).result()
    rest = here.map(add, range(size), range(size)).result()
    return first + sum(rest.results().result())


@job
async def dynasty(depth: int) -> int:
    if not depth:
        return 1
    parts = await current_job().map(dynasty, [depth - 1] * 2)
    return sum([await part async for part in parts.as_completed()])


@job(retries=3, retry_delay="1h", retry_on=OSError)
def flaky(seen: Path, wanted: int) -> int:
    with seen.open("a") as file:
        file.write("x")
    if len(seen.read_text()) < wanted:
        raise OSError("not yet")
    return wanted


@job
def appear(file: Path) -> str:
    if not file.exists():
        file.touch()
        raise OSError("not yet")
    return "there"


@job(timeout=0.2)
async def sleepy() -> None:
    await anyio.sleep(60)


@job(grace=1)
def stubborn(begun: Path) -> None:
    begun.touch()
    for _ in current_job().track(range(10_000), "waiting"):
        time.sleep(0.01)


@job(retries=1, retry_delay=0.01)
def goes_on() -> list[int]:
    here = current_job()
    if here.restored is None:
        here.checkpoint([1, 2])
        raise OSError("lost the line")
    return [*here.restored, 3]


async def one(client: JobClient, folder: Path) -> JobHandle[Any]:
    return await client.submit(add, 1, 2)


async def steps_and_costs(client: JobClient, folder: Path) -> JobHandle[Any]:
    return await client.submit(count.options(title="to five", weight=2), 5)


async def big_and_loud(client: JobClient, folder: Path) -> JobHandle[Any]:
    return await client.submit(talk)


async def sync_children(client: JobClient, folder: Path) -> JobHandle[Any]:
    return await client.submit(family, 5)


async def nested_children(client: JobClient, folder: Path) -> JobHandle[Any]:
    return await client.submit(dynasty, 3)


async def mapped(client: JobClient, folder: Path) -> JobHandle[Any]:
    return (await client.map(add, range(7), range(7))).root


async def an_error(client: JobClient, folder: Path) -> JobHandle[Any]:
    return await client.submit(divide, 0)


async def tried_again(client: JobClient, folder: Path) -> JobHandle[Any]:
    options = flaky.options(retry_delay=0.01) if type(client) is JobClient else flaky
    return await client.submit(options, folder / "seen", 3)


async def timed_out(client: JobClient, folder: Path) -> JobHandle[Any]:
    return await client.submit(sleepy)


async def needed(client: JobClient, folder: Path) -> JobHandle[Any]:
    first = await client.submit(add, 1, 2)
    return await client.submit(add, result_of(first), 3)


async def needed_in_vain(client: JobClient, folder: Path) -> JobHandle[Any]:
    first = await client.submit(divide, 0)
    return await client.submit(add, result_of(first), 3)


async def in_order(client: JobClient, folder: Path) -> JobHandle[Any]:
    first = add.bind(1, 2)
    inner = Plan("inner", [add.bind(result_of(first), 1), add.bind(3, 4)])
    return await client.submit(Plan("outer", [first, inner], sequential=True))


async def failing_plan(client: JobClient, folder: Path) -> JobHandle[Any]:
    steps = [add.bind(1, 2), divide.bind(0), add.bind(5, 6)]
    return await client.submit(Plan("fails", steps, sequential=True))


async def collecting_plan(client: JobClient, folder: Path) -> JobHandle[Any]:
    steps = [divide.bind(0), add.bind(5, 6)]
    return await client.submit(Plan("collects", steps, on_failure="collect"))


async def cancelled(client: JobClient, folder: Path) -> JobHandle[Any]:
    begun = folder / "begun"
    handle = await client.submit(stubborn, begun)
    while not begun.exists():  # noqa: ASYNC110 - a file tells nobody
        await anyio.sleep(0.01)
    await handle.cancel()
    return handle


async def cancelled_before_it_began(client: JobClient, folder: Path) -> JobHandle[Any]:
    first = await client.submit(sleepy.options(timeout=2))
    handle = await client.submit(add.options(depends_on=[first]), 1, 2)
    await handle.cancel()
    await first.cancel()
    return handle


async def paused(client: JobClient, folder: Path) -> JobHandle[Any]:
    steps = [stubborn.bind(folder / "a"), add.bind(1, 2)]
    handle = await client.submit(Plan("held", steps, on_failure="collect"))
    while not (folder / "a").exists():  # noqa: ASYNC110 - a file tells nobody
        await anyio.sleep(0.01)
    await handle.pause()
    while handle.children[0].status is not JobStatus.PAUSED:  # noqa: ASYNC110 - a node tells nobody
        await anyio.sleep(0.01)
    await handle.resume()
    await handle.children[0].cancel()
    return handle


async def a_paused_queue(client: JobClient, folder: Path) -> JobHandle[Any]:
    await client.pause(queue="slow")
    handle = await client.submit(add.options(queue="slow"), 1, 2)
    await client.resume(queue="slow")
    return handle


async def saved_and_restored(client: JobClient, folder: Path) -> JobHandle[Any]:
    return await client.submit(goes_on)


async def run_again(client: JobClient, folder: Path) -> JobHandle[Any]:
    steps = [add.bind(1, 2), appear.bind(folder / "seen")]
    handle = await client.submit(Plan("twice", steps, on_failure="collect"))
    await handle.wait()
    return await handle.retry(failed_only=True)


PROGRAMS: list[Program] = [
    paused,
    a_paused_queue,
    saved_and_restored,
    run_again,
    one,
    steps_and_costs,
    big_and_loud,
    sync_children,
    nested_children,
    mapped,
    an_error,
    tried_again,
    timed_out,
    needed,
    needed_in_vain,
    in_order,
    failing_plan,
    collecting_plan,
    cancelled,
    cancelled_before_it_began,
]


async def ending(handle: JobHandle[Any]) -> tuple[Any, ...]:
    """The result, or what was raised."""
    try:
        return "returned", await handle
    except Exception as exc:  # noqa: BLE001 - whatever a program's job raises
        return "raised", type(exc), _ID.sub("ID", str(exc))


def shape(tree: JobTree, node: JobNode) -> tuple[Any, ...]:
    """All of a tree that two runs of one program have in common."""
    error = node.error
    return (
        node.title,
        node.spec.function,
        node.job_type,
        node.status,
        "of this run" if _OF_ONE_RUN.search(node.arguments) else node.arguments,
        node.progress_percentage if node.status is JobStatus.COMPLETED else "cut off",
        node.total_steps if node.status is JobStatus.COMPLETED else "cut off",
        node.usage,
        None if error is None else (error.kind, error.type_name),
        None if node.result is None else (node.result.nbytes, node.result.url is None),
        [attempt.error and attempt.error.kind for attempt in node.attempts],
        [line.text for line in node.logs or ()],
        [shape(tree, child) for child in tree.children(node.id)],
    )


@pytest.mark.parametrize("program", PROGRAMS)
async def test_a_program_ends_as_it_does_on_a_cluster(
    program: Program, eager: EagerClient, client: JobClient, tmp_path: Path
) -> None:
    endings = []
    for some in (eager, client):
        folder = tmp_path / type(some).__name__
        folder.mkdir()
        with anyio.fail_after(20):
            handle = await program(some, folder)
            end = await ending(handle)
        endings.append((end, shape(handle.tree, handle.node)))

    here, there = endings

    assert here == there


async def test_events_are_those_of_a_cluster(eager: EagerClient, client: JobClient) -> None:
    kinds = []
    for some in (eager, client):
        handle = await some.submit(count, 3)
        await handle
        assert handle.cost == Decimal("1.5")
        kinds.append([type(event).__name__ async for event in handle.events()])

    assert kinds[0][0] == kinds[1][0] == "Submitted"
    assert set(kinds[0]) == set(kinds[1])


async def test_lists_of_jobs_are_those_of_a_cluster(eager: EagerClient, client: JobClient) -> None:
    rows = []
    for some in (eager, client):
        await some.run(add, 1, 2)
        rows.append((await some.jobs("completed", limit=1))[0])

    assert rows[0].title == rows[1].title == "add"
    assert rows[0].status is rows[1].status is JobStatus.COMPLETED
