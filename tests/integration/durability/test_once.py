"""Once: keys under races, results shared by content, late words of lost attempts."""

from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import anyio
import pytest

from parrot_async import JobClient, JobHandle, current_job, job, result_of
from parrot_async.transport.pickling import hash_of_all, hash_of_code
from tests.integration.services import service_on
from tests.integration.traces import executions, leave
from tests.postgres import Server


@job(cache=True)
async def squares(folder: str, number: int) -> int:
    leave(folder, f"squares{number}")
    return number * number


@job(cache=True)
async def doubles(folder: str, number: int) -> int:
    leave(folder, f"doubles{number}")
    return 2 * number


@job(cache=True)
async def fails(folder: str) -> None:
    leave(folder, "fails")
    raise LookupError("no result to share")


@job
async def sums(folder: str, count: int) -> int:
    here = current_job()
    return sum(await (await here.map(squares, [folder] * count, range(count))).results())


@job
async def slow(folder: str) -> str:
    await anyio.sleep(0.3)
    leave(folder, "slow")
    return folder


async def test_an_equal_call_takes_the_stored_result(client: JobClient, tmp_path: Path) -> None:
    first = await client.submit(squares, str(tmp_path), 7)
    await first

    second = await client.submit(squares, str(tmp_path), 7)

    assert await second == 49
    assert second.id != first.id
    assert second.node.attempts == []
    assert second.node.result is not None
    assert second.node.result.source == first.id
    assert executions(tmp_path) == {"squares7": 1}


async def test_another_argument_or_function_is_another_result(
    client: JobClient, tmp_path: Path
) -> None:
    await client.run(squares, str(tmp_path), 3)

    assert await client.run(squares, str(tmp_path), 4) == 16
    assert await client.run(doubles, str(tmp_path), 3) == 6
    assert await client.run(squares.options(cache=False), str(tmp_path), 3) == 9
    assert executions(tmp_path) == {"squares3": 2, "squares4": 1, "doubles3": 1}


async def test_children_take_stored_results_too(client: JobClient, tmp_path: Path) -> None:
    await client.run(squares, str(tmp_path), 1)

    assert await client.run(sums, str(tmp_path), 3) == 5
    assert await client.run(sums, str(tmp_path), 4) == 14
    assert executions(tmp_path) == {f"squares{n}": 1 for n in range(4)}


async def test_a_failure_is_not_shared(client: JobClient, tmp_path: Path) -> None:
    for _ in range(2):
        with pytest.raises(LookupError):
            await client.run(fails, str(tmp_path))

    assert executions(tmp_path)["fails"] == 2


async def test_a_result_whose_time_is_over_is_made_again(client: JobClient, tmp_path: Path) -> None:
    fleeting = squares.options(result_ttl="200ms")
    await client.run(fleeting, str(tmp_path), 5)
    assert await client.run(fleeting, str(tmp_path), 5) == 25
    assert executions(tmp_path)["squares5"] == 1
    await anyio.sleep(0.3)

    assert await client.run(fleeting, str(tmp_path), 5) == 25
    assert executions(tmp_path)["squares5"] == 2


async def test_a_job_as_argument_counts_by_which_it_is(client: JobClient, tmp_path: Path) -> None:
    one, two = [await client.submit(squares.options(cache=False), str(tmp_path), 2) for _ in "ab"]

    for of in (one, one, two):
        assert await client.run(doubles, str(tmp_path), result_of(of)) == 8

    assert executions(tmp_path)["doubles4"] == 2


def test_a_notebooks_function_is_known_again_in_the_next_kernel() -> None:
    source = "def typed(x, y=3):\n    return [x for _ in range(y)]\n"
    kernels: list[dict[str, Any]] = [{"__name__": "__main__"} for _ in range(3)]
    for number, (text, names) in enumerate(
        zip([source, f"\n\n{source}", source.replace("3", "4")], kernels, strict=True)
    ):
        exec(compile(text, f"ipykernel_{number}/1.py", "exec"), names)  # noqa: S102
    typed, again, edited = [names["typed"] for names in kernels]

    assert hash_of_all(typed) == hash_of_all(again) != hash_of_all(edited)
    assert hash_of_code(typed) == hash_of_code(again) != hash_of_code(edited)


async def test_of_many_submissions_with_one_key_one_is_accepted(
    client: JobClient, engine: str, tmp_path: Path
) -> None:
    keyed = slow.options(key="race-of-clients")
    handles: list[JobHandle[str]] = []
    async with JobClient(name=engine) as other, anyio.create_task_group() as group:

        async def submit(of: JobClient) -> None:
            handles.append(await of.submit(keyed, str(tmp_path)))

        for number in range(10):
            group.start_soon(submit, (client, other)[number % 2])

    assert len({handle.id for handle in handles}) == 1
    assert await (await client.attach(handles[0].id)) == str(tmp_path)
    assert executions(tmp_path)["slow"] == 1


@pytest.mark.parametrize("kind", ["sqlite", "postgres"])
async def test_of_two_services_one_accepts_a_key(
    tmp_path: Path, kind: str, request: pytest.FixtureRequest
) -> None:
    async with AsyncExitStack() as stack:
        url = None
        if kind == "postgres":
            server: Server = request.getfixturevalue("postgres_server")
            url = stack.enter_context(server.database())
        one = await stack.enter_async_context(service_on(tmp_path, url))
        two = await stack.enter_async_context(service_on(tmp_path, url))
        handles: dict[int, JobHandle[str]] = {}

        async def submit(number: int, of: JobClient) -> None:
            handles[number] = await of.submit(slow.options(key=f"race{number // 2}"), str(tmp_path))

        async with anyio.create_task_group() as group:
            for number in range(20):
                group.start_soon(submit, number, (one, two)[number % 2])
        results = [await handles[number] for number in range(20)]

        assert [handles[n].id for n in range(0, 20, 2)] == [handles[n].id for n in range(1, 20, 2)]
        assert results == [str(tmp_path)] * 20
        assert executions(tmp_path)["slow"] == 10


async def test_results_are_shared_between_services(tmp_path: Path) -> None:
    async with service_on(tmp_path) as one:
        await one.run(squares, str(tmp_path), 9)
    async with service_on(tmp_path) as two:
        assert await two.run(squares, str(tmp_path), 9) == 81

    assert executions(tmp_path)["squares9"] == 1
