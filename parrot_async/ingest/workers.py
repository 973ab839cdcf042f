"""The cluster's workers, as seen from inside a job: which pool embeds, and how large it is."""

import asyncio
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from distributed import Worker

if TYPE_CHECKING:
    from tornado.platform.asyncio import BaseAsyncIOLoop


@dataclass(frozen=True, slots=True)
class EmbeddingPool:
    """The pool of workers that embeds chunks: its label, and how many workers it has."""

    label: str
    workers: int


async def embedding_pool() -> EmbeddingPool:
    """Return the GPU workers where the cluster has some, else the CPU workers."""
    counts = await _workers_by_label()
    label = "gpu" if counts.get("gpu") else "cpu"
    return EmbeddingPool(label, max(1, counts.get(label, 1)))


async def _workers_by_label() -> Counter[str]:
    """Count the workers of each label; empty where the code runs on no worker."""
    worker = next(iter(Worker._instances), None)  # noqa: SLF001  get_worker knows Dask's tasks only
    if worker is None:
        return Counter()
    # A job has an event loop of its own; the worker's connections belong to the worker's loop.
    loop = cast("BaseAsyncIOLoop", worker.loop).asyncio_loop
    asked = asyncio.run_coroutine_threadsafe(worker.scheduler.identity(), loop)
    identity = await asyncio.wrap_future(asked)
    return count_labels(each["resources"] for each in identity["workers"].values())


def count_labels(resources: Iterable[Mapping[str, float]]) -> Counter[str]:
    """Count workers by label; a worker without resources, as in a foreign cluster, is a CPU's."""
    return Counter(label for each in resources for label in each or ("cpu",))
