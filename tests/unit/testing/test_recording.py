"""A body alone: what `recording_job` writes down of it."""

from collections.abc import Iterator

import pytest

from parrot_async import Usage, current_job, job
from parrot_async.testing import JobStopped, recording_job


@job
def load(path: str) -> str:
    raise OSError(f"{path} is not there")


@job
async def embed(paths: list[str]) -> int:
    here, size = current_job(), 0
    async for path in here.track(paths, "embedding"):
        size += len(await here.run(load, path))
        here.spend(input_tokens=10, cost="0.1")
    return size


def test_a_body_alone_tells_what_it_reported() -> None:
    @job
    def report() -> str:
        for _ in current_job().track(["a", "b"], "first"):
            pass
        current_job().step("second")
        current_job().progress(80)
        return "done"

    with recording_job() as recorded:
        result = report()

    assert result == "done"
    assert recorded.percents == [0, 50, 100, 80]
    assert recorded.steps == ["first", "second"]
    assert recorded.children == []


async def test_other_functions_run_in_the_place_of_children() -> None:
    with recording_job({load: lambda path: path * 2}) as recorded:
        size = await embed(["one", "two"])

    assert size == 12
    assert recorded.usage == Usage(20, 0, recorded.usage.cost)
    assert [child.args for child in recorded.children] == [("one",), ("two",)]
    assert recorded.children[0].fn is load


async def test_children_that_are_not_replaced_run_themselves() -> None:
    with recording_job(), pytest.raises(OSError, match="one is not there"):
        await embed(["one"])


def test_a_body_that_is_told_to_stop_stops_at_its_next_step() -> None:
    def items() -> Iterator[int]:
        yield 1
        recorded.stop()
        yield 2

    with recording_job() as recorded, pytest.raises(JobStopped):
        for _ in current_job().track(items()):
            pass

    assert current_job().cancelled is False


def test_a_body_goes_on_from_what_it_had_saved() -> None:
    @job
    def go_on() -> int:
        here = current_job()
        for number in range(here.restored or 0, 4):
            here.checkpoint(number)
        return here.attempt

    with recording_job(attempt=3, restored=2) as recorded:
        attempt = go_on()

    assert attempt == 3
    assert recorded.checkpoints == [2, 3]
