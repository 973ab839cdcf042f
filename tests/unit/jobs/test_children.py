"""What a job gets for its children: pending values, children, and these as they end."""

import asyncio
import pickle
import traceback
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import anyio
import anyio.to_thread
import pytest

from parrot_async.errors import ErrorInfo, JobLostError
from parrot_async.jobs.children import AsCompleted, Child, Children, Pending
from parrot_async.transport import results
from parrot_async.transport.frames import is_ours
from parrot_async.transport.outcome import Outcome
from parrot_async.transport.pickling import dump_value
from tests.unit.jobs.hosts import PATIENCE, ControlledHost

LOST = ErrorInfo("lost", "its worker died")


@pytest.fixture
def host() -> ControlledHost:
    return ControlledHost()


@pytest.fixture
def ends() -> "list[Future[Outcome]]":
    return [Future() for _ in range(3)]


@pytest.fixture
def children(host: ControlledHost, ends: "list[Future[Outcome]]") -> Children[str]:
    return Children(["r.0", "r.1", "r.2"], ends, host, host.cancelled.append)


def end(ends: "list[Future[Outcome]]", number: int, value: Any = None) -> None:
    """Have a child return a value, by default a word for its number."""
    said = ("zero", "one", "two")[number] if value is None else value
    ends[number].set_result(Outcome(f"r.{number}", dump_value(said)))


@pytest.mark.parametrize(
    ("kind", "names"),
    [
        (Pending, {"as_future", "done", "result"}),
        (Child, {"as_future", "cancel", "done", "id", "result"}),
        (Children, {"as_completed", "count", "index", "results"}),
        (AsCompleted, set()),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_a_user_sees_only_these_names(
    children: Children[str], kind: type[Any], names: set[str]
) -> None:
    some: list[Any] = [children, children[0], children.results(), children.as_completed()]
    (one,) = (value for value in some if type(value) is kind)

    public = {name for name in dir(one) if not name.startswith("_")}

    assert public == names


def test_a_value_that_is_there_costs_no_slot(
    host: ControlledHost, ends: "list[Future[Outcome]]", children: Children[str]
) -> None:
    done_before = children[0].done()
    end(ends, 0)

    assert not done_before
    assert children[0].done()
    assert children[0].result() == "zero"
    assert host.turns == []


def test_a_sync_job_waits_for_a_child_without_its_slot(
    host: ControlledHost, ends: "list[Future[Outcome]]", children: Children[str]
) -> None:
    with ThreadPoolExecutor(1) as threads:
        waiting = threads.submit(children[0].result)
        while host.turns != ["waits"]:
            pass
        end(ends, 0)

    assert waiting.result(PATIENCE) == "zero"
    assert host.turns == ["waits", "goes on"]


async def test_an_async_job_waits_for_a_child_without_its_slot(
    host: ControlledHost, ends: "list[Future[Outcome]]", children: Children[str]
) -> None:
    got: list[str] = []

    async def body() -> None:
        got.append(await children[1])

    async with anyio.create_task_group() as group:
        group.start_soon(body)
        await anyio.wait_all_tasks_blocked()
        end(ends, 1)

    assert got == ["one"]
    assert host.turns == ["waits", "goes on"]


async def test_a_child_that_failed_raises_its_error(
    ends: "list[Future[Outcome]]", children: Children[str]
) -> None:
    ends[0].set_result(Outcome("r.0", error=LOST))

    with pytest.raises(JobLostError, match=r"job r\.0: its worker died"):
        await children[0]


async def test_a_value_in_the_result_folder_is_read_beside_the_loop(
    tmp_path: Path, ends: "list[Future[Outcome]]", children: Children[str]
) -> None:
    # `no_blocking_calls` fails the test where the file is opened on the loop.
    value = dump_value("far")
    url = await anyio.to_thread.run_sync(results.write, str(tmp_path), "r.0.1.pickle", value)
    ends[0].set_result(Outcome("r.0", url=url))

    assert await children[0] == "far"


async def test_a_request_that_was_refused_raises_where_it_is_awaited(host: ControlledHost) -> None:
    refused: Future[None] = Future()
    refused.set_exception(OSError("the connection was cut"))

    with pytest.raises(OSError, match="cut"):
        await Pending(refused, host)


async def test_a_pending_value_is_a_future_for_what_takes_nothing_else(
    ends: "list[Future[Outcome]]", children: Children[str]
) -> None:
    futures = [child.as_future() for child in children]
    end(ends, 1)

    done, waiting = await asyncio.wait(futures, return_when=asyncio.FIRST_COMPLETED)

    assert [future.result() for future in done] == ["one"]
    assert len(waiting) == 2
    for future in waiting:
        future.cancel()
    assert await asyncio.gather(*waiting, return_exceptions=True)


def test_a_pending_value_cannot_travel(children: Children[str]) -> None:
    with pytest.raises(TypeError, match="nobody has waited for it"):
        pickle.dumps(children.results())


def test_a_child_is_known_by_its_id_and_can_be_cancelled(
    host: ControlledHost, children: Children[str]
) -> None:
    child = children[1]

    child.cancel()

    assert (child.id, child.__job_reference__(), repr(child)) == ("r.1", "r.1", "<job r.1>")
    assert host.cancelled == ["r.1"]


def test_children_are_a_sequence(children: Children[str]) -> None:
    assert len(children) == 3
    assert [child.id for child in children] == ["r.0", "r.1", "r.2"]
    assert [child.id for child in children[1:]] == ["r.1", "r.2"]
    assert children[-1] is children[2]


async def test_results_are_in_the_order_of_the_arguments(
    ends: "list[Future[Outcome]]", children: Children[str]
) -> None:
    for number in (2, 0, 1):
        end(ends, number)

    assert await children.results() == ["zero", "one", "two"]


async def test_results_raise_the_first_error_without_waiting_for_the_rest(
    ends: "list[Future[Outcome]]", children: Children[str]
) -> None:
    ends[1].set_result(Outcome("r.1", error=LOST))

    with pytest.raises(JobLostError):
        await children.results()


def test_no_children_have_no_results(host: ControlledHost) -> None:
    nobody: Children[str] = Children([], [], host, host.cancelled.append)

    assert nobody.results().result() == []
    assert list(nobody.as_completed()) == []


async def test_children_come_as_they_end(
    ends: "list[Future[Outcome]]", children: Children[str]
) -> None:
    came: list[str] = []

    async def body() -> None:
        async for child in children.as_completed():
            came.append(await child)  # noqa: PERF401 - a test of the loop itself

    async with anyio.create_task_group() as group:
        group.start_soon(body)
        for number in (2, 0, 1):
            await anyio.wait_all_tasks_blocked()
            end(ends, number)

    assert came == ["two", "zero", "one"]


def test_children_that_ended_before_come_too(
    ends: "list[Future[Outcome]]", children: Children[str]
) -> None:
    for number in (1, 2, 0):
        end(ends, number)

    assert {child.result() for child in children.as_completed()} == {"zero", "one", "two"}


def test_a_child_that_failed_comes_as_well(
    ends: "list[Future[Outcome]]", children: Children[str]
) -> None:
    end(ends, 0)
    ends[1].set_result(Outcome("r.1", error=LOST))
    end(ends, 2)

    assert len(list(children.as_completed())) == 3


def fails() -> None:
    raise ValueError("on purpose")


def failed() -> Outcome:
    """Return how a child ended on its worker."""
    try:
        fails()
    except ValueError as exc:
        return Outcome.of_error(exc)
    raise AssertionError


async def test_the_error_of_a_child_has_its_frames_and_none_of_ours(
    ends: "list[Future[Outcome]]", children: Children[str]
) -> None:
    ends[0].set_result(failed())

    with pytest.raises(ValueError, match="on purpose") as blocked:
        children[0].result()
    with pytest.raises(ValueError, match="on purpose") as awaited:
        await children[0]

    for exc in (blocked.value, awaited.value):
        files = [entry.filename for entry in traceback.extract_tb(exc.__traceback__)]
        assert not any(map(is_ours, files))
        assert files[-1] == __file__
