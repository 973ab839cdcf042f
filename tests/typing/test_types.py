"""What a type checker knows of jobs: mypy reads this file, pytest only imports it."""

from collections.abc import AsyncIterator
from typing import Any, assert_type

from parrot_async import JobClient, JobHandle, JobHandles, Plan, current_job, job, result_of


@job
def length(text: str, *, strict: bool = False) -> int:
    return len(text)


@job(queue="rag", timeout="2h", retries=3)
async def fetch(url: str) -> bytes:
    return url.encode()


def plain(number: int) -> float:
    return number / 2


class Model:
    @job
    def encode(self, text: str) -> list[float]:
        return [float(len(text))]


async def a_client_keeps_arguments_and_results(client: JobClient) -> None:
    assert_type(await client.submit(length, "a", strict=True), JobHandle[int])
    assert_type(await client.submit(fetch, "a"), JobHandle[bytes])
    assert_type(await client.submit(plain, 1), JobHandle[float])
    assert_type(await client.run(length, "a"), int)
    assert_type(await client.run(fetch, "a"), bytes)
    assert_type(await (await client.submit(fetch, "a")), bytes)
    assert_type(await client.map(length, ["a"]), JobHandles[int])
    assert_type(await client.map(length, ["a"], strict=True), JobHandles[int])
    assert_type(await client.gather(await client.map(fetch, ["a"])), list[bytes])
    assert_type(await client.submit(Model().encode, "a"), JobHandle[list[float]])
    async for done in client.as_completed([await client.submit(length, "a")]):
        assert_type(done, JobHandle[int])


async def options_change_nothing_of_it(client: JobClient) -> None:
    assert_type(length.options(priority=5)("a"), int)
    assert_type(await client.run(length.options(queue="slow"), "a"), int)
    await client.run(length, 3)  # type: ignore[call-overload]
    await client.run(length, "a", stric=True)  # type: ignore[call-arg, arg-type]
    length.options(colour="red")  # type: ignore[call-arg]


async def an_async_job_awaits_its_children() -> None:
    here = current_job()
    assert_type(await here.run(length, "a"), int)
    assert_type(await here.run(fetch, "a"), bytes)
    assert_type(await (await here.submit(fetch, "a")), bytes)
    children = await here.map(fetch, ["a", "b"])
    assert_type(await children.results(), list[bytes])
    async for child in children.as_completed():
        assert_type(await child, bytes)


def a_sync_job_asks_for_results() -> None:
    here = current_job()
    assert_type(here.run(length, "a").result(), int)
    assert_type(here.run(fetch, "a").result(), bytes)
    for child in here.map(length, ["a"]).result().as_completed():
        assert_type(child.result(), int)


async def tracks_keep_their_items(lines: list[str], pages: AsyncIterator[bytes]) -> None:
    for line in current_job().track(lines, "reading"):
        assert_type(line, str)
    async for page in current_job().track(pages, total=3):
        assert_type(page, bytes)


async def what_runs_again_has_the_same_type(client: JobClient) -> None:
    assert_type(await (await client.submit(fetch, "a")).retry(), JobHandle[bytes])
    assert_type(await (await client.map(length, ["a"])).retry(failed_only=True), JobHandles[int])
    assert_type(await client.recover(changed="accept"), list[JobHandle[Any]])
    await client.recover(changed="always")  # type: ignore[arg-type]


def a_plan_is_made_of_bound_calls() -> None:
    Plan("both", [length.bind("a"), fetch.bind("b")])
    length.bind(3)  # type: ignore[arg-type]


def test_plain_calls_of_decorated_functions_run_here() -> None:
    result = length("abc")

    assert result == 3


async def a_handle_among_arguments_arrives_as_its_result(client: JobClient) -> None:
    handle = await client.submit(plain, 1)
    assert_type(result_of(handle), float)
    await client.submit(plain, round(2.5))
    await client.submit(length, result_of(await client.submit(str, 1)))
