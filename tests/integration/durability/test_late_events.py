"""Exactly one end for each job, whatever late or repeated words arrive about it."""

import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import anyio
import pytest
from distributed import Scheduler, Worker

from parrot_async import JobClient, JobHandle, JobStatus, job
from parrot_async.errors import ErrorInfo
from parrot_async.model import events
from parrot_async.model.events import Event, Record
from parrot_async.model.models import JobResult
from parrot_async.service.plugin import JobService
from parrot_async.transport.pickling import dump_value
from parrot_async.transport.wire import SERVICE, pack

LOST = ErrorInfo("lost", "gone")


@job(grace=0.1)
async def waits() -> str:
    await anyio.sleep(3600)
    return "never"


@pytest.fixture(scope="module")
async def scheduler(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Scheduler]:
    """A scheduler with the service and a worker in this very process, to speak for."""
    home: Path = tmp_path_factory.mktemp("in-process")
    service = JobService(f"sqlite:///{home / 'jobs.db'}", (home / "results").as_uri())
    async with AsyncExitStack() as stack:
        scheduler = await stack.enter_async_context(
            Scheduler(host="127.0.0.1", dashboard=False, dashboard_address="127.0.0.1:0")
        )
        await scheduler.register_scheduler_plugin(service, name=SERVICE, idempotent=True)
        await stack.enter_async_context(
            Worker(scheduler.address, nthreads=8, resources={"io": 1e6}, nanny=None)
        )
        yield scheduler


@pytest.fixture
async def handle(scheduler: Scheduler) -> AsyncIterator[JobHandle[str]]:
    """A job that runs and will not end by itself."""
    async with JobClient(scheduler.address) as client:
        handle = await client.submit(waits)
        await seen(handle, "started")
        yield handle
        await handle.cancel()
        await handle.wait()


async def seen(handle: JobHandle[str], kind: str) -> None:
    with anyio.fail_after(5):
        async for event in handle.events():
            if event.kind == kind:
                return


def said(scheduler: Scheduler, handle: JobHandle[str], event: Event, *blobs: bytes) -> None:
    """Have the service hear this, as from the job's worker."""
    service: JobService = scheduler.extensions[SERVICE]
    service.happened(handle.node.worker, [pack(Record(events.dump(event), blobs))])


def completed(handle: JobHandle[str], attempt: int) -> Event:
    return events.Completed(
        ids=(handle.id,), attempts=(attempt,), at=(time.time(),), results=(JobResult(1),)
    )


def failed(handle: JobHandle[str], attempt: int, error: ErrorInfo) -> Event:
    return events.AttemptFailed(
        ids=(handle.id,), attempts=(attempt,), at=(time.time(),), errors=(error,)
    )


async def ends(handle: JobHandle[str]) -> list[str]:
    with anyio.fail_after(5):
        kinds = [event.kind async for event in handle.events()]
    return [kind for kind in kinds if kind in {"completed", "failed", "cancelled"}]


async def second_attempt_began(handle: JobHandle[str]) -> None:
    with anyio.fail_after(5):
        async for event in handle.events():
            if event.kind == "started" and event.attempts == (2,):
                break


async def test_what_an_older_attempt_says_changes_nothing(
    scheduler: Scheduler, handle: JobHandle[str]
) -> None:
    said(scheduler, handle, failed(handle, 1, LOST), b"")
    await second_attempt_began(handle)

    said(scheduler, handle, completed(handle, 1), dump_value("late"))
    said(scheduler, handle, failed(handle, 1, ErrorInfo("exception", "late")), b"")
    await anyio.sleep(0.1)

    assert handle.status is JobStatus.RUNNING
    assert handle.node.attempt == 2


async def test_the_first_end_counts(scheduler: Scheduler, handle: JobHandle[str]) -> None:
    said(scheduler, handle, completed(handle, 1), dump_value("first"))
    said(scheduler, handle, completed(handle, 1), dump_value("second"))
    said(scheduler, handle, failed(handle, 1, ErrorInfo("exception", "third")), b"")

    assert await handle == "first"
    await anyio.sleep(0.1)
    assert await ends(handle) == ["completed"]


async def test_a_completion_after_the_cancel_still_is_the_one_end(
    scheduler: Scheduler, handle: JobHandle[str]
) -> None:
    service: JobService = scheduler.extensions[SERVICE]

    service._executor.stopping.cancel(handle.id)
    said(scheduler, handle, completed(handle, 1), dump_value("just in time"))

    assert await handle == "just in time"
    assert await ends(handle) == ["completed"]


async def test_a_future_attempt_says_nothing_that_counts(
    scheduler: Scheduler, handle: JobHandle[str]
) -> None:
    said(scheduler, handle, completed(handle, 7), dump_value("forged"))
    await anyio.sleep(0.1)

    assert handle.status is JobStatus.RUNNING


async def test_ends_of_many_trees_in_one_event_reach_each(scheduler: Scheduler) -> None:
    async with JobClient(scheduler.address) as client:
        handles = [await client.submit(waits) for _ in range(3)]
        for handle in handles:
            await seen(handle, "started")
        event = events.Completed(
            ids=tuple(handle.id for handle in handles),
            attempts=(1, 1, 1),
            at=(time.time(),) * 3,
            results=(JobResult(1),) * 3,
        )

        said(scheduler, handles[0], event, *map(dump_value, "abc"))

        assert await client.gather(handles) == ["a", "b", "c"]


async def test_a_late_result_of_a_lost_attempt_replaces_none(
    scheduler: Scheduler, handle: JobHandle[str]
) -> None:
    said(scheduler, handle, failed(handle, 1, LOST), b"")
    await second_attempt_began(handle)
    said(scheduler, handle, completed(handle, 2), dump_value("second"))
    assert await handle == "second"

    said(scheduler, handle, completed(handle, 1), dump_value("first, too late"))
    await anyio.sleep(0.1)

    async with JobClient(scheduler.address) as other:
        assert await (await other.attach(handle.id)) == "second"
    assert await ends(handle) == ["completed"]
