"""Values come back as they went, and functions of every kind run as jobs."""

import dataclasses
import functools
import sys
from pathlib import Path
from typing import Any

import anyio
import numpy as np
import pytest

from parrot_async import JobClient, current_job, job
from parrot_async.errors import SerializationError

TEN_MB = bytes(range(256)) * 40_000


@dataclasses.dataclass
class Point:
    x: int
    tags: frozenset[str] = frozenset()

    def scaled(self, by: int) -> "Point":
        return Point(self.x * by, self.tags)

    async def scaled_async(self, by: int) -> "Point":
        return Point(self.x * by, self.tags)

    @job
    def as_job(self, by: int) -> "Point":
        return self.scaled(by)


class Adder:
    def __init__(self, start: int) -> None:
        self.start = start

    def __call__(self, number: int) -> int:
        return self.start + number


class AsyncAdder(Adder):
    async def __call__(self, number: int) -> int:  # type: ignore[override]
        return self.start + number


@job
def same(value: Any) -> Any:
    return value


@job
async def same_async(value: Any) -> Any:
    return value


@job
def factorial(number: int) -> int:
    return number * current_job().run(factorial, number - 1).result() if number else 1


@job
def plain_factorial(number: int) -> int:
    return number * plain_factorial(number - 1) if number else 1


VALUES = [
    None,
    False,
    True,
    0,
    "",
    "123",
    b"",
    1.5,
    float("inf"),
    (),
    (1, (2, [3])),
    {1, 2},
    frozenset({"a"}),
    {"a": [1, 2], 3: (4,)},
    {1: "one"},
    range(3),
    complex(1, 2),
    Point(1, frozenset({"t"})),
    Point,
    [None, False, ""],
    "\ud800 is half a character",
    "ünïcödé \x00 \u2028",
]


@pytest.mark.parametrize("fn", [same, same_async])
async def test_values_come_back_as_they_went(client: JobClient, fn: Any) -> None:
    handles = await client.map(fn, VALUES)

    results = await client.gather(handles)

    assert results == VALUES
    assert [type(result) for result in results] == [type(value) for value in VALUES]


async def test_an_array_comes_back(client: JobClient) -> None:
    array = np.arange(12, dtype="float32").reshape(3, 4)

    result = await client.run(same, array)

    assert result.dtype == array.dtype
    np.testing.assert_array_equal(result, array)


async def test_an_exception_may_be_a_value(client: JobClient) -> None:
    result = await client.run(same, ValueError("a value", 1))

    assert isinstance(result, ValueError)
    assert result.args == ("a value", 1)


@pytest.mark.parametrize("fn", [same, same_async])
async def test_ten_megabytes_go_and_come_back(client: JobClient, fn: Any) -> None:
    handle = await client.submit(fn, TEN_MB)

    assert await handle == TEN_MB

    assert handle.node.result is not None
    assert handle.node.result.url is not None
    assert handle.node.result.nbytes >= len(TEN_MB)


async def test_a_big_argument_is_there_again_for_the_second_attempt(client: JobClient) -> None:
    @job(retries=1, retry_delay="10ms")
    def needs_two(data: bytes) -> int:
        if current_job().attempt == 1:
            raise ValueError("once more")
        return len(data)

    assert await client.run(needs_two, TEN_MB) == len(TEN_MB)


async def test_a_big_result_goes_to_a_waiting_parent(client: JobClient) -> None:
    @job
    async def parent() -> int:
        return len(await current_job().run(same, TEN_MB))

    assert await client.run(parent) == len(TEN_MB)


@pytest.mark.parametrize(
    ("fn", "expected"),
    [
        (Point(2).scaled, Point(6)),
        (Point(2).scaled_async, Point(6)),
        (Point(2).as_job, Point(6)),
        (lambda number: number + 1, 4),
        (functools.partial(pow, 2), 8),
        (functools.partial(same, value=7), 7),
        (Adder(10), 13),
        (AsyncAdder(10), 13),
        (same, 3),
        (abs, 3),
        (len, None),
    ],
    ids=str,
)
async def test_callables_of_every_kind_run(client: JobClient, fn: Any, expected: Any) -> None:
    if expected is None:
        assert await client.run(fn, "four") == 4
    elif isinstance(fn, functools.partial) and fn.keywords:
        assert await client.run(fn) == expected
    else:
        assert await client.run(fn, 3) == expected


async def test_a_closure_brings_what_it_closes_over(client: JobClient) -> None:
    point, table = Point(5), {"a": 1}

    @job
    async def closure(key: str) -> tuple[int, int]:
        return point.x, table[key]

    assert await client.run(closure, "a") == (5, 1)


async def test_a_job_may_submit_itself(client: JobClient) -> None:
    assert await client.run(factorial, 4) == 24
    assert await client.run(plain_factorial, 5) == 120


async def test_a_local_job_may_submit_itself(client: JobClient) -> None:
    @job
    async def countdown(number: int) -> list[int]:
        if not number:
            return [0]
        return [number, *await current_job().run(countdown, number - 1)]

    assert await client.run(countdown, 3) == [3, 2, 1, 0]


async def test_what_cannot_be_pickled_is_refused_at_once(client: JobClient) -> None:
    with pytest.raises(SerializationError, match="argument 1, of type frame, cannot"):
        await client.submit(same, sys._getframe())
    frame = sys._getframe()
    with pytest.raises(SerializationError, match="Pass what it needs as arguments"):
        await client.submit(lambda: frame)


async def test_a_result_that_cannot_be_pickled_fails_the_job(client: JobClient) -> None:
    with pytest.raises(SerializationError, match="generator"):
        await client.run(lambda: (number for number in range(3)))


async def test_a_function_that_cannot_be_imported_fails_with_that_error(
    client: JobClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "only_here.py").write_text("def work():\n    return 1\n")
    monkeypatch.syspath_prepend(tmp_path)
    import only_here  # type: ignore[import-not-found]

    (tmp_path / "only_here.py").unlink()

    with pytest.raises(ModuleNotFoundError, match="only_here"):
        await client.run(only_here.work)


SCRIPT = """
import asyncio, dataclasses, sys
from parrot_async import JobClient, job

@dataclasses.dataclass
class Point:
    x: int

class PointError(Exception):
    pass

@job
def double(point: Point) -> Point:
    if point.x < 0:
        raise PointError("negative")
    return Point(2 * point.x)

async def main():
    async with JobClient(name=sys.argv[1]) as client:
        result = await client.run(double, Point(4))
        assert isinstance(result, Point) and result == Point(8), result
        try:
            await client.run(double, Point(-1))
        except PointError as error:
            print(result, error)

asyncio.run(main())
"""


async def test_classes_of_a_script_come_back_as_its_own(engine: str, tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(SCRIPT)

    done = await anyio.run_process([sys.executable, str(script), engine], check=False)

    assert done.stdout == b"Point(x=8) negative\n", done.stderr.decode()
