"""What recording costs: no-op jobs a second through `map`, beside a service that keeps nothing.

Both services run under Dask's own commands, so that one of them can be given another store.
"""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager
from pathlib import Path

from parrot_async import JobClient, job
from parrot_async.errors import ClusterError
from tests.benchmarks.harness import WARM_UP, interleaved, noop, private_home, report, seconds_of
from tests.benchmarks.map import JOBS
from tests.dask_commands import command, free_port

ROUNDS = 15
"""Of five, the same code gave ratios from 0.82 to 1.0: the speed of a machine moves meanwhile."""
patient = job(wait_for_workers=True)(noop)
PRELOADS = ("parrot_async.service.preload", "tests.benchmarks.forgetful")


@contextmanager
def cluster(home: Path, preload: str) -> Iterator[str]:
    """A scheduler with a service, and two workers of one thread; its address."""
    home.mkdir()
    port = free_port()
    address = f"tcp://127.0.0.1:{port}"
    here = ("--host", "127.0.0.1", "--port", str(port), "--no-dashboard")
    with ExitStack() as stack:
        stack.enter_context(command(home, "scheduler", *here, "--preload", preload))
        for _ in range(2):
            one = ("--nthreads", "1", "--no-dashboard", "--resources", "cpu=1000000")
            stack.enter_context(command(home, "worker", address, *one))
        yield address


@asynccontextmanager
async def client_of(address: str) -> AsyncIterator[JobClient]:
    """A client, when the scheduler is there and has run something."""
    for _ in range(300):
        try:
            client = await JobClient(address)
            break
        except ClusterError:
            await asyncio.sleep(0.1)
    else:
        raise SystemExit(f"no scheduler answers at {address}")
    async with client:
        await client.gather(await client.map(patient, range(WARM_UP)))
        yield client


async def rate(client: JobClient) -> float:
    """Jobs a second."""

    async def work() -> None:
        await client.gather(await client.map(noop, range(JOBS)))

    seconds, _ = await seconds_of(work())
    return JOBS / seconds


async def measure(home: Path) -> None:
    """Compare."""
    kept, forgetful = (home / name for name in ("kept", "forgetful"))
    with cluster(kept, PRELOADS[0]) as ours, cluster(forgetful, PRELOADS[1]) as other:
        async with client_of(ours) as client, client_of(other) as beside:
            found = await interleaved(lambda: rate(client), lambda: rate(beside), rounds=ROUNDS)
    report("recording", *found, "jobs/s", required="ratio >= 0.85", goal="ratio >= 0.9")


def main() -> None:
    """Print one line of JSON."""
    with private_home() as home:
        asyncio.run(measure(home))


if __name__ == "__main__":
    main()
