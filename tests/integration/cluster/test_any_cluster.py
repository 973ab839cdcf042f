"""The same code on schedulers that parrot_async has not started."""

import asyncio
import operator
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import anyio
import pytest
from distributed import LocalCluster, get_client

from parrot_async import JobClient, JobStatus, current_job, job
from parrot_async.errors import ClusterError
from tests.dask_commands import command, free_port


@job
def double(number: int) -> int:
    return 2 * number


@job
async def double_all(numbers: list[int]) -> list[int]:
    children = await current_job().map(double, numbers)
    return await children.results()


@job
async def double_by_dask(number: int) -> int:
    return await get_client().submit(operator.mul, 2, number)  # type: ignore[no-any-return]


Start = Callable[..., None]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Start one of Dask's commands in a process of its own; all are ended at the end."""
    with ExitStack() as stack:
        yield lambda *words: stack.enter_context(command(tmp_path, *words))


async def connected(address: str) -> JobClient:
    """A client of a scheduler that may still be starting."""
    with anyio.fail_after(30):
        while True:
            try:
                return await JobClient(address)
            except ClusterError:
                await anyio.sleep(0.1)


@pytest.fixture
async def address(start: Start) -> str:
    """A scheduler and two workers, started by Dask's own commands."""
    address = f"tcp://127.0.0.1:{free_port()}"
    port = address.rpartition(":")[2]
    start("scheduler", "--host", "127.0.0.1", "--port", port, "--dashboard-address", ":0")
    for label, slots in (("cpu", "1"), ("io", "16")):
        start("worker", address, "--nthreads", slots, "--resources", f"{label}=1", "--no-dashboard")
    return address


async def test_jobs_and_children_run_on_workers_started_by_dasks_own_commands(
    address: str,
) -> None:
    client = await connected(address)

    handle = await client.submit(double_all.options(wait_for_workers=True), [1, 2, 3])
    with anyio.fail_after(60):
        result = await handle

    assert result == [2, 4, 6]
    assert [child.status for child in handle.children] == [JobStatus.COMPLETED] * 3
    await client.aclose()


async def test_a_job_uses_the_workers_that_dasks_own_commands_started(address: str) -> None:
    async with await connected(address) as client:
        with anyio.fail_after(60):
            result = await client.run(double_by_dask.options(wait_for_workers=True), 21)

    assert result == 42


async def test_a_scheduler_that_preloads_the_service_serves_a_worker_without_labels(
    start: Start,
) -> None:
    port = str(free_port())
    preload = ["--preload", "parrot_async.service.preload"]
    start("scheduler", "--host", "127.0.0.1", "--port", port, "--dashboard-address", ":0", *preload)
    start("worker", f"tcp://127.0.0.1:{port}", "--nthreads", "2", "--no-dashboard")
    client = await connected(f"tcp://127.0.0.1:{port}")

    with anyio.fail_after(60):
        result = await client.run(double_all.options(wait_for_workers=True), [5])

    assert result == [10]
    await client.aclose()


async def test_a_cluster_object_of_dask_serves() -> None:
    async with (
        LocalCluster(
            n_workers=1, threads_per_worker=1, dashboard_address=":0", asynchronous=True
        ) as cluster,
        JobClient(cluster=cluster) as client,
    ):
        result = await client.run(double, 21)

    assert result == 42


async def test_an_address_where_nothing_listens_says_what_to_do() -> None:
    with pytest.raises(ClusterError, match="Is the scheduler running there"):
        await JobClient(f"tcp://127.0.0.1:{free_port()}")


def test_the_hello_runs_as_a_script_under_anyio(tmp_path: Path) -> None:
    script = tmp_path / "hello.py"
    script.write_text(
        "import anyio\n"
        "from parrot_async import JobClient, Pools, job\n"
        "@job\n"
        "def hello(name):\n"
        "    return f'hello, {name}'\n"
        "async def main():\n"
        "    async with JobClient(name='script', pools=Pools(cpu=1, io=4), detach=False) as c:\n"
        "        print(await c.run(hello, 'parrot'))\n"
        "anyio.run(main)\n"
    )

    done = subprocess.run(
        [sys.executable, script], capture_output=True, text=True, timeout=60, check=False
    )

    assert done.stdout == "hello, parrot\n", done.stderr


async def test_clients_in_two_event_loops_of_one_process_work_side_by_side(address: str) -> None:
    client = await connected(address)

    def elsewhere() -> int:
        async def main() -> int:
            async with JobClient(address) as other:
                return await other.run(double.options(wait_for_workers=True), 4)

        return asyncio.run(main())

    with anyio.fail_after(60):
        result = await asyncio.to_thread(elsewhere)

    assert result == 8
    assert await client.run(double, 1) == 2
    await client.aclose()
