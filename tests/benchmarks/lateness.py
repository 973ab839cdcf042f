"""How late the caller's loop gets while 20,000 jobs pass through `map` and `gather`.

`starved` is the part of our worst lateness in which the thread waited for a core: on a machine with
more cores, or with nothing else to do, it would not have been.
"""

import asyncio
import statistics
import threading
from collections.abc import Awaitable
from pathlib import Path
from time import perf_counter
from typing import Any, NamedTuple

from tests.benchmarks.harness import Sides, both, interleaved, noop, report

JOBS = 20_000
INTERVAL = 0.005


class Beat(NamedTuple):
    """How late the loop was once, and for how long of that it had no core; seconds."""

    late: float
    starved: float


async def beat(beats: list[Beat]) -> None:
    """Wake up as often as a user interface would, and note how much too late."""
    while True:
        due, waited = perf_counter() + INTERVAL, _waited_for_core()
        await asyncio.sleep(INTERVAL)
        beats.append(Beat(perf_counter() - due, _waited_for_core() - waited))


def _waited_for_core() -> float:
    """Seconds that this thread was ready and had no core, ever; 0 where Linux does not tell."""
    file = Path(f"/proc/self/task/{threading.get_native_id()}/schedstat")
    return int(file.read_text().split()[1]) / 1e9 if file.exists() else 0.0


async def worst(work: Awaitable[Any]) -> Beat:
    """The worst lateness in the meantime."""
    beats: list[Beat] = []
    beating = asyncio.create_task(beat(beats))
    await asyncio.sleep(2 * INTERVAL)
    try:
        await work
        await asyncio.sleep(2 * INTERVAL)
    finally:
        beating.cancel()
    return max(beats)


async def compare(sides: Sides) -> tuple[float, float, float]:
    """Milliseconds with us and with Dask, and for how long of ours there was no core."""
    starved = []

    async def ours() -> float:
        async def work() -> None:
            await sides.ours.gather(await sides.ours.map(noop, range(JOBS)))

        found = await worst(work())
        starved.append(1000 * found.starved)
        return 1000 * found.late

    async def raw() -> float:
        found = await worst(sides.raw.gather(sides.raw.map(noop, range(JOBS), pure=False)))
        return 1000 * found.late

    return (*await interleaved(ours, raw), statistics.median(starved))


async def measure() -> None:
    """Compare."""
    async with both("lateness") as sides:
        ours, raw, starved = await compare(sides)
    bounds = {"required": "ours <= 50", "goal": "ours <= 20"}
    report("lateness", ours, raw, "ms", **bounds, starved=starved)


def main() -> None:
    """Print one line of JSON."""
    asyncio.run(measure())


if __name__ == "__main__":
    main()
