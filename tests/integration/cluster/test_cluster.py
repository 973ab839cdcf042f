"""The local cluster, with real processes: started, joined, interrupted, killed, idle, stopped."""

import os
import shutil
import signal
import stat
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path

import anyio
import psutil
import pytest
from blockbuster import blockbuster_ctx
from distributed import Client

import parrot_async
from parrot_async import JobClient, JobStatus
from parrot_async.client.handle import JobHandle
from parrot_async.cluster import LocalCluster, Pools, down, ensure, status
from parrot_async.cluster.folder import Folder
from parrot_async.errors import ClusterError, OptionsError
from parrot_async.model import events
from parrot_async.model.events import Event
from parrot_async.store import open_store
from tests.integration.waiting import until

TINY = Pools(cpu=1, gpu=0, io=8)
NO_WORKERS = Pools(cpu=0, gpu=0, io=0)
SHARED = Pools(cpu=1, gpu=2, io=8)

STARTER = """
import anyio, sys, time
from parrot_async.cluster import Pools, ensure
cluster = anyio.run(lambda: ensure(sys.argv[1], Pools(cpu=0, gpu=0, io=0)))
print(cluster.pid, cluster.started_by_us, flush=True)
time.sleep(float(sys.argv[2]))
"""

HOLD_THE_GIL = "__import__('ctypes').PyDLL(None).usleep(30_000_000)"

FOLDER = "from parrot_async.cluster.folder import Folder; print(Folder.of('edited').path.name)"

# As a job's hard kill may: before the nanny has heard that its worker started.
KILLER = """
import asyncio, os, signal
from distributed import Nanny, SchedulerPlugin

class Killer(SchedulerPlugin):
    ways = [os.kill, os.kill, os.kill, Nanny.kill, os.kill]

    def add_worker(self, scheduler, worker):
        if scheduler.workers[worker].name != "cpu-0":
            return
        nanny = next(n for n in Nanny._instances if n.name == "cpu-0" and n.pid)
        if not self.ways:
            print("cpu-0 was left alive")
        elif self.ways.pop(0) is os.kill:
            os.kill(nanny.pid, signal.SIGKILL)
        else:
            self.task = asyncio.ensure_future(nanny.kill(timeout=0.2))

def dask_setup(scheduler):
    scheduler.add_plugin(Killer())
"""


@pytest.fixture(scope="module")
async def cluster() -> AsyncIterator[LocalCluster]:
    """One cluster for the tests that leave it as it was."""
    yield await ensure("shared", SHARED)
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


def is_alive(pid: int) -> bool:
    """A zombie is not: it waits for init to take note of its end."""
    try:
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


async def workers_up(name: str, count: int, seconds: float = 20) -> None:
    with anyio.fail_after(seconds):
        while (now := await status(name)) is None or sum(now.workers.values()) < count:  # noqa: ASYNC110
            await anyio.sleep(0.05)


async def worker_pids(client: Client) -> dict[str, int]:
    pids: dict[str, int] = await client.run(os.getpid)
    return pids


async def regrown(name: str, cluster: LocalCluster, before: set[int], gone: set[int]) -> set[int]:
    """The cluster's processes once `gone` are replaced; asks no worker, which may be dying."""
    await until(lambda: len(now := set(group_of(cluster))) == len(before) and not gone & now, 20)
    pools = cluster.pools
    await workers_up(name, pools.cpu + pools.gpu + (pools.io > 0))
    return set(group_of(cluster))


async def began(handle: JobHandle[object]) -> None:
    async for event in handle.events():
        if isinstance(event, events.Started):
            return


def stored_status(cluster: LocalCluster, job_id: str) -> JobStatus:
    store = open_store(f"sqlite:///{cluster.folder.parent / 'jobs.db'}")
    try:
        row = store.root(job_id)
    finally:
        store.close()
    assert row is not None
    return row.status


def stored_events(cluster: LocalCluster, job_id: str) -> list[Event]:
    store = open_store(f"sqlite:///{cluster.folder.parent / 'jobs.db'}")
    try:
        return [events.load(bytes(body)) for _, body in store.events(job_id)]
    finally:
        store.close()


def start_process(name: str, then_sleep: float = 0) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", STARTER, name, str(then_sleep)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


async def test_the_second_joins_what_the_first_started(cluster: LocalCluster) -> None:
    again = await ensure("shared", Pools(cpu=7))

    assert (again.pid, again.pools) == (cluster.pid, SHARED)
    assert not again.started_by_us


async def test_each_pool_runs_what_is_annotated_for_it(cluster: LocalCluster) -> None:
    async with connect(cluster) as client:
        pids = {
            pool: await client.submit(os.getpid, resources={pool: 1}, pure=False)
            for pool in ("cpu", "io")
        }

    assert len({cluster.pid, *pids.values()}) == 3


async def test_each_pretended_gpu_has_a_worker_that_sees_it_alone(cluster: LocalCluster) -> None:
    await workers_up("shared", 4)

    async with connect(cluster) as client:
        seen = await client.run(os.getenv, "CUDA_VISIBLE_DEVICES")

    assert sorted(seen.values()) == ["", "", "0", "1"]


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
    await workers_up("shared", 4)
    async with connect(cluster) as client:
        before = await worker_pids(client)

        os.killpg(os.getpgid(cluster.pid), signal.SIGINT)
        await anyio.sleep(0.3)

        assert await worker_pids(client) == before
    assert cluster.pid in group_of(cluster)


async def test_a_killed_worker_is_replaced(cluster: LocalCluster) -> None:
    await workers_up("shared", 4)
    async with connect(cluster) as client:
        victim = min((await worker_pids(client)).values())
    before = set(group_of(cluster))

    os.kill(victim, signal.SIGKILL)
    after = await regrown("shared", cluster, before, {victim})

    assert before - after == {victim}
    assert len(after - before) == 1


async def test_a_worker_killed_again_and_again_as_it_registers_comes_back(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    killer = tmp_path / "killer.py"
    killer.write_text(KILLER)
    monkeypatch.setenv("DASK_DISTRIBUTED__SCHEDULER__PRELOAD", f"['{killer}']")

    cluster = await ensure(name, TINY)
    await until(lambda: "cpu-0 was left alive" in cluster.log_file.read_text(), 30)
    await workers_up(name, 2)

    assert cluster.log_file.read_text().count("worker cpu-0 is lost") >= 3


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere workers are spawned")
async def test_a_killed_fork_server_costs_no_more_than_one_restart(name: str) -> None:
    cluster = await ensure(name, TINY)
    await workers_up(name, 2)
    async with connect(cluster) as client:
        workers = set((await worker_pids(client)).values())
    server = psutil.Process(min(workers)).ppid()
    first = set(group_of(cluster))

    os.kill(server, signal.SIGKILL)
    second = await regrown(name, cluster, first, {server, *workers})
    victim = next(pid for pid in second - first if psutil.Process(pid).ppid() != cluster.pid)
    os.kill(victim, signal.SIGKILL)
    third = await regrown(name, cluster, second, {victim})

    assert second - third == {victim}


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
    again = await ensure(name, NO_WORKERS)

    assert (again.pid, again.started_by_us) == (pid, False)


async def test_a_starter_killed_half_way_leaves_at_most_one_cluster(name: str) -> None:
    starter = start_process(name)
    await until(Folder.of(name).is_running)
    starter.kill()
    starter.communicate()

    first = await ensure(name, NO_WORKERS)
    second = await ensure(name, NO_WORKERS)

    assert first.pid == second.pid
    assert os.getpgid(first.pid) == os.getpgid(second.pid)


# Dask's own client leaves a socket to the collector when it finds nobody at its address.
@pytest.mark.filterwarnings("ignore:unclosed <ssl.SSLSocket:ResourceWarning")
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
async def test_a_killed_daemon_leaves_no_orphan_and_the_next_one_starts(name: str) -> None:
    first = await ensure(name, TINY)
    await workers_up(name, 2)
    async with connect(first) as client:
        # Only Linux' kernel ties a worker of which no thread runs.
        code = HOLD_THE_GIL if sys.platform == "linux" else "1"
        held = client.submit(eval, code, resources={"cpu": 1}, pure=False)
        await anyio.sleep(0.5)

        os.kill(first.pid, signal.SIGKILL)
        await until(lambda: not group_of(first))

        held.release()
    assert await status(name) is None
    second = await ensure(name, NO_WORKERS)
    assert second.started_by_us
    assert second.pid != first.pid


async def test_down_leaves_no_process_and_the_running_job_to_be_recovered(name: str) -> None:
    cluster = await ensure(name, TINY)
    async with JobClient(name=name) as client:
        handle = await client.submit(time.sleep, 3600)
        await began(handle)
    members = group_of(cluster)

    stopped = await down(name)

    assert stopped
    assert [pid for pid in members if is_alive(pid)] == []
    left = {path.name for path in cluster.folder.iterdir()}
    assert left <= {"cluster.log", "cluster.log.1", "join.lock", "running.lock"}
    assert await down(name) is False
    kinds = [event.kind for event in stored_events(cluster, handle.id)]
    assert (kinds, stored_status(cluster, handle.id)) == (
        ["submitted", "started"],
        JobStatus.RUNNING,
    )


async def test_a_stuck_daemon_is_killed_after_the_grace(name: str) -> None:
    cluster = await ensure(name, NO_WORKERS)
    os.kill(cluster.pid, signal.SIGSTOP)

    assert await down(name, grace=0.3)

    assert not group_of(cluster)


async def test_it_stays_while_a_client_is_open_or_a_job_runs_and_leaves_then(name: str) -> None:
    cluster = await ensure(name, TINY, idle_timeout="1s")

    async with connect(cluster):
        await anyio.sleep(1.4)
    async with JobClient(name=name) as client:
        await anyio.sleep(1.4)
        handle = await client.submit(time.sleep, 2.3)
        await began(handle)
    await anyio.sleep(1.6)

    assert Folder.of(name).is_running()
    await until(lambda: not group_of(cluster), 15)
    assert await status(name) is None
    assert stored_status(cluster, handle.id) is JobStatus.COMPLETED


async def test_a_failed_start_shows_the_log(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = tmp_path / "distributed"
    broken.mkdir()
    (broken / "__init__.py").write_text("raise RuntimeError('no dask today')")
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path}:{os.environ.get('PYTHONPATH', '')}")

    with pytest.raises(ClusterError, match="no dask today"):
        await ensure(name, TINY)


async def test_the_callers_loop_is_never_blocked(name: str) -> None:
    # Not by the clock: on a busy machine every loop is late.
    with blockbuster_ctx():
        await ensure(name, NO_WORKERS)
        await status(name)

        assert await down(name)


async def test_edited_code_does_not_join_the_daemon_of_the_old(tmp_path: Path) -> None:
    copy = tmp_path / "parrot_async"
    shutil.copytree(Path(parrot_async.__path__[0]), copy)
    ask = [sys.executable, "-c", FOLDER]

    def key() -> str:
        return subprocess.run(
            ask, cwd=tmp_path, stdout=subprocess.PIPE, text=True, check=True
        ).stdout

    first = key()
    with (copy / "wire.py").open("a") as file:
        file.write("# edited\n")
    edited = key()

    assert len({first, edited}) == 2


async def test_a_wrong_duration_or_name_is_refused() -> None:
    with pytest.raises(OptionsError):
        await ensure("refused", TINY, idle_timeout="soon")
    with pytest.raises(ClusterError, match="cannot name a cluster"):
        await ensure("../elsewhere", TINY)
