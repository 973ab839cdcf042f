"""`python -m tests.nemesis [runs]`: kill each victim at each point, and print the summary table."""

import asyncio
import os
import sys
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import anyio

from parrot_async.settings.failpoints import POINTS
from tests.nemesis.cluster import Cluster, lived_in
from tests.postgres import Server, binaries

VICTIMS = ("client", "worker", "scheduler", "nanny", "postgres")


@asynccontextmanager
async def cluster_of(victim: str, folder: Path) -> AsyncIterator[Cluster]:
    """Have the cluster up in which this victim can be killed."""
    programs = binaries("wheel")
    if victim != "postgres" or programs is None:
        async with lived_in(Cluster(victim, folder, far=victim == "nanny")) as cluster:
            yield cluster
        return
    server = await anyio.to_thread.run_sync(Server, programs)
    await anyio.to_thread.run_sync(server.start)
    try:
        async with lived_in(Cluster(victim, folder, server)) as cluster:
            yield cluster
    finally:
        await anyio.to_thread.run_sync(server.remove)


async def reign(runs: int, folder: Path) -> Counter[tuple[str, str]]:
    """Kill everything `runs` times; returns the violations by victim and point, and prints them."""
    found: Counter[tuple[str, str]] = Counter()
    for victim in VICTIMS:
        async with cluster_of(victim, folder / victim) as cluster:
            for point in POINTS:
                print(f"{victim} at {point}", file=sys.stderr, flush=True)
                for seed in range(runs):
                    for objection in await cluster.run(victim, point, seed):
                        found[victim, point] += 1
                        print(f"{victim} at {point}, seed {seed}: {objection}", flush=True)
    return found


def table(found: Counter[tuple[str, str]], runs: int) -> str:
    """Return the violations as Markdown, a row for each point."""
    rows: list[Sequence[str]] = [
        ["", *VICTIMS],
        ["---", *["---:"] * len(VICTIMS)],
        *([f"`{point}`", *(f"{found[v, point]} of {runs}" for v in VICTIMS)] for point in POINTS),
    ]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def main() -> None:
    """Run it in a home of its own."""
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else 3
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="nemesis-") as name:
        os.environ.setdefault("PARROT_HOME", str(Path(name, "home")))
        found = asyncio.run(reign(runs, Path(name)))
    kills, minutes = runs * len(POINTS) * len(VICTIMS), (time.monotonic() - began) / 60
    print(table(found, runs))
    print(f"\n{kills} kills, {found.total()} violations, {minutes:.0f} minutes.")
    sys.exit(bool(found))


if __name__ == "__main__":
    main()
