"""How long one no-op job takes from submit to its result, with nothing else to do."""

import asyncio
import statistics
from collections.abc import Awaitable, Callable

from tests.benchmarks.harness import Sides, both, interleaved, noop, report, seconds_of

JOBS = 200


async def median(once: Callable[[int], Awaitable[None]]) -> float:
    """Milliseconds of the median job, one at a time."""
    times = [(await seconds_of(once(number)))[0] for number in range(JOBS)]
    return 1000 * statistics.median(times)


async def compare(sides: Sides) -> tuple[float, float]:
    """Milliseconds with us and with Dask."""

    async def ours(number: int) -> None:
        await (await sides.ours.submit(noop, number))

    async def raw(number: int) -> None:
        await sides.raw.submit(noop, number, pure=False)

    return await interleaved(lambda: median(ours), lambda: median(raw))


async def measure() -> None:
    """Compare."""
    async with both("latency") as sides:
        found = await compare(sides)
    report("latency", *found, "ms", required="ratio <= 0.7", goal="ours <= 5")


def main() -> None:
    """Print one line of JSON."""
    asyncio.run(measure())


if __name__ == "__main__":
    main()
