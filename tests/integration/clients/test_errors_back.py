"""Errors of jobs come back as they were, and `retry_on` knows them where they were raised."""

import asyncio
from collections.abc import Callable

import pytest

from parrot_async import JobClient, current_job, job
from parrot_async.errors import JobFailedError


class Api:
    """A vendor's client."""

    class ThrottledError(Exception):
        """Made of keywords, as vendors' errors are."""

        def __init__(self, *, code: int, text: str) -> None:
            super().__init__(text)
            self.code = code

    class LimitError(ThrottledError):
        """A kind of it."""


def plainly() -> None:
    raise Api.LimitError(code=429, text="slow down")


def from_another() -> None:
    try:
        raise KeyError("inner")  # noqa: TRY301 - it is what the other one comes from
    except KeyError as exc:
        raise Api.ThrottledError(code=429, text="slow down") from exc


async def in_a_group() -> None:
    async with asyncio.TaskGroup() as group:
        group.create_task(asyncio.to_thread(plainly))


def otherwise() -> None:
    raise KeyError("bug")


@pytest.mark.parametrize(
    ("body", "attempts"), [(plainly, 2), (from_another, 2), (in_a_group, 2), (otherwise, 1)]
)
async def test_an_error_is_retried_in_whatever_way_it_is_raised(
    client: JobClient, body: Callable[[], None], attempts: int
) -> None:
    tried = job(retries=1, retry_on=Api.ThrottledError, retry_delay=0.01)(body)

    handle = await client.submit(tried)
    await handle.wait()

    assert len(handle.node.attempts) == attempts


async def test_a_parent_and_the_client_catch_the_error_that_a_child_raised(
    client: JobClient,
) -> None:
    async def parent() -> int:
        try:
            await current_job().run(plainly)
        except Api.ThrottledError as error:
            return error.code
        return 0

    assert await client.run(parent) == 429
    with pytest.raises(Api.LimitError) as raised:
        await client.run(plainly)
    assert raised.value.code == 429


@pytest.mark.parametrize("is_async", [False, True])
async def test_a_stop_iteration_names_the_job(client: JobClient, is_async: bool) -> None:
    def stops() -> None:
        raise StopIteration(3)

    async def stops_later() -> None:
        raise StopIteration(3)

    handle = await client.submit(stops_later if is_async else stops)

    with pytest.raises(JobFailedError, match=handle.id):
        await handle
    assert handle.error is not None
    assert handle.error.type_name == "StopIteration"


async def test_waiting_without_await_in_an_async_job_is_refused_and_a_block_is_named(
    client: JobClient,
) -> None:
    async def waits() -> object:
        return current_job().run(plainly).result()

    async def blocks() -> None:
        import time

        time.sleep(2)  # noqa: ASYNC251 - that is what is seen

    with pytest.raises(RuntimeError, match="await"):
        await client.run(waits)
    handle = await client.submit(blocks)
    await handle
    assert any("test_errors_back.py" in line.text for line in handle.node.logs or ())
