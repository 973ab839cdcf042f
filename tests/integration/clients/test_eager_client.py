"""What is the eager client's own: that it needs nothing, leaves nothing and does not wait."""

import logging
import sys
import threading
import time
from pathlib import Path

import anyio
import anyio.lowlevel
import pytest

from parrot_async import JobClient, JobStatus, job
from parrot_async.errors import (
    ClusterError,
    OptionsError,
    SerializationError,
    StoreError,
    UnschedulableError,
)
from parrot_async.testing import EagerClient, faults


@job
def add(one: int, other: int = 0) -> int:
    return one + other


@job
def double(number: int) -> int:
    return 2 * number


async def test_an_eager_client_leaves_nothing_behind() -> None:
    before = sys.stdout, sys.getswitchinterval(), list(logging.getLogger().handlers)
    threads = set(threading.enumerate())

    async with EagerClient() as client:
        assert await client.run(double, 21) == 42

    assert (sys.stdout, sys.getswitchinterval(), logging.getLogger().handlers) == before
    with anyio.fail_after(5):
        while any(t.name.startswith("parrot") for t in set(threading.enumerate()) - threads):  # noqa: ASYNC110
            await anyio.sleep(0.01)


async def test_the_list_of_jobs_is_shown_as_a_table() -> None:
    async with EagerClient() as client:
        await client.run(double.options(title="Twice"), 21)

        rows = await client.jobs()

    assert [row.title for row in rows] == ["Twice"]
    assert str(rows).startswith("Job  ")
    assert "✔ completed" in str(rows)


async def test_what_still_runs_is_cancelled_with_the_client(tmp_path: Path) -> None:
    ended = tmp_path / "ended"

    @job
    async def endless(begun: anyio.Path) -> None:
        await begun.touch()
        try:
            await anyio.sleep(1000)
        finally:
            ended.touch()

    async with EagerClient() as client:
        await client.submit(endless, anyio.Path(tmp_path / "begun"))
        await client.submit(double, 1)
        while not (tmp_path / "begun").exists():  # noqa: ASYNC110 - a file tells nobody
            await anyio.sleep(0.01)

    assert ended.exists()


async def test_jobs_run_one_after_the_other_in_the_order_of_their_submission(
    tmp_path: Path,
) -> None:
    file = tmp_path / "order"

    @job
    async def note(number: int) -> None:
        with file.open("a") as out:
            out.write(f"{number} ")
        await anyio.lowlevel.checkpoint()
        with file.open("a") as out:
            out.write(f"{number} ")

    async with EagerClient() as client:
        await client.gather(await client.map(note, range(20)))

    assert file.read_text().split() == [str(n) for n in range(20) for _ in range(2)]


async def test_retries_do_not_make_a_test_wait(tmp_path: Path) -> None:
    @job(retries=5, retry_delay="1h", cpu=8)
    def flaky(seen: Path) -> int:
        with seen.open("a") as file:
            file.write("x")
        if len(seen.read_text()) < 4:
            raise OSError("not yet")
        return 4

    async with EagerClient() as client:
        handle = await client.submit(flaky, tmp_path / "seen")
        result = await handle

    assert result == 4
    assert [bool(attempt.error) for attempt in handle.node.attempts] == [True, True, True, False]


async def test_a_gpu_job_runs_and_one_of_an_unknown_pool_says_so_at_once() -> None:
    begun = time.monotonic()

    async with EagerClient() as client:
        assert await client.run(double.options(gpu=2), 4) == 8
        with pytest.raises(UnschedulableError, match="no worker offers 'tpu'"):
            await client.run(double.options(resources={"tpu": 1}), 4)
    async with EagerClient(labels=["tpu"]) as client:
        assert await client.run(double.options(resources={"tpu": 1}), 4) == 8

    assert time.monotonic() - begun < 3


async def test_what_cannot_travel_is_refused_as_on_a_cluster() -> None:
    async with EagerClient() as client:
        with pytest.raises(SerializationError, match="argument 1, of type lock, cannot"):
            await client.submit(double, threading.Lock())  # type: ignore[call-overload]


async def test_faults_happen_in_their_block_and_not_after_it() -> None:
    async with EagerClient() as client:
        with faults("accepting:1:raise=StoreFullError"), pytest.raises(StoreError):
            await client.submit(double, 1)
        handle = await client.submit(double, 2)
        await handle

    assert handle.status is JobStatus.COMPLETED


async def test_a_submission_that_may_be_written_is_not_refused() -> None:
    async with EagerClient() as client:
        with faults("accepting:1:raise=StoreUnsureError"):
            assert await client.run(double, 1) == 2


async def test_a_closed_client_can_be_opened_again_with_nothing_in_it() -> None:
    client = EagerClient()
    async with client:
        await client.run(double, 1)

    async with client:
        rows = await client.jobs()

    assert rows == []


async def test_a_client_that_is_not_open_cannot_submit() -> None:
    with pytest.raises(ClusterError, match="async with JobClient"):
        await JobClient().submit(add, 1)


async def test_what_is_no_function_is_refused_before_anything_is_sent() -> None:
    async with EagerClient() as client:
        with pytest.raises(OptionsError, match="pass the function, then its arguments"):
            await client.submit(add(1, 2))  # type: ignore[call-overload]  # the mistake


async def test_an_id_that_is_none_is_refused() -> None:
    async with EagerClient() as client:
        with pytest.raises(OptionsError, match="attach takes the id of a job, a text, not 3"):
            await client.attach(3)  # type: ignore[arg-type]  # the mistake


async def test_a_client_can_be_opened_again() -> None:
    client = EagerClient()
    async with client:
        first = await client.run(add, 1, 2)
    async with client:
        second = await client.run(add, 3, 4)

    assert (first, second) == (3, 7)


async def test_a_map_pairs_its_iterables_and_repeats_keywords() -> None:
    async with EagerClient() as client:
        handles = await client.map(add, [1, 2, 3], other=10)

        assert await handles == [11, 12, 13]
        assert len(handles.root.children) == 3
