"""The eager client's scheduler and worker: what they pass on, and what they change of a job."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from parrot_async.model import events
from parrot_async.model.models import JobSpec, RetryPolicy
from parrot_async.runner.checking import MISSING
from parrot_async.testing.host import EagerHost
from parrot_async.testing.scheduler import (
    WORKER,
    EagerRunner,
    EagerScheduler,
    _impatient,
)
from parrot_async.transport.api import RunnerReports, operations, runner_stub
from parrot_async.transport.messages import Accepted, Group, StoredFunction
from parrot_async.transport.pickling import dump_call, dump_function

READY = operations(RunnerReports)["worker_ready"].wire_name

Messages = list[dict[str, Any]]


@pytest.fixture
async def scheduler() -> EagerScheduler:
    return EagerScheduler(["cpu", "gpu"], slots=3)


@pytest.fixture
async def heard(scheduler: EagerScheduler) -> AsyncIterator[Messages]:
    """What the service hears of a worker that has its runner."""
    heard: Messages = []
    scheduler.stream_handlers[READY] = lambda **words: heard.append(words)
    await scheduler.worker.run_with(EagerRunner("memory://results"))
    yield heard
    await scheduler.worker.close()


async def test_the_service_hears_of_the_runner_in_the_next_turn_of_the_loop(
    scheduler: EagerScheduler, heard: Messages
) -> None:
    (hello,) = heard
    scheduler.worker.send({"op": READY, "slots": 4})
    at_once = heard[1:]
    await asyncio.sleep(0)

    assert (hello["worker"], hello["labels"], hello["slots"]) == (WORKER, ["cpu", "gpu"], 3)
    assert at_once == []
    assert heard[1:] == [{"worker": WORKER, "slots": 4}]


class RestingRunner(EagerRunner):
    """Keeps which shifts it was told to end."""

    def __init__(self) -> None:
        super().__init__("memory://results")
        self.ended_shifts: list[str] = []

    def rest(self, key: str) -> None:
        self.ended_shifts.append(key)


async def test_the_runner_hears_of_the_service_in_the_next_turn_of_the_loop(
    scheduler: EagerScheduler,
) -> None:
    scheduler.stream_handlers[READY] = lambda **_: None
    runner = RestingRunner()
    await scheduler.worker.run_with(runner)

    runner_stub(scheduler.worker.call).rest("shift")
    at_once = list(runner.ended_shifts)
    await asyncio.sleep(0)
    await scheduler.worker.close()

    assert (at_once, runner.ended_shifts) == ([], ["shift"])


@pytest.mark.usefixtures("heard")
async def test_a_question_to_the_runner_is_answered(scheduler: EagerScheduler) -> None:
    functions = {"f": StoredFunction(data=None, code="")}

    assert await runner_stub(scheduler.worker.call).check(functions) == {"f": MISSING}


async def test_a_question_of_the_runner_goes_to_the_services_handler(
    scheduler: EagerScheduler,
) -> None:
    async def answer(ids: list[str]) -> list[str]:
        return ids[::-1]

    scheduler.handlers["parrot_cancel"] = answer

    assert await scheduler.worker.scheduler.parrot_cancel(ids=["a", "b"]) == ["b", "a"]


async def test_a_runner_ends_with_its_jobs_loop(scheduler: EagerScheduler) -> None:
    scheduler.stream_handlers[READY] = lambda **_: None
    runner = EagerRunner("memory://results")

    await scheduler.worker.run_with(runner)
    await scheduler.worker.close()

    assert runner._jobs_loop.loop.is_closed()


def group_of(**options: Any) -> Group:
    spec = JobSpec(title="work", **options)
    return Group(
        spec=spec.model_dump_json().encode(),
        ids=["a"],
        parent_id=None,
        arguments=[dump_call(((), {}))[0]],
        summaries=[""],
        depends_on=[],
    )


def test_a_test_waits_for_no_backoff_and_its_jobs_take_one_slot() -> None:
    patient = group_of(retry=RetryPolicy(retries=3, first=10.0, longest=60.0), slots=4)

    found = JobSpec.model_validate_json(_impatient(patient)["spec"])

    assert found.retry == RetryPolicy(retries=3, first=0.0, longest=0.0)
    assert (found.title, found.slots) == ("work", 1)


async def _submit(host: EagerHost, group: Group, functions: dict[str, bytes]) -> Accepted:
    return await host.api.submit([group], functions)


async def submitted(group: Group, functions: dict[str, bytes]) -> Accepted:
    """The answer of an eager service with one slot."""
    host = EagerHost(["cpu"], slots=1)
    await host.start()
    try:
        return await host.run(_submit(host, group, functions))
    finally:
        await host.close()


def test_of_a_group_only_the_spec_is_changed() -> None:
    patient = group_of(slots=2)

    found = _impatient(patient)

    assert found["spec"] != patient["spec"]
    assert {**found, "spec": b""} == {**patient, "spec": b""}


def test_the_eager_service_accepts_jobs_that_take_one_slot_whatever_they_ask_for() -> None:
    function_id, data = dump_function(int)
    group = group_of(slots=2, function_id=function_id)

    accepted = asyncio.run(submitted(group, {function_id: data}))

    first = events.load(accepted["first"])
    assert isinstance(first, events.Submitted)
    assert (accepted["id"], first.spec.slots) == ("a", 1)
