"""How long 10 parents take that each start 100 no-op children and gather them."""

import asyncio

from distributed import worker_client

from parrot_async import current_job
from tests.benchmarks.harness import Sides, both, interleaved, noop, report, seconds_of

PARENTS = 10
CHILDREN = 100


async def parent(_: int) -> int:
    """Start children and await them, on the io worker."""
    children = await current_job().map(noop, range(CHILDREN))
    return len(await children.results())


def sync_parent(_: int) -> int:
    """Start children and wait for them, on a worker of the same pool as theirs."""
    children = current_job().map(noop, range(CHILDREN)).result()
    return len(children.results().result())


def raw_parent(_: int) -> int:
    """Start children and wait for them, as Dask's documentation says."""
    with worker_client() as client:
        return len(client.gather(client.map(noop, range(CHILDREN), pure=False)))


async def ours(sides: Sides, sync: bool) -> float:
    """Seconds with us."""

    async def work() -> list[int]:
        client = sides.ours
        if sync:
            return await client.gather(await client.map(sync_parent, range(PARENTS)))
        return await client.gather(await client.map(parent, range(PARENTS)))

    seconds, counts = await seconds_of(work())
    assert counts == [CHILDREN] * PARENTS
    return seconds


async def raw(sides: Sides) -> float:
    """Seconds with Dask."""

    async def work() -> list[int]:
        futures = sides.raw.map(raw_parent, range(PARENTS), pure=False)
        return list(await sides.raw.gather(futures))

    seconds, counts = await seconds_of(work())
    assert counts == [CHILDREN] * PARENTS
    return seconds


async def measure() -> None:
    """Compare, async parents first; the first round of each imports and is not counted."""
    async with both("children") as sides:
        for warm_up in (ours(sides, False), ours(sides, True), raw(sides)):
            await warm_up
        sync, _ = await interleaved(lambda: ours(sides, True), lambda: raw(sides))
        found = await interleaved(lambda: ours(sides, False), lambda: raw(sides))
    report("children", *found, "s", required="ratio <= 0.5", goal="ours <= 0.5", sync=sync)


def main() -> None:
    """Print one line of JSON."""
    asyncio.run(measure())


if __name__ == "__main__":
    main()
