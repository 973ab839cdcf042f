"""Workers that lose a message of events: their jobs are noticed, and run again."""

import os
from collections.abc import AsyncIterator
from pathlib import Path

import anyio
import pytest

from parrot_async import JobClient, JobStatus, Pools, current_job, job
from parrot_async.cluster import down
from parrot_async.settings.failpoints import VARIABLE


@job(retries=0)
def square(number: int) -> int:
    return number * number


@job
async def family(count: int) -> int:
    squares = await current_job().map(square, range(count))
    return sum(await squares.results())


@pytest.fixture
async def forgetful(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[JobClient]:
    """A client of a cluster each of whose workers loses its first and fourth message of events."""
    lost = "reporting:1:raise=OSError;reporting:4:raise=OSError"
    monkeypatch.setenv(VARIABLE, lost)
    async with JobClient(name="forgetful", pools=Pools(cpu=2, gpu=0, io=4)) as client:
        monkeypatch.delenv(VARIABLE)
        yield client
    await down("forgetful")


async def test_jobs_whose_ends_were_lost_on_the_way_run_again_and_all_end(
    forgetful: JobClient,
) -> None:
    handle = await forgetful.submit(family, 60)

    with anyio.fail_after(60):
        total = await handle

    nodes = list(handle.tree.walk())
    lost = [
        attempt.error
        for node in nodes
        for attempt in node.attempts
        if attempt.error is not None and attempt.error.kind == "lost"
    ]
    assert total == sum(number * number for number in range(60))
    assert {node.status for node in nodes} == {JobStatus.COMPLETED}
    assert lost
    assert all("does not have it" in error.message for error in lost)


@job(timeout="1s", io=1)
async def hangs(folder: str) -> None:
    Path(folder, str(os.getpid())).touch()  # noqa: ASYNC240 - a file of this machine
    await anyio.sleep(3600)


async def test_a_job_whose_start_was_lost_times_out(forgetful: JobClient, tmp_path: Path) -> None:
    handles = [await forgetful.submit(hangs, str(tmp_path)) for _ in range(4)]

    with anyio.fail_after(60):
        ends = await forgetful.gather(handles, return_exceptions=True)

    assert {type(end).__name__ for end in ends} == {"JobTimeoutError"}


@job(io=1)
async def child(number: int) -> int:
    return number


@job(io=1)
async def waits_for_a_child() -> int:
    return await current_job().run(child, 7)


async def test_a_parent_whose_wait_was_lost_leaves_its_slot_to_its_child(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    lost = ";".join(f"reporting:{number}:raise=OSError" for number in (1, 2, 3))
    monkeypatch.setenv(VARIABLE, lost)
    async with JobClient(name="mute", pools=Pools(cpu=0, gpu=0, io=1)) as client:
        monkeypatch.delenv(VARIABLE)
        with anyio.fail_after(60):
            value = await client.run(waits_for_a_child)
    await down("mute")

    assert value == 7
