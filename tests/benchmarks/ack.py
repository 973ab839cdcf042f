"""How long `submit` alone takes, until the job is on disk; the jobs are drained in between.

`disk` is what the disk alone takes in the same run: to append 4 KiB to a file and sync it.
"""

import asyncio
import os
import statistics
from pathlib import Path
from time import perf_counter

from tests.benchmarks.harness import Sides, both, interleaved, noop, report

JOBS = 300
LOOKED_UP = 50
"""Every so many jobs are looked for in the file, after the acknowledgement."""


async def ours(sides: Sides) -> float:
    """Milliseconds with us."""
    times = []
    for number in range(JOBS):
        start = perf_counter()
        handle = await sides.ours.submit(noop, number)
        times.append(perf_counter() - start)
        if number % LOOKED_UP == 0 and handle.id not in sides.tree(handle.id):
            raise SystemExit(f"job {handle.id} was acknowledged and is not in the store")
        await handle
    return 1000 * statistics.median(times)


async def raw(sides: Sides) -> float:
    """Milliseconds with Dask, where nothing is durable and nothing has been sent yet."""
    times = []
    for number in range(JOBS):
        start = perf_counter()
        future = sides.raw.submit(noop, number, pure=False)
        times.append(perf_counter() - start)
        await future
    return 1000 * statistics.median(times)


def disk(file: Path) -> float:
    """Milliseconds that the disk takes."""
    times = []
    with file.open("ab", buffering=0) as opened:
        for _ in range(JOBS):
            start = perf_counter()
            opened.write(bytes(4096))
            os.fdatasync(opened.fileno())
            times.append(perf_counter() - start)
    return 1000 * statistics.median(times)


async def measure() -> None:
    """Compare."""
    async with both("ack") as sides:
        found = await interleaved(lambda: ours(sides), lambda: raw(sides))
        floor = await asyncio.to_thread(disk, sides.home / "disk")
    report("ack", *found, "ms", required="ours <= 3", goal="ours <= 1.5", disk=floor)


def main() -> None:
    """Print one line of JSON."""
    asyncio.run(measure())


if __name__ == "__main__":
    main()
