"""`python -m tests.nemesis.soak [seconds]`: many small jobs and trees for a while, and the memory.

Prints one line of JSON. In ten minutes, the default, 50,000 jobs and a hundred trees pass.
"""

import asyncio
import gc
import json
import os
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass

import anyio
import psutil

from parrot_async import JobClient, Pools, current_job, job
from parrot_async.cluster import down, status

JOBS_PER_STEP = 500
STEP = 6.0
"""Seconds in which these jobs and one tree have to pass."""
BRANCHES = 10


@job(io=1)
async def small(number: int) -> int:
    """Do next to nothing."""
    return number


@job(io=1)
async def tree(number: int) -> int:
    """Wait for ten children."""
    numbers = await (await current_job().map(small, range(number, number + BRANCHES))).results()
    return sum(numbers)


@dataclass(frozen=True, slots=True)
class Soaked:
    """What passed, and how the memory of both sides was, in MB, at each tenth of the time."""

    seconds: float
    jobs: int
    trees: int
    busy_seconds: float
    """In which there was anything to do."""
    client_mb: list[float]
    scheduler_mb: list[float]

    def grown(self) -> tuple[float, float]:
        """MB that client and scheduler have grown by in the second half."""
        half = len(self.client_mb) // 2
        return tuple(mb[-1] - mb[half] for mb in (self.client_mb, self.scheduler_mb))  # type: ignore[return-value]


async def soak(seconds: float, name: str = "soak") -> Soaked:
    """Have a cluster of its own work for so long."""
    async with JobClient(name=name, pools=Pools(cpu=1, gpu=0, io=64)) as client:
        running = await status(name)
        assert running is not None
        sides = psutil.Process(), psutil.Process(running.record.pid)
        steps, memory, busy = max(1, round(seconds / STEP)), [_memory(sides)], 0.0
        for number in range(steps):
            began = time.monotonic()
            await _step(client, number)
            took = time.monotonic() - began
            busy += took
            await anyio.sleep(max(0.0, STEP - took))
            if (number + 1) * 10 // steps > number * 10 // steps:
                memory.append(_memory(sides))
    await down(name)
    client_mb, scheduler_mb = map(list, zip(*memory, strict=True))
    return Soaked(
        steps * STEP, steps * JOBS_PER_STEP, steps, round(busy, 1), client_mb, scheduler_mb
    )


async def _step(client: JobClient, number: int) -> None:
    jobs = await client.map(small, range(JOBS_PER_STEP))
    parent = await client.submit(tree, number)
    assert await client.gather(jobs) == list(range(JOBS_PER_STEP))
    assert await parent == sum(range(number, number + BRANCHES))


def _memory(sides: Sequence[psutil.Process]) -> list[float]:
    gc.collect()
    return [round(side.memory_full_info().uss / 1e6, 1) for side in sides]


def main() -> None:
    """Run it in a home of its own."""
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 600.0
    with tempfile.TemporaryDirectory(prefix="soak-") as home:
        os.environ.setdefault("PARROT_HOME", home)
        print(json.dumps(asdict(asyncio.run(soak(seconds)))))


if __name__ == "__main__":
    main()
