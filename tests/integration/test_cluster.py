"""The local cluster, with real processes: started, joined, interrupted, killed, idle, stopped."""

import asyncio
import os
import signal
import stat
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import anyio
import psutil
import pytest
from distributed import Client

from parrot_async.cluster import LocalCluster, Pools, down, ensure, status
from parrot_async.cluster.folder import Folder
from parrot_async.errors import ClusterError, OptionsError

TINY = Pools(cpu=1, gpu=0, io=8)

STARTER = """
import anyio, sys, time
from parrot_async.cluster import Pools, ensure
cluster = anyio.run(lambda: ensure(sys.argv[1], Pools(cpu=1, io=8)))
print(cluster.pid, cluster.started_by_us, flush=True)
time.sleep(float(sys.argv[2]))
"""


@pytest.fixture(scope="module")
async def cluster() -> AsyncIterator[LocalCluster]:
    """One cluster for the tests that leave it as it was."""
    yield await ensure("shared", TINY)
    await down("shared")


@pytest.fixture
async def name(request: pytest.FixtureRequest) -> AsyncIterator[str]:
    """A cluster's name of the test's own; whatever ran under it is stopped."""
    name = request.node.name[-40:].strip("_")
    yield name
    await down(name)


def connect(cluster: LocalCluster) -> Client:
    return Client(cluster.address, security=cluster.security(), asynchronous=True)


def group_of(cluster: LocalCluster) -> list[int]:
    """The live processes of the cluster's process group, which outlives its daemon."""
    holder = Folder(cluster.folder.parent, cluster.folder).holder()
    assert holder is not None
    return [process.pid for process in psutil.process_iter() if alive_in(process, holder.group)]


def alive_in(process: psutil.Process, group: int) -> bool:
    try:
        return os.getpgid(process.pid) == group and process.status() != psutil.STATUS_ZOMBIE
    except (OSError, psutil.Error):
        return False


async def until(condition: Callable[[], bool], seconds: float = 10) -> None:
    with anyio.fail_after(seconds):
        while not condition():  # noqa: ASYNC110  another process sets no event
            await anyio.sleep(0.02)


async def workers_up(name: str, count: int, seconds: float = 20) -> None:
    with anyio.fail_after(seconds):
        while (now := await status(name)) is None or sum(now.workers.values()) < count:  # noqa: ASYNC110
            await anyio.sleep(0.05)


async def worker_pids(client: Client) -> dict[str, int]:
    """Each worker's pid; none where Dask is still trying to reach one that was just killed."""
    pids: dict[str, int] = {}
    with anyio.move_on_after(2):  # its own patience is 30 s (distributed.comm.timeouts.connect)
        pids = await client.run(os.getpid, on_error="ignore")
    return pids


async def replaced(client: Client, before: dict[str, int], fresh: int) -> dict[str, int]:
    """The workers' pids once as many are there as before and `fresh` of them are new."""
    with anyio.fail_after(20):
        while True:
            now = await worker_pids(client)
            new = set(now.values()) - set(before.values())
            if len(now) == len(before) and len(new) >= fresh:
                return now
            await anyio.sleep(0.05)


def start_process(name: str, then_sleep: float = 0) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", STARTER, name, str(then_sleep)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


async def test_the_second_joins_what_the_first_started(cluster: LocalCluster) -> None:
    again = await ensure("shared", Pools(cpu=7))

    assert (again.pid, again.pools) == (cluster.pid, TINY)
    assert not again.started_by_us


async def test_each_pool_runs_what_is_annotated_for_it(cluster: LocalCluster) -> None:
    async with connect(cluster) as client:
        pids = {
            pool: await client.submit(os.getpid, resources={pool: 1}, pure=False)
            for pool in ("cpu", "io")
        }

    assert len({cluster.pid, *pids.values()}) == 3


async def test_a_joiner_without_the_credentials_stays_outside(cluster: LocalCluster) -> None:
    plain = cluster.address.replace("tls://", "tcp://")

    with pytest.raises(OSError, match=r"Timed out|CommClosed|in <TCP"):
        await Client(plain, asynchronous=True, timeout=0.5)


async def test_everything_is_readable_by_the_user_alone(cluster: LocalCluster) -> None:
    folders = (cluster.folder, cluster.folder.parent, cluster.folder.parent.parent)
    files = [path for path in cluster.folder.iterdir() if path.is_file()]

    assert {stat.S_IMODE(path.stat().st_mode) for path in folders} == {0o700}
    assert {stat.S_IMODE(path.stat().st_mode) for path in files} == {0o600}
    assert {"cluster.json", "cert.pem", "key.pem", "cluster.log"} <= {path.name for path in files}


async def test_nothing_listens_beyond_the_loopback(cluster: LocalCluster) -> None:
    listening = [
        connection.laddr.ip
        for pid in group_of(cluster)
        for connection in psutil.Process(pid).net_connections()
        if connection.status == psutil.CONN_LISTEN
    ]

    assert set(listening) == {"127.0.0.1"}


async def test_an_interrupt_of_the_whole_group_leaves_every_process(cluster: LocalCluster) -> None:
    await workers_up("shared", 2)
    async with connect(cluster) as client:
        before = await worker_pids(client)

        os.killpg(os.getpgid(cluster.pid), signal.SIGINT)
        await anyio.sleep(0.3)

        assert await worker_pids(client) == before
    assert cluster.pid in group_of(cluster)


async def test_a_killed_worker_is_replaced(cluster: LocalCluster) -> None:
    await workers_up("shared", 2)
    async with connect(cluster) as client:
        before = await worker_pids(client)

        os.kill(min(before.values()), signal.SIGKILL)

        after = await replaced(client, before, 1)
    assert len(set(after.values()) & set(before.values())) == 1


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere workers are spawned")
async def test_a_killed_fork_server_costs_no_more_than_one_restart(name: str) -> None:
    cluster = await ensure(name, TINY)
    await workers_up(name, 2)
    async with connect(cluster) as client:
        first = await worker_pids(client)
        psutil.Process(min(first.values())).parent().kill()
        second = await replaced(client, first, 2)

        os.kill(min(second.values()), signal.SIGKILL)
        third = await replaced(client, second, 1)

    assert len(set(second.values()) & set(third.values())) == 1


async def test_ten_processes_at_once_get_one_cluster(name: str) -> None:
    starters = [start_process(name) for _ in range(10)]

    said = [await anyio.to_thread.run_sync(starter.communicate) for starter in starters]

    answers = [out.split() for out, _ in said]
    assert len({pid for pid, _ in answers}) == 1
    assert sorted(started for _, started in answers) == ["False"] * 9 + ["True"]


async def test_the_cluster_survives_the_kill_of_its_starter(name: str) -> None:
    starter = start_process(name, then_sleep=60)
    assert starter.stdout is not None
    pid = int((await anyio.to_thread.run_sync(starter.stdout.readline)).split()[0])

    starter.kill()
    starter.communicate()
    again = await ensure(name, TINY)

    assert (again.pid, again.started_by_us) == (pid, False)


async def test_a_starter_killed_half_way_leaves_at_most_one_cluster(name: str) -> None:
    starter = start_process(name)
    await until(Folder.of(name).is_running)
    starter.kill()
    starter.communicate()

    first = await ensure(name, TINY)
    second = await ensure(name, TINY)

    assert first.pid == second.pid
    assert os.getpgid(first.pid) == os.getpgid(second.pid)


async def test_a_killed_daemon_leaves_no_orphan_and_the_next_one_starts(name: str) -> None:
    first = await ensure(name, TINY)
    await workers_up(name, 2)

    os.kill(first.pid, signal.SIGKILL)
    await until(lambda: not group_of(first), 10)
    assert await status(name) is None
    second = await ensure(name, TINY)

    assert second.started_by_us
    assert second.pid != first.pid


def hold_the_gil(seconds: float) -> None:
    """Hold the interpreter's lock in C code: no thread of this process runs."""
    import ctypes

    ctypes.PyDLL(None).usleep(int(seconds * 1_000_000))


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel's tie is Linux' own")
async def test_a_worker_that_holds_the_gil_dies_with_the_daemon(name: str) -> None:
    cluster = await ensure(name, TINY)
    await workers_up(name, 2)
    async with connect(cluster) as client:
        held = client.submit(hold_the_gil, 30, resources={"cpu": 1}, pure=False)
        await anyio.sleep(0.5)

        os.kill(cluster.pid, signal.SIGKILL)

        await until(lambda: not group_of(cluster), 10)
        held.release()


async def test_down_leaves_nothing_even_of_a_job_that_does_not_stop(name: str) -> None:
    cluster = await ensure(name, TINY)
    await workers_up(name, 2)
    async with connect(cluster) as client:
        forever = client.submit(time.sleep, 3600, resources={"cpu": 1}, pure=False)
        await anyio.sleep(0.2)
        members = group_of(cluster)

        stopped = await down(name)

        forever.release()
    assert stopped
    assert not any(psutil.pid_exists(pid) for pid in members)
    left = {path.name for path in cluster.folder.iterdir()}
    assert left <= {"cluster.log", "cluster.log.1", "join.lock", "running.lock"}
    assert await down(name) is False


async def test_a_stuck_daemon_is_killed_after_the_grace(name: str) -> None:
    cluster = await ensure(name, TINY)
    os.kill(cluster.pid, signal.SIGSTOP)

    assert await down(name, grace=0.3)

    assert not group_of(cluster)


async def test_it_leaves_when_nobody_needs_it(name: str) -> None:
    cluster = await ensure(name, TINY, idle_timeout="1s")

    await until(lambda: not group_of(cluster), 15)

    assert await status(name) is None


async def test_it_stays_while_a_client_is_connected(name: str) -> None:
    cluster = await ensure(name, TINY, idle_timeout="500ms")

    async with connect(cluster):
        await anyio.sleep(2)

        assert (await ensure(name)).pid == cluster.pid


async def test_each_pretended_gpu_has_a_worker_that_sees_it_alone(name: str) -> None:
    cluster = await ensure(name, Pools(cpu=0, gpu=2, io=8))
    await workers_up(name, 3)

    async with connect(cluster) as client:
        seen = await client.run(os.getenv, "CUDA_VISIBLE_DEVICES")

    assert sorted(seen.values()) == ["", "0", "1"]


async def test_a_failed_start_shows_the_log(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = tmp_path / "distributed"
    broken.mkdir()
    (broken / "__init__.py").write_text("raise RuntimeError('no dask today')")
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path}:{os.environ.get('PYTHONPATH', '')}")

    with pytest.raises(ClusterError, match="no dask today"):
        await ensure(name, TINY)


async def test_the_callers_loop_is_never_late(name: str) -> None:
    late = 0.0

    async def watch() -> None:
        nonlocal late
        while True:
            began = time.perf_counter()
            await asyncio.sleep(0.005)
            late = max(late, time.perf_counter() - began - 0.005)

    async with anyio.create_task_group() as group:
        group.start_soon(watch)
        await ensure(name, TINY)
        await status(name)
        await down(name)
        group.cancel_scope.cancel()

    assert late < 0.05


async def test_a_wrong_duration_or_name_is_refused() -> None:
    with pytest.raises(OptionsError):
        await ensure("refused", TINY, idle_timeout="soon")
    with pytest.raises(ClusterError, match="cannot name a cluster"):
        await ensure("../elsewhere", TINY)
