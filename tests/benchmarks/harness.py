"""What the benchmarks share: two equal clusters, interleaved rounds, one line of JSON."""

import asyncio
import gc
import json
import logging
import os
import statistics
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import Any, Literal, NamedTuple, TypeVar

from distributed import Client, LocalCluster

from parrot_async import JobClient, JobStatus, Pools, cluster
from parrot_async.model import events
from parrot_async.model.models import JobId
from parrot_async.model.tree import JobTree, fold
from parrot_async.settings.places import local_store
from parrot_async.store import open_store

R = TypeVar("R")
Measure = Callable[[], Awaitable[float]]

ROUNDS = 3
POOLS = Pools(cpu=2, gpu=0, io=64)
WARM_UP = 500
SETTLE = 2.0
"""Seconds between two measurements, in which Dask forgets its keys and SQLite its WAL."""


def noop(_: int) -> None:
    """Do nothing: what remains is the price of a job."""


class Sides(NamedTuple):
    """A client of each, on clusters of two single-thread worker processes."""

    ours: JobClient
    raw: Client
    home: Path
    name: str

    def tree(self, root_id: JobId) -> JobTree:
        """Return a tree as the store has it."""
        store = open_store(local_store(self.name))
        try:
            return fold(events.load(body) for _, body in store.events(root_id))
        finally:
            store.close()

    def completed(self, root_id: JobId) -> int:
        """How many children of a root are completed in the store's file."""
        counts = self.tree(root_id).root.child_counts or {}
        return counts.get(JobStatus.COMPLETED, 0)


@contextmanager
def private_home() -> Iterator[Path]:
    """A PARROT_HOME of its own, on a disk and not in memory where the system's default is."""
    with TemporaryDirectory(prefix="parrot-bench-", ignore_cleanup_errors=True) as folder:
        os.environ["PARROT_HOME"] = folder
        yield Path(folder)


@contextmanager
def dask_cluster() -> Iterator[str]:
    """Raw Dask with its defaults, but for the workers; its address."""
    logging.getLogger("distributed").setLevel(logging.CRITICAL)
    with LocalCluster(
        n_workers=2,
        threads_per_worker=1,
        processes=True,
        dashboard_address=":0",
        silence_logs=logging.CRITICAL,
    ) as made:
        yield made.scheduler_address


@asynccontextmanager
async def our_client(name: str) -> AsyncIterator[JobClient]:
    """Our local cluster with all its workers, warmed up."""
    async with JobClient(name=name, pools=POOLS, detach=False) as client:
        await _all_workers(name)
        await client.gather(await client.map(noop, range(WARM_UP)))
        yield client


async def _all_workers(name: str) -> None:
    """Wait for them: the cluster takes jobs before the last one is there."""
    for _ in range(600):
        found = await cluster.status(name)
        if found is not None and found.workers["cpu"] == POOLS.cpu and found.workers["io"]:
            return
        await asyncio.sleep(0.1)
    raise SystemExit("the workers did not start within a minute")


@asynccontextmanager
async def dask_client(address: str) -> AsyncIterator[Client]:
    """A client of raw Dask, warmed up."""
    async with Client(address, asynchronous=True) as client:
        await client.gather(client.map(noop, range(WARM_UP), pure=False))
        yield client


@asynccontextmanager
async def both(benchmark: str) -> AsyncIterator[Sides]:
    """Both clusters at once; only one of them is to be busy at a time."""
    name = f"bench-{benchmark}"
    with private_home() as home, dask_cluster() as address:
        async with our_client(name) as ours, dask_client(address) as raw:
            yield Sides(ours, raw, home, name)


async def interleaved(ours: Measure, raw: Measure, rounds: int = ROUNDS) -> tuple[float, float]:
    """Measure one after the other, several times; the median of each."""
    seen: tuple[list[float], list[float]] = ([], [])
    for _ in range(rounds):
        for figures, measure in zip(seen, (ours, raw), strict=True):
            gc.collect()
            await asyncio.sleep(SETTLE)
            figures.append(await measure())
    return statistics.median(seen[0]), statistics.median(seen[1])


async def seconds_of(work: Awaitable[R]) -> tuple[float, R]:
    """How long it takes, and what it gives."""
    start = perf_counter()
    result = await work
    return perf_counter() - start, result


def report(
    benchmark: str,
    ours: float,
    raw: float | None,
    unit: str,
    *,
    required: str,
    goal: str,
    **more: Any,
) -> None:
    """Print the one line of JSON; `required` and `goal` are as `meets` reads them."""
    figures = {
        "benchmark": benchmark,
        "ours": _rounded(ours),
        "raw": None if raw is None else _rounded(raw),
        "ratio": None if raw is None else _rounded(ours / raw),
        "unit": unit,
        "goal": goal,
        "required": required,
        **{name: _rounded(value) for name, value in more.items()},
        "load": round(os.getloadavg()[0], 1),
    }
    print(json.dumps(figures), flush=True)


def _rounded(value: Any) -> Any:
    """Four significant digits are more than any of these figures is worth."""
    if not isinstance(value, float):
        return value
    return round(value) if abs(value) >= 1000 else float(f"{value:.3g}")


def meets(figures: dict[str, Any], bounds: str) -> bool:
    """Whether figures keep all bounds, such as "ours <= 20, service <= 100"."""
    return all(_within(figures, bound) for bound in bounds.split(", "))


def _within(figures: dict[str, Any], bound: str) -> bool:
    name, sign, limit = bound.split()
    value = float(figures[name])
    return value >= float(limit) if sign == ">=" else value <= float(limit)


def verdict(figures: dict[str, Any]) -> Literal["goal", "required", "missed"]:
    """The highest that was reached."""
    if not meets(figures, figures["required"]):
        return "missed"
    return "goal" if meets(figures, figures["goal"]) else "required"
