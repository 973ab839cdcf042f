"""`python -m tests.nemesis.nasty [jobs]`: nasty jobs among as many innocent ones.

Prints one line of JSON, and each violation before it. 10,000 of either kind is the default.
"""

import asyncio
import inspect
import json
import os
import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

import anyio
import psutil

from parrot_async import JobClient, JobHandles, JobStatus, Pools, job
from parrot_async.cluster import down, status
from tests.nemesis.nasty_bodies import SLEEPS, bodies

STEP = 250
"""Jobs of each kind that are submitted together."""
SLOTS = 16
MOST_GROWN = 0.25
"""Share of its memory by which no process may grow in the second half."""
PATIENCE = 60.0
"""Seconds in which all jobs of a step end."""
SETTLE = 3.0
"""Seconds after which what a job left behind must be gone."""


@job(cpu=1)
def sync_nasty(name: str) -> Any:
    """Run a sync body on a cpu slot."""
    return bodies[name][0]()


@job(io=1)
def io_nasty(name: str) -> Any:
    """Run a sync body in a thread of the io worker."""
    return bodies[name][0]()


@job(io=1)
async def async_nasty(name: str) -> Any:
    """Run an async body on the loop that all async jobs share."""
    return await bodies[name][0]()


@job(cpu=1)
def square(number: int) -> int:
    """Be innocent in a thread."""
    return number * number


@job(io=1)
async def double(number: int) -> int:
    """Be innocent on the loop."""
    await asyncio.sleep(0.001)
    return 2 * number


NASTY = (sync_nasty, io_nasty, async_nasty)


class Stress:
    """Submits both kinds in steps, and keeps what was wrong."""

    def __init__(self, client: JobClient, seed: int = 0) -> None:
        self._client = client
        self._chance = random.Random(seed)
        self.wrong: list[str] = []
        self.ended: Counter[str] = Counter()

    async def step(self, size: int) -> None:
        """Have `size` jobs of each kind run and judge their ends."""
        names = self._chance.choices(list(bodies), k=size)
        groups = [[name for name in names if self._runner(name) is fn] for fn in NASTY]
        nasty = [
            await self._client.map(fn, group)
            for fn, group in zip(NASTY, groups, strict=True)
            if group
        ]
        numbers = range(size // 2)
        innocent = [await self._client.map(fn, numbers) for fn in (square, double)]
        with anyio.move_on_after(PATIENCE):
            for handles in (*innocent, *nasty):
                await self._client.gather(handles, return_exceptions=True)
        for handles, group in zip(nasty, filter(None, groups), strict=True):
            self._judge_ends(group, handles)
        for handles, wanted in zip(
            innocent, ([n * n for n in numbers], [2 * n for n in numbers]), strict=True
        ):
            await self._judge_values(handles, wanted)

    def _runner(self, name: str) -> Any:
        if inspect.iscoroutinefunction(bodies[name][0]):
            return async_nasty
        return sync_nasty if len(name) % 2 else io_nasty

    async def _judge_values(self, handles: JobHandles[Any], wanted: Sequence[int]) -> None:
        for handle, right in zip(handles, wanted, strict=True):
            value = await handle.result() if handle.status is JobStatus.COMPLETED else handle.status
            self.ended["innocent"] += handle.status.terminal
            if value != right:
                self.wrong.append(f"an innocent job gave {value!r} instead of {right}")

    def _judge_ends(self, names: Sequence[str], handles: JobHandles[Any]) -> None:
        for name, handle in zip(names, handles, strict=True):
            self.ended["nasty"] += handle.status.terminal
            if handle.status not in bodies[name][1]:
                self.wrong.append(f"{name} was {handle.status}, in job {handle.id}")


Memory = dict[int, float]


def memory(pid: int) -> Memory:
    """Return the megabytes of the service's process, and of each process below it."""
    service, found = psutil.Process(pid), {}
    for process in [service, *service.children(recursive=True)]:
        with suppress(psutil.NoSuchProcess):  # a zombie among them
            found[process.pid] = process.memory_full_info().uss / 1e6
    return found


def left_over() -> list[str]:
    """Return the processes that jobs have left behind, wherever they hang now."""
    wanted = ["sleep", str(SLEEPS)]
    return [
        f"process {one.pid} was left behind"
        for one in psutil.process_iter(["cmdline"])
        if one.info["cmdline"] == wanted
    ]


def changed(before: Memory, half: Memory, after: Memory) -> list[str]:
    """Return which processes are new, and which grew in the second half."""
    return [_described(pid) for pid in after.keys() - before.keys()] + [
        f"process {pid} grew from {half[pid]:.0f} to {mb:.0f} MB"
        for pid, mb in after.items()
        if pid in half and mb > half[pid] * (1 + MOST_GROWN)
    ]


def _described(pid: int) -> str:
    with suppress(psutil.NoSuchProcess):
        process = psutil.Process(pid)
        return f"process {pid} is new, {process.status()}: {process.cmdline()}"
    return f"process {pid} was new"


async def stress(size: int, name: str = "nasty") -> dict[str, Any]:
    """Have a cluster of its own run `size` nasty jobs among as many innocent ones."""
    began = time.monotonic()
    async with JobClient(name=name, pools=Pools(cpu=2, gpu=0, io=SLOTS)) as client:
        running = await status(name)
        assert running is not None
        told = Stress(client)
        sizes = [memory(running.record.pid)]
        for _ in range(2):
            for _ in range(size // STEP // 2):
                await told.step(STEP)
            await asyncio.sleep(SETTLE)
            sizes.append(memory(running.record.pid))
        told.wrong += left_over() + changed(*sizes)
    await down(name)
    return {
        "seconds": round(time.monotonic() - began, 1),
        "bodies": len(bodies),
        "ended": dict(told.ended),
        "memory_mb": [round(sum(mb.values())) for mb in sizes],
        "violations": told.wrong,
    }


def main() -> None:
    """Run it in a home of its own."""
    size = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000
    with tempfile.TemporaryDirectory(prefix="nasty-") as home:
        os.environ.setdefault("PARROT_HOME", home)
        found = asyncio.run(stress(size))
    for line, times in Counter(found["violations"]).items():
        print(f"{times} times: {line}", file=sys.stderr)
    print(json.dumps(found | {"violations": len(found["violations"])}))
    sys.exit(bool(found["violations"]))


if __name__ == "__main__":
    main()
