"""Death of workers, retries and what is raised in the end."""

import os
import signal
import sys
import time
import traceback
from pathlib import Path

import anyio
import pytest

from parrot_async import JobClient, JobStatus, Pools, current_job, job
from parrot_async.cluster import down
from parrot_async.errors import JobFailedError, JobLostError
from parrot_async.model.models import RetryPolicy
from parrot_async.service.engine.retries import backoff


class NotPickledError(Exception):
    """Pickles well and cannot be made again."""

    def __init__(self, first: str, second: str) -> None:
        super().__init__(first)
        self.second = second


class NeverPickledError(Exception):
    def __reduce__(self) -> str:
        raise TypeError("this error stays where it is")


def count_in(folder: str | Path) -> int:
    return sum(1 for _ in Path(folder).iterdir())


@job
def pid_after(seconds: float) -> int:
    time.sleep(seconds)
    return os.getpid()


@job(retries=2, retry_delay="10ms")
def fails_until(number: int) -> int:
    if current_job().attempt < number:
        raise LookupError(f"attempt {current_job().attempt}")
    return current_job().attempt


@job(retries=2, retry_delay="10ms")
async def always_fails() -> None:
    raise KeyError("nothing here")


@job
def kills_its_worker() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


@job
def raises_unmakeable() -> None:
    raise NotPickledError("one", "two")


@job
def raises_unpicklable() -> None:
    raise NeverPickledError("here")


@job
def exits() -> None:
    sys.exit(3)


@job
async def exits_async() -> None:
    raise SystemExit(3)


@job
def once_then_waits(folder: str) -> str:
    """Has a child run and then loses its worker once."""
    value = current_job().run(marks, folder).result()
    if current_job().attempt == 1:
        os.kill(os.getpid(), signal.SIGKILL)
    return value


@job(io=1)
def marks(folder: str) -> str:
    Path(folder, str(time.time_ns())).touch()
    return "marked"


async def test_a_worker_killed_amid_200_jobs_costs_none_of_them() -> None:
    name = "killed"
    async with JobClient(name=name, pools=Pools(cpu=2, gpu=0, io=4)) as client:
        handles = await client.map(pid_after, [0.02] * 200)
        os.kill(await handles[20], signal.SIGKILL)

        with anyio.fail_after(60):
            pids = await client.gather(handles)

        ends = [
            job_id
            async for event in handles.root.events()
            if event.kind in {"completed", "failed", "cancelled"}
            for job_id in event.ids
        ]
        tree = handles.root.tree
        lost = [
            attempt
            for node in tree.walk()
            for attempt in node.attempts or ()
            if attempt.error is not None and attempt.error.kind == "lost"
        ]
        assert len(pids) == 200
        assert {node.status for node in tree.walk()} == {JobStatus.COMPLETED}
        assert sorted(ends) == sorted(node.id for node in tree.walk())
        assert len(lost) >= 1
    await down(name)


async def test_a_job_that_kills_its_worker_each_time_is_given_up(client: JobClient) -> None:
    handle = await client.submit(kills_its_worker)

    with anyio.fail_after(60), pytest.raises(JobLostError, match="worker"):
        await handle

    assert handle.status is JobStatus.FAILED


async def test_a_parent_that_was_lost_finds_its_children_again(
    client: JobClient, tmp_path: Path
) -> None:
    handle = await client.submit(once_then_waits, str(tmp_path))

    with anyio.fail_after(30):
        assert await handle == "marked"

    assert count_in(tmp_path) == 1
    assert len(handle.children) == 1
    assert handle.node.attempt == 2


def test_the_pauses_between_attempts_grow_and_differ() -> None:
    policy = RetryPolicy(retries=9, first=1, longest=8)

    pauses = [[backoff(policy, failed) for _ in range(200)] for failed in range(6)]

    for failed, drawn in enumerate(pauses):
        delay = min(8, 2**failed)
        assert delay / 2 <= min(drawn) < max(drawn) <= delay
    assert backoff(policy, 10_000) <= 8


async def test_a_job_is_retried_until_it_works(client: JobClient) -> None:
    handle = await client.submit(fails_until, 3)

    assert await handle == 3

    errors = [attempt.error for attempt in handle.node.attempts or ()]
    assert [error.message if error else "" for error in errors] == [
        "attempt 1",
        "attempt 2",
        "",
    ]


@pytest.mark.parametrize(
    ("kinds", "attempts"),
    [(LookupError, 3), ((KeyError, ValueError), 3), (Exception, 3), (ValueError, 1)],
)
async def test_only_errors_that_were_named_are_retried(
    client: JobClient, kinds: type[Exception], attempts: int
) -> None:
    handle = await client.submit(always_fails.options(retry_on=kinds))

    with pytest.raises(KeyError):
        await handle

    assert handle.node.attempt == attempts


async def test_the_last_error_is_raised_as_itself_with_the_remote_traceback(
    client: JobClient,
) -> None:
    with pytest.raises(KeyError, match="nothing here") as raised:
        await client.run(always_fails)

    shown = "".join(traceback.format_exception(raised.value))
    assert "in always_fails" in shown
    assert "/parrot_async/" not in shown
    assert [note.startswith("in job ") for note in raised.value.__notes__] == [True]


@pytest.mark.parametrize(
    ("fn", "type_"),
    [(raises_unmakeable, NotPickledError), (raises_unpicklable, NeverPickledError)],
)
async def test_an_error_that_pickle_cannot_make_again_comes_back_as_what_it_is(
    client: JobClient, fn: object, type_: type[Exception]
) -> None:
    with pytest.raises(type_) as raised:
        await client.run(fn)  # type: ignore[call-overload]

    (entry, *_) = reversed(traceback.extract_tb(raised.value.__traceback__))
    assert entry.name in str(fn)


@pytest.mark.parametrize("fn", [exits, exits_async])
async def test_an_exit_in_a_job_ends_neither_worker_nor_client(
    client: JobClient, fn: object
) -> None:
    with pytest.raises(JobFailedError, match="3"):
        await client.run(fn)  # type: ignore[call-overload]

    assert await client.run(fails_until, 1) == 1
