"""Jobs that need others: `depends_on`, handles as arguments, keys, and for how long."""

import time
from pathlib import Path
from typing import Any

import anyio
import pytest

from parrot_async import JobClient, JobStatus, job
from parrot_async.errors import DependencyError, JobNotFoundError, OptionsError, ResultExpiredError


def count_in(folder: str | Path) -> int:
    return sum(1 for _ in Path(folder).iterdir())


@job
def plus(*numbers: int) -> int:
    return sum(numbers)


@job
async def later(value: Any) -> Any:
    await anyio.sleep(0.2)
    return value


@job
def fails() -> None:
    raise ValueError("on purpose")


@job
def needs(value: Any) -> int:
    return 1


@job
def marks(folder: str) -> int:
    Path(folder, str(time.time_ns())).touch()
    return len(list(Path(folder).iterdir()))


@job
def plus_nested(numbers: list[int], *, more: dict[str, list[int]]) -> int:
    return sum(numbers) + sum(more["here"])


async def test_a_job_starts_after_what_it_depends_on(client: JobClient) -> None:
    first = await client.submit(later, 1)
    second = await client.submit(plus.options(depends_on=[first]), 1, 2)

    assert await second == 3

    before, after = (await client.attach(first.id)).node, second.node
    assert before.completed_at is not None
    assert after.started_at is not None
    assert before.completed_at <= after.started_at


async def test_a_handle_arrives_as_its_value(client: JobClient) -> None:
    one, two = await client.submit(later, 1), await client.submit(later, 2)

    assert await client.run(plus, one, two, 3, one) == 7


async def test_handles_arrive_from_deep_inside_arguments(client: JobClient) -> None:
    handles = await client.map(later, [1, 2])

    total = await client.run(plus_nested, list(handles), more={"here": [handles[0], 10]})

    assert total == 14


async def test_the_handle_of_a_map_arrives_as_the_list_of_its_results(client: JobClient) -> None:
    handles = await client.map(later, [1, 2, 3])

    assert await client.run(later, handles.root) == [1, 2, 3]


async def test_a_big_value_arrives_as_well(client: JobClient) -> None:
    big = await client.submit(later, b"x" * 10_000_000)

    assert await client.run(later, [big]) == [b"x" * 10_000_000]


async def test_many_jobs_take_the_same_handle(client: JobClient) -> None:
    one = await client.submit(later, 1)

    handles = await client.map(plus, [one] * 300, range(300))

    assert await client.gather(handles) == [1 + number for number in range(300)]


async def test_a_failed_dependency_ends_at_once_what_needs_it(client: JobClient) -> None:
    bad = await client.submit(fails)
    second = await client.submit(needs, bad)
    third = await client.submit(plus.options(depends_on=[second]), 1)

    with anyio.fail_after(2), pytest.raises(DependencyError, match=second.id):
        await third

    assert second.status is JobStatus.FAILED
    assert second.node.attempts == []


async def test_a_dependency_that_failed_long_ago_counts_too(client: JobClient) -> None:
    bad = await client.submit(fails)
    await bad.wait()

    with anyio.fail_after(2), pytest.raises(DependencyError, match=bad.id):
        await client.run(needs, bad)


async def test_an_unknown_dependency_is_refused(client: JobClient) -> None:
    with pytest.raises(JobNotFoundError, match="nojob"):
        await client.submit(plus.options(depends_on=["nojob"]), 1)


async def test_the_same_key_is_the_same_job(client: JobClient, tmp_path: Path) -> None:
    fn = marks.options(key=f"one-{tmp_path}")

    first = await client.submit(fn, str(tmp_path))
    await first
    second = await client.submit(fn, str(tmp_path))

    assert second.id == first.id
    assert await second == 1


async def test_two_submits_of_one_key_in_a_race_run_once(engine: str, tmp_path: Path) -> None:
    fn = marks.options(key=f"race-{tmp_path}")
    results: list[int] = []

    async def submit(client: JobClient) -> None:
        results.append(await client.run(fn, str(tmp_path)))

    async with (
        JobClient(name=engine) as one,
        JobClient(name=engine) as two,
        anyio.create_task_group() as group,
    ):
        for client in (one, two) * 5:
            group.start_soon(submit, client)

    assert results == [1] * 10
    assert count_in(tmp_path) == 1


async def test_a_key_whose_submit_was_refused_is_free_again(client: JobClient) -> None:
    fn = plus.options(key="refused once")
    with pytest.raises(JobNotFoundError):
        await client.submit(fn.options(depends_on=["nojob"]), 1)

    assert await client.run(fn, 1) == 1


async def test_a_key_for_many_jobs_is_refused(client: JobClient) -> None:
    with pytest.raises(OptionsError, match="key"):
        await client.map(plus.options(key="many"), [1, 2])


async def test_a_result_is_kept_for_its_time_and_no_longer(engine: str) -> None:
    async with JobClient(name=engine) as client:
        handle = await client.submit(later.options(result_ttl="700ms"), "short-lived")
        assert await handle == "short-lived"
        await anyio.sleep(0.8)

    async with JobClient(name=engine) as another:
        again = await another.attach(handle.id)

        assert again.status is JobStatus.COMPLETED
        with pytest.raises(ResultExpiredError, match=r"kept for 0\.7s"):
            await again
