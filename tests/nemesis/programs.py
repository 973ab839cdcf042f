"""What runs while something is killed: a body with branches, a plan, a map, a big result."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable
from multiprocessing import get_context
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
SLEEPS = 600
"""Seconds for which processes would live that nobody ends."""
WORKS = 0.3
"""Seconds for which a body works beside its processes."""
LIMIT = 60
"""The timeout of the leaves, in seconds: less than a clock jumps by."""

Say = Callable[[JobHandle[Any], Any], None]


@job(io=1, timeout=LIMIT)
async def leaf(file: str, number: int) -> int:
    """Leave a line and return a square."""
    mark(file)
    await asyncio.sleep(0.01)
    return number * number


@job(cpu=1, timeout=LIMIT)
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


# Bodies with processes of their own, which they end themselves if they live for long enough.


def started_in(file: str) -> list[int]:
    """Return the processes that have written themselves down."""
    path = Path(file)
    return [int(line) for line in path.read_text().split()] if path.exists() else []


def _sleeper(left: str) -> list[str]:
    return ["sh", "-c", f"echo $$ >> '{left}'; exec sleep {SLEEPS}"]


def _sleep(left: str) -> None:
    with Path(left).open("a") as file:
        file.write(f"{os.getpid()}\n")
    time.sleep(SLEEPS)


@job(io=1)
async def spawns(file: str, left: str) -> int:
    """Have one process of the job's own group, and one in a session of its own."""
    mark(file)
    group = await asyncio.create_subprocess_exec(*_sleeper(left))
    session = await asyncio.create_subprocess_exec(*_sleeper(left), start_new_session=True)
    try:
        await asyncio.sleep(WORKS)
    finally:
        for process in (group, session):
            process.kill()
            await process.wait()
    return 1


@job(cpu=1)
def forks(file: str, left: str) -> int:
    """Have a fork, and a process that leaves its parent."""
    mark(file)
    fork = get_context("fork").Process(target=_sleep, args=(left,))
    fork.start()
    child = subprocess.Popen(_sleeper(left))
    try:
        time.sleep(WORKS)
    finally:
        for pid in (fork.pid, child.pid):
            os.kill(pid or child.pid, signal.SIGKILL)
        fork.join()
        child.wait()
    return 1


@job(io=1)
async def household(file: str, left: str) -> int:
    """Have children of both kinds."""
    mark(file)
    here = current_job()
    spawning = await here.map(spawns, [file] * 4, [left] * 4)
    forking = await here.map(forks, [file] * 2, [left] * 2)
    return sum(await spawning.results()) + sum(await forking.results())


# Bodies that end the loop on which they run.


async def stops_the_loop() -> None:
    """Stop it."""
    asyncio.get_running_loop().stop()
    await asyncio.sleep(SLEEPS)


async def exits_in_a_task() -> None:
    """Exit, as a library might."""
    await asyncio.wait([asyncio.create_task(_exits())])
    await asyncio.sleep(SLEEPS)


async def _exits() -> None:
    sys.exit(3)


async def breaks_the_loop() -> None:
    """Break it for good."""
    vars(asyncio.get_running_loop())["_process_events"] = None
    await asyncio.sleep(0.01)
    await asyncio.sleep(SLEEPS)


HARMS = (stops_the_loop, exits_in_a_task, breaks_the_loop)


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


async def submit_all(client: JobClient, file: str, say: Say) -> list[JobHandle[Any]]:
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


async def submit_households(client: JobClient, file: str, say: Say) -> list[JobHandle[Any]]:
    """Submit jobs that have processes."""
    handles = [await client.submit(household, file, file + LEFT) for _ in range(2)]
    for handle in handles:
        say(handle, 6)
    return handles


LEFT = ".left"
"""After the name of the side-effect file: that of the processes that jobs have started."""
PROGRAMS: dict[str, Callable[[JobClient, str, Say], Awaitable[list[JobHandle[Any]]]]] = {
    "usual": submit_all,
    "households": submit_households,
}


def client_process(
    name: str, store: str, file: str, accepted: str, traps: str, program: str
) -> None:
    """Be a client that submits a program and waits; what was accepted is in a file."""
    failpoints.arm(f"traps={traps}")
    asyncio.run(_client(name, store, file, Path(accepted), program))


async def _client(name: str, store: str, file: str, accepted: Path, program: str) -> None:
    fd = os.open(accepted, os.O_WRONLY | os.O_APPEND | os.O_CREAT)

    def say(handle: JobHandle[Any], value: Any) -> None:
        os.write(fd, (json.dumps([handle.id, value]) + "\n").encode())

    async with JobClient(name=name, store=store) as client:
        await client.gather(await PROGRAMS[program](client, file, say))
