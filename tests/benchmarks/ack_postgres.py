"""How long `submit` alone takes when the job store is a PostgreSQL on the same machine.

`commit` is what the store alone takes of it: one submission, durable.
"""

import asyncio
import os
import statistics
from time import perf_counter

from parrot_async.model.models import JobStatus
from parrot_async.model.rows import RootRow
from parrot_async.store import Commit, open_store
from tests.benchmarks.ack import JOBS, ours, raw
from tests.benchmarks.harness import both, interleaved, report
from tests.postgres import binaries, running


def commit(url: str) -> float:
    """Milliseconds that the store takes."""
    store, times = open_store(url), []
    for number in range(JOBS):
        root_id = f"commit{number}"
        row = RootRow(root_id, "noop", "tests:noop", "default", JobStatus.COMPLETED, 1.0)
        batch = Commit([(root_id, bytes(1000))], [(root_id, bytes(200))], roots=[row])
        start = perf_counter()
        store.commit(batch)
        times.append(perf_counter() - start)
    store.close()
    return 1000 * statistics.median(times)


async def measure(url: str) -> None:
    """Compare."""
    async with both("ack-postgres") as sides:
        found = await interleaved(lambda: ours(sides), lambda: raw(sides))
        alone = await asyncio.to_thread(commit, url)
    report("ack_postgres", *found, "ms", required="ours <= 5", goal="ours <= 5", commit=alone)


def main() -> None:
    """Print one line of JSON."""
    programs = binaries("wheel")
    assert programs is not None
    with running(programs, durable=True) as server:
        os.environ["PARROT_STORE"] = server.url()
        asyncio.run(measure(server.url()))


if __name__ == "__main__":
    main()
