"""How long `submit` alone takes, until the job is on disk; the jobs are drained in between."""

import asyncio
import statistics
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


async def measure() -> None:
    """Compare."""
    async with both("ack") as sides:
        found = await interleaved(lambda: ours(sides), lambda: raw(sides))
    report("ack", *found, "ms", required="ours <= 3", goal="ours <= 1.5")


def main() -> None:
    """Print one line of JSON."""
    asyncio.run(measure())


if __name__ == "__main__":
    main()
