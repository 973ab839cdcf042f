"""The commands that act on jobs, with a service in this process in the place of a cluster's."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import anyio
import pytest
from click.testing import CliRunner

from parrot_async import JobStatus, Queue, job
from parrot_async.cli import acting, cli
from parrot_async.cli.job_source import Location
from parrot_async.errors import JobNotFoundError
from parrot_async.testing import EagerClient
from tests.unit.cli.conftest import Run

HERE = Location(cluster="tcp://127.0.0.1:1")


@job
def double(number: int) -> int:
    return 2 * number


@job
def broken() -> None:
    raise ValueError("broken")


@job
async def endless(begun: anyio.Path) -> None:
    await begun.touch()
    await anyio.sleep(1000)


@pytest.fixture
async def client(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[EagerClient]:
    """The client that a command gets, whatever address it has."""
    async with EagerClient() as client:

        @asynccontextmanager
        async def connected(*_: object, **__: object) -> AsyncIterator[EagerClient]:
            yield client

        monkeypatch.setattr("parrot_async.client.client.JobClient", connected)
        yield client


async def test_jobs_are_cancelled_by_a_part_of_their_id(
    client: EagerClient, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    handle = await client.submit(endless, anyio.Path(tmp_path / "begun"))

    await acting._cancel(HERE, [handle.id[-8:]])

    with anyio.fail_after(20):
        assert await handle.wait() is JobStatus.CANCELLED
    assert capsys.readouterr().out == f"Cancelled {handle.id}\n"


async def test_what_has_ended_is_told_and_left_alone(
    client: EagerClient, capsys: pytest.CaptureFixture[str]
) -> None:
    handle = await client.submit(double, 21)
    await handle

    await acting._cancel(HERE, [handle.id])

    assert handle.status is JobStatus.COMPLETED
    assert capsys.readouterr().err == f"{handle.id} has ended: completed\n"


async def test_an_id_that_nobody_has_stops_the_command_before_anything_is_cancelled(
    client: EagerClient, tmp_path: Path
) -> None:
    handle = await client.submit(endless, anyio.Path(tmp_path / "begun"))

    with pytest.raises(JobNotFoundError, match="no job nothing"):
        await acting._cancel(HERE, [handle.id, "nothing"])

    assert not handle.done


async def test_a_queue_is_held_and_resumed(
    client: EagerClient, capsys: pytest.CaptureFixture[str]
) -> None:
    await client.set_queue(Queue(name="slow"))

    await acting._hold(HERE, (), "slow", holds=True)
    handle = await client.submit(double.options(queue="slow"), 21)
    await anyio.sleep(0.1)
    held = handle.status
    await acting._hold(HERE, (), "slow", holds=False)

    with anyio.fail_after(20):
        assert await handle == 42
    assert held is JobStatus.PAUSED
    assert capsys.readouterr().out == "Paused the queue slow\nResumed the queue slow\n"


async def test_jobs_are_held_and_resumed(
    client: EagerClient, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first = await client.submit(endless, anyio.Path(tmp_path / "begun"))
    waiting = await client.submit(double, 21)

    await acting._hold(HERE, [waiting.id], None, holds=True)
    await first.cancel()
    await first.wait()
    held = waiting.status
    await acting._hold(HERE, [waiting.id], None, holds=False)

    with anyio.fail_after(20):
        assert await waiting == 42
    assert held is JobStatus.PAUSED
    assert capsys.readouterr().out == f"Paused {waiting.id}\nResumed {waiting.id}\n"


async def test_a_retry_prints_the_id_of_the_new_job(
    client: EagerClient, capsys: pytest.CaptureFixture[str]
) -> None:
    handle = await client.submit(broken)
    await handle.wait()

    await acting._retry(HERE, handle.id, False)

    new = capsys.readouterr().out.strip()
    assert new != handle.id
    with anyio.fail_after(20):
        assert await (await client.attach(new)).wait() is JobStatus.FAILED


async def test_where_nothing_was_interrupted_that_is_said(
    client: EagerClient, capsys: pytest.CaptureFixture[str]
) -> None:
    await acting._recover(HERE, (), False)

    assert capsys.readouterr().out == "Nothing was interrupted.\n"


async def test_jobs_that_ended_are_deleted_and_counted(
    client: EagerClient, capsys: pytest.CaptureFixture[str]
) -> None:
    for number in range(3):
        await client.run(double, number)

    await acting._gc(HERE, None, 1, None)

    assert capsys.readouterr().out.startswith("Deleted 2 jobs, ")
    assert len(await client.jobs()) == 1


@pytest.mark.parametrize(
    "args", [(), ("one", "--all"), ("--all", "--queue", "slow"), ("one", "--queue", "slow")]
)
@pytest.mark.parametrize("command", ["pause", "resume"])
def test_what_is_held_or_resumed_must_be_said_in_one_way(
    run: Run, command: str, args: tuple[str, ...]
) -> None:
    result = run(command, *args)

    assert result.exit_code == 2
    assert "Say which: ID..., --queue QUEUE or --all." in result.stderr


@pytest.mark.parametrize("args", [("cancel", "lost"), ("pause", "--all"), ("resume", "lost")])
def test_without_a_cluster_of_yours_nothing_can_be_stopped(run: Run, args: tuple[str, ...]) -> None:
    result = run(*args)

    assert result.exit_code == 1
    assert result.stdout == ""
    assert "no cluster of yours runs here" in result.stderr
    assert "parrot-async recover" in result.stderr


def test_a_job_to_cancel_must_be_named() -> None:
    assert CliRunner().invoke(cli, ["cancel"]).exit_code == 2
