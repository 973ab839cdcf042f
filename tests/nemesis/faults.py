"""Faults that kill no process of a cluster, or more than one: each at a point of a job's way."""

import random
import signal
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Final

import anyio
import psutil
from anyio import to_thread

from parrot_async import JobClient, JobStatus, job
from parrot_async.service.engine.silence import LONGEST
from tests.nemesis.checker import check
from tests.nemesis.cluster import PATIENCE, Cluster, through
from tests.nemesis.history import lives
from tests.nemesis.programs import HARMS, LEFT, started_in

HOUR: Final = 3600
UNNOTICED: Final = LONGEST + PATIENCE
"""Seconds in which all ends: an attempt that has run for longer is asked for less often."""
LOSSES: Final = 3
"""Messages that are lost in one run, at most."""
SETTLE: Final = 10.0
"""Seconds after which the processes of a killed job must be gone."""
UNHEARD: Final = "does not have it"
"""Of the error of an attempt whose worker has ended it, and was not heard."""
LOOP: Final = "event loop"
"""Of the errors of attempts that ran on the loop that broke."""


async def lose_events(cluster: Cluster, point: str, chance: random.Random) -> list[str]:
    """Have workers' reports fail, with all that was in them; the client sees every end."""

    async def lose() -> None:
        for _ in range(LOSSES):
            cluster.set_trap(point, chance, "raise=OSError")
            async with cluster.held(point):
                lost.append(point)

    lost: list[str] = []
    with cluster.client() as client, anyio.move_on_after(UNNOTICED):
        async with anyio.create_task_group() as group:
            group.start_soon(lose)
            await to_thread.run_sync(client.join, abandon_on_cancel=True)
            group.cancel_scope.cancel()
        await cluster.rest()
    history = cluster.history()
    history.causes = (UNHEARD,)
    return check(history) + through(client) + ([] if lost else ["fault: no event was lost"])


async def break_the_loop(cluster: Cluster, point: str, chance: random.Random) -> list[str]:
    """Have a job end the loop on which the others run: it alone fails."""
    harm = chance.choice(HARMS)
    harmful = job(harm).options(io=1, timeout=PATIENCE / 2)
    cluster.set_trap(point, chance)
    status = None
    with cluster.client() as client, anyio.move_on_after(PATIENCE):
        async with JobClient(name=cluster.name, store=cluster.url) as harming:
            async with cluster.held(point):
                guilty = await harming.submit(harmful)
            await to_thread.run_sync(client.join, abandon_on_cancel=True)
            status = await guilty.wait()
            await cluster.rest(at_least=2)
    history = cluster.history()
    history.causes = (LOOP,)
    wrong = [] if status is JobStatus.FAILED else [f"fault: {harm.__name__} was {status}"]
    return check(history) + through(client) + wrong


async def kill_with_processes(cluster: Cluster, point: str, chance: random.Random) -> list[str]:
    """Kill a worker whose jobs have processes of every kind: none of them is left."""
    cluster.set_trap(point, chance, most=2)
    with cluster.client("households") as client, anyio.move_on_after(PATIENCE):
        async with cluster.held(point) as caught:
            await anyio.sleep(chance.uniform(0, 0.2))
            psutil.Process(caught).send_signal(signal.SIGKILL)
        await to_thread.run_sync(client.join, abandon_on_cancel=True)
        await cluster.rest()
    started = started_in(f"{cluster.file}{LEFT}")
    with anyio.move_on_after(SETTLE):
        while any(lives(pid) for pid in started):  # noqa: ASYNC110 - the kernel tells nobody
            await anyio.sleep(0.05)
    history = cluster.history()
    history.left = [pid for pid in started if lives(pid)]
    return check(history) + through(client) + ([] if started else ["fault: no process was started"])


async def jump_forward(cluster: Cluster, point: str, chance: random.Random) -> list[str]:
    """Have the clock of the process at the point jump by an hour, while its jobs run."""
    return await _jump(cluster, point, chance, HOUR)


async def jump_back(cluster: Cluster, point: str, chance: random.Random) -> list[str]:
    """Have it jump back by an hour."""
    return await _jump(cluster, point, chance, -HOUR)


async def _jump(cluster: Cluster, point: str, chance: random.Random, seconds: int) -> list[str]:
    cluster.set_trap(point, chance, f"clock={seconds}")
    with cluster.client() as client, anyio.move_on_after(PATIENCE):
        async with cluster.held(point):
            pass
        await to_thread.run_sync(client.join, abandon_on_cancel=True)
        await cluster.rest()
    return check(cluster.history()) + through(client)


@dataclass(frozen=True, slots=True)
class Fault:
    """What is done to a cluster, and at which points."""

    points: tuple[str, ...]
    happen: Callable[[Cluster, str, random.Random], Awaitable[list[str]]]

    async def run(self, cluster: Cluster, point: str, seed: int) -> list[str]:
        """Let it happen once; returns what breaks a promise."""
        return await self.happen(cluster, point, random.Random(f"{self} at {point}, {seed}"))


IN_WORKER: Final = ("started", "result_written", "reporting", "child_done")
IN_SERVICE: Final = ("accepting", "accepted", "sent", "ending", "ended")

FAULTS: Final[Mapping[str, Fault]] = {
    "event lost": Fault(("reporting",), lose_events),
    "loop ended": Fault(IN_WORKER, break_the_loop),
    "process with children": Fault(IN_WORKER, kill_with_processes),
    "clock forward": Fault((*IN_SERVICE, *IN_WORKER), jump_forward),
    "clock back": Fault((*IN_SERVICE, *IN_WORKER), jump_back),
}
"""By name."""
