"""Processes that jobs start: they may, and what an attempt started ends with it unless it succeeds.

The functions are of a module, so that `spawn` and `forkserver` find them.
"""

import asyncio
import multiprocessing
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import anyio
import psutil
import pytest
from distributed import LocalCluster

from parrot_async import JobClient, JobStatus, Pools, current_job, job
from parrot_async.cluster import down
from parrot_async.errors import JobCancelledError, JobTimeoutError
from parrot_async.runner.process_search import WORKER, is_alive
from tests.integration.waiting import until
from tests.processes import living, new_sign

GRACE = 1.0
SOON = 10.0
"""Seconds: grace, SIGTERM, SIGKILL, and a busy machine."""
POOLS = Pools(cpu=1, gpu=1, io=16)

linux = pytest.mark.skipif(sys.platform != "linux", reason="the mark of a fork is Linux's")


@pytest.fixture(scope="module")
async def workshop() -> AsyncIterator[str]:
    """Name of a cluster with a worker in each pool; the device is pretended."""
    async with JobClient(name="workshop", pools=POOLS):
        yield "workshop"
    await down("workshop")


@pytest.fixture
async def client(workshop: str) -> AsyncIterator[JobClient]:
    async with JobClient(name=workshop) as client:
        yield client


# What jobs do.


@job
def pool_of_processes(method: str) -> list[int]:
    context = multiprocessing.get_context(method)
    with ProcessPoolExecutor(2, mp_context=context) as pool, context.Pool(2) as other:
        return [*pool.map(abs, [-1, -2]), *other.map(abs, [-3])]


@job
async def pool_of_an_async_job() -> int:
    with ProcessPoolExecutor(1) as pool:
        return await asyncio.get_running_loop().run_in_executor(pool, abs, -1)


def sleep_on() -> None:
    time.sleep(3600)


@job(grace=GRACE)
def child(sign: str) -> None:
    subprocess.Popen(["sleep", sign])
    sleep_on()


@job(grace=GRACE)
def awaited_child(sign: str) -> None:
    subprocess.run(["sleep", sign], check=True)


@job(grace=GRACE)
def child_of_a_session(sign: str) -> None:
    subprocess.Popen(["sleep", sign], start_new_session=True)
    sleep_on()


@job(grace=GRACE)
def child_without_an_environment(sign: str) -> None:
    subprocess.Popen(["/bin/sleep", sign], start_new_session=True, env={})
    sleep_on()


@job(grace=GRACE)
def orphan(sign: str) -> None:
    subprocess.run(["sh", "-c", f"setsid sleep {sign} & exit 0"], check=True)
    sleep_on()


@job(grace=GRACE)
def orphan_without_an_environment(sign: str) -> None:
    subprocess.run(["sh", "-c", f"setsid env -i sleep {sign} & exit 0"], check=True)
    sleep_on()


@job(grace=GRACE)
def child_and_wiped_orphan(sign: str, orphaned: str) -> None:
    subprocess.run(["sh", "-c", f"setsid env -i sleep {orphaned} & exit 0"], check=True)
    subprocess.run(["sleep", sign], check=True)


@job(grace=GRACE)
def orphan_of_a_shell(sign: str) -> None:
    os.system(f"setsid env -i sleep {sign} &")  # noqa: S605  that is the case
    sleep_on()


@job(grace=GRACE)
def orphan_of_a_fork(sign: str) -> None:
    if os.fork() == 0:
        os.execlp("sh", "sh", "-c", f"setsid env -i sleep {sign} &")  # noqa: S606
    os.wait()
    sleep_on()


@job(grace=GRACE)
def deaf_child(sign: str) -> None:
    subprocess.Popen(["sh", "-c", f"trap '' TERM; sleep {sign}; sleep {sign}", "deaf", sign])
    sleep_on()


@job(grace=GRACE)
def fork(sign: str) -> None:
    if os.fork() == 0:
        os.setsid()
        os.execlp("sleep", "sleep", sign)  # noqa: S606 - that is the case
    sleep_on()


@job(grace=GRACE)
def process_of(method: str, sign: str) -> None:
    context: Any = multiprocessing.get_context(method)
    context.Process(target=subprocess.run, args=(["sleep", sign],)).start()
    sleep_on()


@job(grace=GRACE)
def never_gives_up(sign: str) -> None:
    while True:
        try:
            subprocess.run(["sleep", sign], check=True)
        except BaseException:  # noqa: BLE001, S112 - the worst that code can do
            continue


@job(grace=GRACE)
def checks(sign: str) -> None:
    subprocess.Popen(["sleep", sign])
    for _ in current_job().track(range(10**6)):
        time.sleep(0.01)


@job(grace=GRACE)
async def async_child(sign: str) -> None:
    process = await asyncio.create_subprocess_exec("sleep", sign)
    await process.wait()


@job(grace=GRACE)
async def async_shell(sign: str) -> None:
    process = await asyncio.create_subprocess_shell(f"sleep {sign} & wait", start_new_session=True)
    await process.wait()


@job(grace=GRACE)
async def async_orphan(sign: str) -> None:
    process = await asyncio.create_subprocess_shell(f"setsid sleep {sign} & exit 0")
    await process.wait()
    await anyio.sleep(3600)


@job(grace=GRACE)
async def async_wiped(sign: str) -> None:
    process = await asyncio.create_subprocess_shell(f"setsid env -i sleep {sign} & exit 0")
    await process.wait()
    await anyio.sleep(3600)


@job(grace=GRACE)
async def async_thread(sign: str) -> None:
    await asyncio.to_thread(subprocess.run, ["sleep", sign], check=True)


@job(grace=GRACE)
async def async_pool(sign: str) -> None:
    with ProcessPoolExecutor(1) as pool:
        loop = asyncio.get_running_loop()
        await loop.run_in_executor(pool, subprocess.run, ["sleep", sign])


@job
def leaves(sign: str) -> int:
    return subprocess.Popen(["sleep", sign], start_new_session=True).pid


@job
def leaves_and_raises(sign: str) -> None:
    subprocess.Popen(["sleep", sign], start_new_session=True)
    raise ValueError("no")


@job
def forks_and_returns(file: str) -> int:
    pid = os.fork()
    with Path(file).open("a") as stream:
        stream.write(f"{os.getpid()}\n")
    if pid:
        return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    raise SystemExit(7)


SYNC = [
    child,
    awaited_child,
    child_of_a_session,
    child_without_an_environment,
    orphan,
    orphan_without_an_environment,
    orphan_of_a_shell,
    orphan_of_a_fork,
    deaf_child,
    fork,
    never_gives_up,
    checks,
]
ASYNC = [async_child, async_shell, async_orphan, async_wiped, async_thread, async_pool]


async def begun(client: JobClient, fn: Any, *arguments: str) -> Any:
    """The handle of a job whose process, with the last argument as its sign, lives."""
    handle = await client.submit(fn, *arguments)
    await until(lambda: living(arguments[-1]))
    return handle


# Jobs may have processes.


@pytest.mark.parametrize("queue", ["cpu", "io", "gpu"])
@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
async def test_a_job_may_have_a_pool_of_processes(
    client: JobClient, queue: str, method: str
) -> None:
    with anyio.fail_after(60):
        found = await client.run(pool_of_processes.options(queue=queue), method)

    assert found == [1, 2, 3]


async def test_an_async_job_may_have_a_pool_of_processes(client: JobClient) -> None:
    with anyio.fail_after(30):
        assert await client.run(pool_of_an_async_job) == 1


async def test_a_forked_process_runs_nothing_of_the_worker(
    client: JobClient, tmp_path: Path
) -> None:
    file = tmp_path / "pids"

    with anyio.fail_after(30):
        statuses = [await client.run(forks_and_returns, str(file)) for _ in range(3)]

    assert statuses == [7, 7, 7]
    assert len(file.read_text().split()) == 6


# What an attempt started ends with it.


@pytest.mark.parametrize("fn", [*SYNC, *ASYNC], ids=lambda fn: fn.__name__)
async def test_what_a_job_started_ends_when_it_is_cancelled(client: JobClient, fn: Any) -> None:
    sign, innocent = new_sign(), new_sign()
    beside = await begun(client, async_child, innocent)
    handle = await begun(client, fn, sign)

    await handle.cancel()
    with anyio.fail_after(SOON), pytest.raises(JobCancelledError):
        await handle

    await until(lambda: not living(sign))
    assert len(living(innocent)) == 1
    await beside.cancel()
    await until(lambda: not living(innocent))


@linux
@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
async def test_what_others_of_the_worker_have_started_lives_on(
    client: JobClient, method: str
) -> None:
    sign, innocent = new_sign(), new_sign()
    handle = await begun(client, async_wiped, sign)
    beside = await begun(client, process_of.options(queue="io"), method, innocent)

    await handle.cancel()
    await until(lambda: not living(sign))
    await anyio.sleep(1.5)

    assert len(living(innocent)) == 1
    await beside.cancel()
    await until(lambda: not living(innocent))


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
async def test_processes_of_every_kind_end_when_their_job_is_cancelled(
    client: JobClient, method: str
) -> None:
    sign = new_sign()
    handle = await begun(client, process_of, method, sign)

    await handle.cancel()

    await until(lambda: not living(sign))


@pytest.mark.parametrize("fn", [orphan, async_child], ids=lambda fn: fn.__name__)
async def test_what_a_job_started_ends_with_its_timeout(client: JobClient, fn: Any) -> None:
    sign = new_sign()
    handle = await begun(client, fn.options(timeout="1s"), sign)

    with anyio.fail_after(SOON), pytest.raises(JobTimeoutError):
        await handle

    await until(lambda: not living(sign))


async def test_what_a_failed_attempt_started_ends_with_it(client: JobClient) -> None:
    sign = new_sign()

    with pytest.raises(ValueError, match="no"):
        await client.run(leaves_and_raises, sign)

    await until(lambda: not living(sign))


async def test_a_job_that_succeeds_may_leave_a_process(client: JobClient) -> None:
    sign = new_sign()

    pid = await client.run(leaves, sign)
    await anyio.sleep(1.5)

    assert [process.pid for process in living(sign)] == [pid]
    living(sign)[0].kill()


def kill_worker_of(process: psutil.Process) -> None:
    """Kill the worker whose job has started a process."""
    os.kill(int(process.environ()[WORKER].split(".")[-2]), signal.SIGKILL)


@linux
@pytest.mark.parametrize("fn", [child_of_a_session, orphan, deaf_child], ids=lambda fn: fn.__name__)
async def test_what_a_job_started_ends_when_its_worker_is_lost(client: JobClient, fn: Any) -> None:
    sign = new_sign()
    handle = await begun(client, fn, sign)
    first = living(sign)

    kill_worker_of(first[0])

    await until(lambda: not any(map(is_alive, first)))
    await handle.cancel()
    await until(lambda: handle.done and not living(sign))


@linux
async def test_what_cleared_its_environment_ends_when_its_worker_is_lost(
    client: JobClient,
) -> None:
    sign, other = new_sign(), new_sign()
    handle = await begun(client, child_and_wiped_orphan, other, sign)
    first = living(sign)

    await until(lambda: living(other))
    kill_worker_of(living(other)[0])

    await until(lambda: not any(map(is_alive, first)))
    await handle.cancel()
    await until(lambda: handle.done and not living(sign))


@linux
async def test_a_fork_ends_when_its_worker_is_lost(client: JobClient) -> None:
    sign = new_sign()
    handle = await begun(client, process_of, "fork", sign)
    first = living(sign)
    above = first[0].parent()

    kill_worker_of(first[0])

    await until(lambda: not is_alive(first[0]) and not is_alive(above))
    await handle.cancel()
    await until(lambda: handle.done and not living(sign))


async def test_down_ends_all_that_jobs_have_started() -> None:
    signs = [new_sign() for _ in range(3)]
    async with JobClient(name="fallen", pools=Pools(cpu=1, gpu=0, io=8)) as client:
        await client.run(leaves, signs[0])
        await begun(client, orphan, signs[1])
        await begun(client, async_shell, signs[2])

        await down("fallen")

    await until(lambda: not any(map(living, signs)))


async def test_a_worker_that_somebody_else_started_ends_what_its_jobs_started() -> None:
    sign = new_sign()
    async with (
        LocalCluster(
            n_workers=1, threads_per_worker=2, dashboard_address=":0", asynchronous=True
        ) as cluster,
        JobClient(cluster=cluster) as client,
    ):
        assert await client.run(pool_of_processes, "fork") == [1, 2, 3]
        handle = await begun(client, child_of_a_session, sign)
        await handle.cancel()
        assert await handle.wait() is JobStatus.CANCELLED
        await until(lambda: not living(sign))

        await client.run(leaves, sign)

    await until(lambda: not living(sign))
