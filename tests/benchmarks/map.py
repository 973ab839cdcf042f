"""How many no-op jobs a second pass through `map` and `gather`, each tracked and durable."""

import asyncio

from tests.benchmarks.harness import Sides, both, interleaved, noop, report, seconds_of

JOBS = 10_000


async def ours(sides: Sides) -> float:
    """Jobs a second with us; all of them must be completed in the store's file."""

    async def work() -> str:
        handles = await sides.ours.map(noop, range(JOBS))
        await sides.ours.gather(handles)
        return handles.root.id

    seconds, root_id = await seconds_of(work())
    if (done := await asyncio.to_thread(sides.completed, root_id)) != JOBS:
        raise SystemExit(f"the store has {done} of {JOBS} jobs completed")
    return JOBS / seconds


async def raw(sides: Sides) -> float:
    """Tasks a second with Dask; nothing of them remains."""

    async def work() -> None:
        await sides.raw.gather(sides.raw.map(noop, range(JOBS), pure=False))

    seconds, _ = await seconds_of(work())
    return JOBS / seconds


async def measure() -> None:
    """Compare."""
    async with both("map") as sides:
        found = await interleaved(lambda: ours(sides), lambda: raw(sides))
    report("map", *found, "jobs/s", required="ratio >= 5", goal="ours >= 5000")


def main() -> None:
    """Print one line of JSON."""
    asyncio.run(measure())


if __name__ == "__main__":
    main()
