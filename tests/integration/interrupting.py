"""What tests of recovery share: jobs that leave a trace, and the death of all processes at once."""

import os
import signal
import subprocess
import sys

import anyio
import psutil

from parrot_async import JobClient, Plan, Pools, current_job, job, result_of
from parrot_async.cluster.folder import Folder
from parrot_async.cluster.processes import members
from tests.integration.traces import leave

POOLS = Pools(cpu=1, gpu=0, io=2)


@job
async def traces(folder: str, name: str, seconds: float = 0.05) -> str:
    """Leave a trace of each execution that came to its end."""
    await anyio.sleep(seconds)
    leave(folder, name)
    return name


@job
async def body(folder: str, count: int) -> list[str]:
    names = [f"child{n}" for n in range(count)]
    return await (await current_job().map(traces, [folder] * count, names)).results()


def whole(folder: str, children: int, steps: int) -> Plan:
    """A plan with a body that has children, steps beside it, and one that needs a step."""
    first = traces.bind(folder, "first")
    beside = Plan("beside", [traces.bind(folder, f"step{n}") for n in range(steps)])
    return Plan(
        "whole", [first, body.bind(folder, children), beside, joins.bind(result_of(first), "!")]
    )


@job
def joins(left: str, right: str) -> str:
    return left + right


def client_process(name: str, call: str) -> subprocess.Popen[bytes]:
    """Start a process that submits and waits, and that can be killed."""
    code = (
        f"import anyio; from tests.integration.interrupting import *; "
        f"anyio.run(submit_and_wait, {name!r}, lambda: {call})"
    )
    return subprocess.Popen([sys.executable, "-c", code])


async def submit_and_wait(name: str, make: object) -> None:
    """Submit a plan and wait for its end."""
    async with JobClient(name=name, pools=POOLS) as client:
        await client.run(make())  # type: ignore[operator]


def kill_all(name: str, *others: int) -> None:
    """Kill -9 the daemon, its nannies and workers, and other processes, at once.

    Also of a cluster that an earlier state of the package's code has started.
    """
    root = Folder.of(name).root
    folders = [Folder(root, lock.parent) for lock in root.glob("*/running.lock")]
    holders = [holder for folder in folders if (holder := folder.holder()) is not None]
    doomed = [process for holder in holders for process in members(holder)]
    assert doomed
    for pid in [*(process.pid for process in doomed), *others]:
        os.kill(pid, signal.SIGKILL)
    psutil.wait_procs(doomed, timeout=10)
