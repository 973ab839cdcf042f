"""Where the chunks of an ingestion are embedded, as seen from inside its job."""

import asyncio
from collections import Counter
from dataclasses import dataclass

from distributed import Worker


@dataclass(frozen=True, slots=True)
class Place:
    """A pool of workers, and how many they are."""

    pool: str
    workers: int


async def best_place() -> Place:
    """The GPU workers where the cluster has some, else the CPU workers."""
    counts = await _workers_by_pool()
    pool = "gpu" if counts.get("gpu") else "cpu"
    return Place(pool, max(1, counts.get(pool, 1)))


async def _workers_by_pool() -> dict[str, int]:
    """How many workers each label has; empty where the code runs on no worker."""
    worker = next(iter(Worker._instances), None)  # noqa: SLF001  get_worker knows Dask's tasks only
    if worker is None:
        return {}
    # A job has a loop of its own, the worker's connections belong to the worker's.
    loop = worker.loop.asyncio_loop  # type: ignore[attr-defined]
    asked = asyncio.run_coroutine_threadsafe(worker.scheduler.identity(), loop)
    identity = await asyncio.wrap_future(asked)
    counts: Counter[str] = Counter()
    for each in identity["workers"].values():
        counts.update(dict.fromkeys(each["resources"] or ("cpu",), 1))
    return dict(counts)
