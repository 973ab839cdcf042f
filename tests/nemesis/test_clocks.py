"""A worker whose clock is wrong by an hour is a worker like any other."""

import time
from pathlib import Path
from types import SimpleNamespace

import anyio
import pytest

from parrot_async import JobClient, JobStatus, job
from parrot_async.runner import outbox
from tests.nemesis.service import service_at

LIMIT = 20


@job(io=1, timeout=3, grace=0.1)
async def sleeps(seconds: float) -> str:
    await anyio.sleep(seconds)
    return "awake"


@pytest.fixture(params=[-3600.0, 3600.0], ids=["behind", "ahead"])
def wrong(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> float:
    """By how many seconds the clock is wrong with which workers date what they say."""
    off: float = request.param
    clock = SimpleNamespace(time=lambda: time.time() + off, monotonic=time.monotonic)
    monkeypatch.setattr(outbox, "time", clock)
    return off


async def test_a_job_has_its_whole_time(wrong: float, tmp_path: Path) -> None:
    async with service_at(tmp_path) as (scheduler, _), JobClient(scheduler.address) as client:
        with anyio.fail_after(LIMIT):
            assert await client.run(sleeps, 1.0) == "awake"


async def test_a_job_has_no_more_than_its_time(wrong: float, tmp_path: Path) -> None:
    async with service_at(tmp_path) as (scheduler, _), JobClient(scheduler.address) as client:
        handle = await client.submit(sleeps.options(timeout=0.3), 3600)

        with anyio.fail_after(LIMIT):
            assert await handle.wait() is JobStatus.FAILED

        assert handle.error is not None
        assert handle.error.kind == "timeout"
