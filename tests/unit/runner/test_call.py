"""What an attempt calls: arguments that are other jobs' results are read when they are needed."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from parrot_async.errors import ResultExpiredError
from parrot_async.transport.pickling import dump_value
from parrot_async.transport.wire import Value
from tests.unit.runner.attempts import BareRunner


class Other:
    """Another job as an argument."""

    def __init__(self, job_id: str) -> None:
        self.id = job_id

    def __job_reference__(self) -> str:
        return self.id


async def made(runner: BareRunner, *args: Any, **options: Any) -> Any:
    execution = await runner.execution(lambda *values: list(values), calls=[(args, {})], **options)
    return await asyncio.to_thread(execution.call.make)


async def test_results_of_other_jobs_arrive_as_values() -> None:
    values = {"x": Value(dump_value(1)), "y": Value(dump_value(2))}

    found = await made(BareRunner(), Other("y"), Other("x"), values=values)

    assert found == [2, 1]


async def test_the_result_of_a_plan_arrives_as_a_list() -> None:
    values = {
        "p": Value(None, None, ("x", "y")),
        "x": Value(dump_value("one")),
        "y": Value(dump_value("two")),
    }

    found = await made(BareRunner(), Other("p"), values=values)

    assert found == [["one", "two"]]


async def test_a_result_in_the_result_folder_is_read_there(tmp_path: Path) -> None:
    (tmp_path / "x.pickle").write_bytes(dump_value("big"))
    values = {"x": Value(None, (tmp_path / "x.pickle").as_uri())}

    found = await made(BareRunner(), Other("x"), values=values)

    assert found == ["big"]


async def test_a_result_that_is_not_kept_any_more_is_an_error_that_names_the_job() -> None:
    values = {"y": Value(dump_value(2))}

    with pytest.raises(ResultExpiredError, match="job x, an argument"):
        await made(BareRunner(), Other("x"), values=values)


async def test_an_async_call_reads_far_arguments_beside_the_loop(tmp_path: Path) -> None:
    async def same(value: str) -> str:
        return value

    (tmp_path / "x.pickle").write_bytes(dump_value("big"))
    values = {"x": Value(None, (tmp_path / "x.pickle").as_uri())}
    runner = BareRunner()
    execution = await runner.execution(
        same, calls=[((Other("x"),), {})], is_async=True, values=values
    )

    coroutine = await execution.call.start()

    assert await coroutine == "big"
