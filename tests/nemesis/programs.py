"""What runs while something is killed: a body with branches, a plan, a map, a big result."""

import asyncio
import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import dask
from distributed import Nanny

from parrot_async import JobClient, Plan, current_job, job
from parrot_async.client.handle import JobHandle
from parrot_async.cluster import LocalCluster
from parrot_async.cluster.pools import CAPACITY
from parrot_async.settings import failpoints
from tests.nemesis.history import mark

BIG = 100_000
"""Bytes of a result that goes to the result folder."""


@job(io=1)
async def leaf(file: str, number: int) -> int:
    """Leave a line and return a square."""
    mark(file)
    await asyncio.sleep(0.01)
    return number * number


@job(cpu=1)
def slow_leaf(file: str, number: int) -> int:
    """Do the same in a thread."""
    mark(file)
    time.sleep(0.01)
    return number * number


@job(io=1)
async def big(file: str, number: int) -> bytes:
    """Return more than travels beside an event."""
    mark(file)
    return bytes(BIG + number)


@job(io=1)
async def branch(file: str, first: int) -> int:
    """Sum up what four leaves return."""
    mark(file)
    leaves = await current_job().map(leaf, [file] * 4, range(first, first + 4))
    return sum(await leaves.results())


@job(io=1)
async def tree(file: str) -> int:
    """Have three branches, a big child and a sync one."""
    mark(file)
    here = current_job()
    branches = await here.map(branch, [file] * 3, [0, 4, 8])
    length = len(await here.run(big, file, 1))
    slow = await here.run(slow_leaf, file, 12)
    return sum(await branches.results()) + slow + length


def plan(file: str) -> Plan:
    """Two levels, partly in order."""
    return Plan(
        "plan",
        [
            Plan("in order", [leaf.bind(file, 1), slow_leaf.bind(file, 2)], sequential=True),
            branch.bind(file, 3),
            leaf.bind(file, 7),
        ],
    )


def nanny_process(cluster: LocalCluster, slots: int, traps: str) -> None:
    """Be a nanny on another machine, with one worker for io jobs."""
    os.environ[failpoints.VARIABLE] = f"traps={traps}"
    dask.config.set({"distributed.worker.multiprocessing-method": "forkserver"})
    asyncio.run(_nanny(cluster, slots))


async def _nanny(cluster: LocalCluster, slots: int) -> None:
    async with Nanny(
        cluster.address,
        nthreads=slots,
        resources={"io": CAPACITY},
        security=cluster.security(),
        memory_limit=0,
        env={failpoints.VARIABLE: os.environ[failpoints.VARIABLE]},
    ) as nanny:
        await nanny.finished()


async def submit_all(
    client: JobClient, file: str, say: Callable[[JobHandle[Any], Any], None]
) -> list[JobHandle[Any]]:
    """Submit everything; `say` is told of each as soon as it is accepted, and what it will give."""
    squares = [number * number for number in range(13)]
    handles: list[JobHandle[Any]] = []
    first = await client.submit(tree, file)
    say(first, sum(squares) + BIG + 1)
    second: JobHandle[Any] = await client.submit(plan(file))
    say(second, None)
    third: JobHandle[Any] = (await client.map(leaf, [file] * 8, range(8))).root
    say(third, None)
    handles += [first, second, third]
    return handles


def client_process(name: str, store: str, file: str, accepted: str, traps: str) -> None:
    """Be a client that submits everything and waits; what was accepted is in a file."""
    failpoints.arm(f"traps={traps}")
    asyncio.run(_client(name, store, file, Path(accepted)))


async def _client(name: str, store: str, file: str, accepted: Path) -> None:
    fd = os.open(accepted, os.O_WRONLY | os.O_APPEND | os.O_CREAT)

    def say(handle: JobHandle[Any], value: Any) -> None:
        os.write(fd, (json.dumps([handle.id, value]) + "\n").encode())

    async with JobClient(name=name, store=store) as client:
        await client.gather(await submit_all(client, file, say))
