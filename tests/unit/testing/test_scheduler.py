"""The eager client's scheduler and worker: what they pass on, and what they change of a job."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from parrot_async.jobs.request import Group, group
from parrot_async.model.models import JobSpec, RetryPolicy
from parrot_async.testing.scheduler import (
    WORKER,
    EagerRunner,
    EagerScheduler,
    _impatient,
    _without_waiting,
)
from parrot_async.transport.wire import HELLO, REST

Messages = list[dict[str, Any]]


@pytest.fixture
async def scheduler() -> EagerScheduler:
    return EagerScheduler(["cpu", "gpu"], slots=3)


@pytest.fixture
async def heard(scheduler: EagerScheduler) -> AsyncIterator[Messages]:
    """What the service hears of a worker that has its runner."""
    heard: Messages = []
    scheduler.stream_handlers[HELLO] = lambda **words: heard.append(words)
    await scheduler.worker.run_with(EagerRunner("memory://results"))
    yield heard
    await scheduler.worker.close()


async def test_the_service_hears_of_the_runner_in_the_next_turn_of_the_loop(
    scheduler: EagerScheduler, heard: Messages
) -> None:
    (hello,) = heard
    scheduler.worker.send({"op": HELLO, "slots": 4})
    at_once = heard[1:]
    await asyncio.sleep(0)

    assert (hello["worker"], hello["labels"], hello["slots"]) == (WORKER, ["cpu", "gpu"], 3)
    assert at_once == []
    assert heard[1:] == [{"worker": WORKER, "slots": 4}]


@pytest.mark.usefixtures("heard")
async def test_the_runner_hears_of_the_service_in_the_next_turn_of_the_loop(
    scheduler: EagerScheduler,
) -> None:
    told: Messages = []
    scheduler.worker.stream_handlers[REST] = lambda **words: told.append(words)

    scheduler.worker.hear(REST, key="shift")
    at_once = list(told)
    await asyncio.sleep(0)

    assert (at_once, told) == ([], [{"key": "shift"}])


async def test_a_question_of_the_runner_goes_to_the_services_handler(
    scheduler: EagerScheduler,
) -> None:
    async def answer(ids: list[str]) -> list[str]:
        return ids[::-1]

    scheduler.handlers["parrot_cancel"] = answer

    assert await scheduler.worker.scheduler.parrot_cancel(ids=["a", "b"]) == ["b", "a"]


async def test_a_runner_ends_with_its_jobs_loop(scheduler: EagerScheduler) -> None:
    scheduler.stream_handlers[HELLO] = lambda **_: None
    runner = EagerRunner("memory://results")

    await scheduler.worker.run_with(runner)
    await scheduler.worker.close()

    assert runner._jobs_loop.loop.is_closed()


def group_of(**options: Any) -> Group:
    spec = JobSpec(title="work", **options)
    return group(spec.model_dump_json().encode(), ids=["a"])


def test_a_test_waits_for_no_backoff_and_its_jobs_take_one_slot() -> None:
    patient = group_of(retry=RetryPolicy(retries=3, first=10.0, longest=60.0), slots=4)

    found = JobSpec.model_validate_json(_impatient(patient)["spec"])

    assert found.retry == RetryPolicy(retries=3, first=0.0, longest=0.0)
    assert (found.title, found.slots) == ("work", 1)


async def test_only_the_groups_of_a_submission_are_changed() -> None:
    accepted: list[tuple[int, str]] = []

    async def accept(groups: list[Group], origin: str) -> str:
        accepted.append((JobSpec.model_validate_json(groups[0]["spec"]).slots, origin))
        return "accepted"

    answer = await _without_waiting(accept)(groups=[group_of(slots=2)], origin="a notebook")

    assert answer == "accepted"
    assert accepted == [(1, "a notebook")]
