"""Jobs that do harm by accident: they end, and so do all others, with their right values."""

import asyncio
import logging
import os
import sys
import warnings
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal, getcontext
from io import StringIO
from pathlib import Path
from threading import Thread
from typing import Any, cast

import anyio
import pytest

from parrot_async import JobClient, JobStatus, Plan, current_job, job
from parrot_async.errors import OptionsError
from parrot_async.jobs.options import Options

NAME = "caf\udce9\0.txt"
SENT = r"caf\udce9\x00.txt"
LIMIT = 20.0
"""Seconds in which all of a test's jobs end, on a busy machine."""


class OddError(Exception):
    """An error, or a value, whose own code exits."""

    def __str__(self) -> str:
        raise SystemExit(3)

    __repr__ = __str__


class ReducingError(Exception):
    """A value that cannot be pickled without leaving the process."""

    def __reduce__(self) -> str:
        raise KeyboardInterrupt


def prints() -> None:
    print("reading", NAME)  # noqa: T201
    logging.getLogger("odd").warning("reading %s", NAME)
    warnings.warn(NAME, stacklevel=1)


def steps() -> None:
    current_job().step(NAME)
    for _ in current_job().track([1, 2], Path("/data")):  # type: ignore[arg-type]
        current_job().step(7)  # type: ignore[arg-type]


def raises() -> None:
    raise ValueError(NAME)


def raises_odd() -> None:
    raise OddError


def returns_odd() -> Any:
    return OddError()


def returns_text() -> str:
    return NAME


def returns_unpicklable() -> Any:
    return ReducingError()


async def exits_in_a_task() -> None:
    task = asyncio.create_task(_exits())
    await asyncio.wait([task], timeout=LIMIT)
    await asyncio.sleep(LIMIT)


async def _exits() -> None:
    sys.exit(3)


async def stops_the_loop() -> None:
    asyncio.get_running_loop().stop()
    await asyncio.sleep(LIMIT)


async def exits_in_a_callback() -> None:
    asyncio.get_running_loop().call_soon(sys.exit, 3)
    await asyncio.sleep(LIMIT)


async def breaks_the_loop() -> None:
    vars(asyncio.get_running_loop())["_process_events"] = None
    await asyncio.sleep(0.01)
    await asyncio.sleep(LIMIT)


async def raises_odd_later() -> None:
    await asyncio.sleep(0.01)
    raise OddError


@job
async def innocent(number: int) -> int:
    await asyncio.sleep(0.5)
    return number


@job
def add(number: int) -> int:
    return number + 1


TEXTS = [prints, steps, raises, raises_odd, returns_odd, returns_text, returns_unpicklable]
EXITS = [exits_in_a_task, stops_the_loop, exits_in_a_callback, raises_odd_later]


async def test_no_text_error_or_value_of_a_job_keeps_others_from_their_ends(
    client: JobClient,
) -> None:
    with anyio.fail_after(3 * LIMIT):
        odd = [await client.submit(fn) for fn in TEXTS]
        others = await client.map(add, range(20))
        values = await client.gather(others)
        await asyncio.gather(*(handle.result() for handle in odd), return_exceptions=True)

    states = {fn.__name__: handle.status for fn, handle in zip(TEXTS, odd, strict=True)}
    failed = {name for name, state in states.items() if state is JobStatus.FAILED}
    assert values == list(range(1, 21))
    assert failed == {"raises", "raises_odd", "returns_unpicklable"}
    assert [line.text for line in odd[0].node.logs or ()] == [
        f"reading {SENT}",
        f"odd: reading {SENT}",
        f"UserWarning: {SENT}",
    ]


@pytest.mark.parametrize("harm", EXITS)
async def test_async_jobs_outlive_one_that_ends_their_loop(
    client: JobClient, harm: Callable[[], Any]
) -> None:
    with anyio.fail_after(3 * LIMIT):
        neighbours = await client.map(innocent, range(5))
        guilty = await client.submit(job(harm).options(timeout=LIMIT / 2))
        values = await client.gather(neighbours)
        await asyncio.gather(guilty.result(), return_exceptions=True)
        after = await client.run(innocent, 7)

    assert values == [0, 1, 2, 3, 4]
    assert after == 7
    assert guilty.status is JobStatus.FAILED


async def test_async_jobs_outlive_one_that_breaks_their_loop_again_and_again(
    client: JobClient,
) -> None:
    with anyio.fail_after(3 * LIMIT):
        neighbours = await client.map(innocent, range(5))
        guilty = await client.submit(breaks_the_loop)
        values = await client.gather(neighbours)
        await asyncio.gather(guilty.result(), return_exceptions=True)

    assert values == [0, 1, 2, 3, 4]
    assert guilty.status is JobStatus.FAILED
    assert max(len(handle.node.attempts) for handle in neighbours) <= 2


async def test_another_loop_takes_the_place_of_a_broken_one(client: JobClient) -> None:
    with anyio.fail_after(3 * LIMIT):
        guilty = await client.submit(breaks_the_loop)
        await asyncio.gather(guilty.result(), return_exceptions=True)
        after = await client.run(innocent, 7)

    assert after == 7
    assert guilty.status is JobStatus.FAILED


async def test_what_a_job_leaves_is_gone_for_the_next_one(one_slot: JobClient) -> None:
    def leaves() -> None:
        os.chdir("/")
        os.umask(0)
        sys.setrecursionlimit(120)
        logging.disable(logging.CRITICAL)
        logging.basicConfig(force=True)
        getcontext().prec = 3
        sys.stdout = StringIO()

    def looks() -> tuple[str, int, int, str]:
        print("hello")  # noqa: T201
        logging.getLogger("odd").warning("there")
        umask = os.umask(0o077)
        os.umask(umask)
        return str(Path.cwd()), umask, sys.getrecursionlimit(), str(Decimal(1) / 7)

    before = await one_slot.run(looks)
    await one_slot.run(leaves)
    handle = await one_slot.submit(looks)
    after = await handle

    assert after == before
    assert [line.text for line in handle.node.logs or ()] == ["hello", "odd: there"]


async def test_what_a_jobs_threads_do_counts_for_it(client: JobClient) -> None:
    def asks() -> list[int]:
        def one(number: int) -> int:
            print("asking", number)  # noqa: T201
            current_job().spend(input_tokens=10)
            return current_job().run(add, number).result()

        with ThreadPoolExecutor(3) as pool:
            found = list(pool.map(one, range(3)))
        thread = Thread(target=one, args=(3,))
        thread.start()
        thread.join()
        return found

    handle = await client.submit(asks)
    found = await handle

    assert found == [1, 2, 3]
    assert handle.usage is not None
    assert handle.usage.input_tokens == 40
    assert len(handle.children) == 4
    assert {line.text for line in handle.node.logs or ()} == {f"asking {i}" for i in range(4)}


async def test_a_text_that_cannot_be_stored_is_refused_where_it_is_written(
    client: JobClient,
) -> None:
    for name in ("title", "key", "queue", "prompt"):
        options = cast("Options", {name: NAME})
        with pytest.raises(OptionsError, match="holds a NUL or a lone surrogate"):
            await client.submit(add.options(**options), 1)
    with pytest.raises(OptionsError, match="holds a NUL or a lone surrogate"):
        Plan(NAME, [])
