"""What 10,000 finished jobs, handles kept, cost the client's process and the service's.

All processes are fresh each time, so that nobody grows into space that an earlier round has left.
The service is our daemon, and with Dask a process that holds nothing but a `LocalCluster`.
"""

import asyncio
import gc
import json
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import psutil

from parrot_async import JobClient, cluster
from tests.benchmarks.harness import (
    POOLS,
    ROUNDS,
    SETTLE,
    WARM_UP,
    dask_client,
    dask_cluster,
    noop,
    our_client,
    private_home,
    report,
)

JOBS = 10_000
NAME = "bench-memory"
Memory = dict[str, float]


def used(pid: int | None = None) -> float:
    """MB that would be free without this process."""
    return float(psutil.Process(pid).memory_full_info().uss) / 1e6


async def growth(service: int, work: Callable[[int], Awaitable[Any]]) -> Memory:
    """MB by which both processes grow, the caches of the first jobs apart."""
    kept = [await work(WARM_UP)]
    await asyncio.sleep(SETTLE)
    gc.collect()
    before = used(), used(service)
    kept.append(await work(JOBS))
    await asyncio.sleep(SETTLE)
    gc.collect()
    found = {"client": used() - before[0], "service": used(service) - before[1]}
    assert len(kept) == 2
    return found


async def ours(service: int) -> Memory:
    """With us; the cluster runs already."""
    async with JobClient(name=NAME, pools=POOLS) as client:

        async def work(jobs: int) -> Any:
            handles = await client.map(noop, range(jobs))
            await client.gather(handles)
            return list(handles)

        return await growth(service, work)


async def raw(service: int, address: str) -> Memory:
    """With Dask."""
    async with dask_client(address) as client:

        async def work(jobs: int) -> Any:
            futures = client.map(noop, range(jobs), pure=False)
            await client.gather(futures)
            return futures

        return await growth(service, work)


def serve() -> None:
    """Be raw Dask's service until the input ends."""
    with dask_cluster() as address:
        print(address, flush=True)
        sys.stdin.read()


async def _start(*arguments: str) -> Process:
    command = (sys.executable, "-m", "tests.benchmarks.memory", *arguments)
    return await asyncio.create_subprocess_exec(*command, stdin=PIPE, stdout=PIPE)


async def in_fresh_process(*arguments: str) -> Memory:
    """What a client of its own finds."""
    said, _ = await (await _start(*arguments)).communicate()
    found: Memory = json.loads(said)
    return found


@asynccontextmanager
async def dask_service() -> AsyncIterator[tuple[str, str]]:
    """The id and the address of a fresh service of raw Dask."""
    process = await _start("serve")
    assert process.stdout is not None
    address = (await process.stdout.readline()).decode().strip()
    try:
        yield str(process.pid), address
    finally:
        await process.communicate(b"")


async def measure() -> None:
    """Compare."""
    mine, theirs = [], []
    for _ in range(ROUNDS):
        with private_home():
            async with our_client(NAME):
                service = await cluster.ensure(NAME)
                mine.append(await in_fresh_process("ours", str(service.pid)))
        async with dask_service() as (pid, address):
            theirs.append(await in_fresh_process("raw", pid, address))
    report(
        "memory",
        middle(mine, "client"),
        middle(theirs, "client"),
        "MB",
        required="ours <= 20, service <= 100",
        goal="ours <= 5, service <= 100",
        service=middle(mine, "service"),
        raw_service=middle(theirs, "service"),
    )


def middle(rounds: list[Memory], process: str) -> float:
    """The median round."""
    return sorted(memory[process] for memory in rounds)[len(rounds) // 2]


def main() -> None:
    """Print one line of JSON: the comparison, or what a client of it finds."""
    match sys.argv[1:]:
        case ["ours", pid]:
            print(json.dumps(asyncio.run(ours(int(pid)))))
        case ["raw", pid, address]:
            print(json.dumps(asyncio.run(raw(int(pid), address))))
        case ["serve"]:
            serve()
        case _:
            asyncio.run(measure())


if __name__ == "__main__":
    main()
