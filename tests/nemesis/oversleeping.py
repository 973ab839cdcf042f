"""A service that is stopped for longer than its lease, while another takes over its trees."""

import random
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

import anyio
from anyio import to_thread
from anyio.abc import TaskStatus

from parrot_async import JobClient
from parrot_async.model.models import JobId
from parrot_async.service.custody.lease import LEASE
from tests.nemesis.checker import check
from tests.nemesis.cluster import PATIENCE, Cluster, lived_in, through
from tests.nemesis.history import Lapse
from tests.nemesis.programs import leaf
from tests.postgres import Server

POINTS: Final = ("accepted", "sent", "started", "result_written", "ending", "ended", "child_done")
"""Where somebody is when the service stops."""
ROOTS: Final = 3
"""Trees of one client."""
SHORT: Final = 15.0
LONG: Final = 60.0
"""Seconds for which the service is stopped, each time and at night."""


class Pair:
    """Two local clusters on one job store; the service of the first is stopped now and then."""

    def __init__(self, first: Cluster, second: Cluster) -> None:
        self.first = first
        self.second = second

    async def run(self, point: str, seed: int, seconds: float = SHORT) -> list[str]:
        """Stop the first service when somebody is at the point; returns what breaks a promise."""
        chance = random.Random(f"service stopped at {point}, {seed}")
        first = self.first
        first.set_trap(point, chance)
        batches: list[int] = []
        with anyio.fail_after(seconds + PATIENCE), first.client() as client:
            async with first.held(point):
                workers = first.workers()
                first.daemon.send_signal(signal.SIGSTOP)
            async with anyio.create_task_group() as group:
                try:
                    claimed = await self._take_over(seconds, chance)
                    if len(claimed) == ROOTS:
                        await group.start(self._note_batches, chance, batches)
                finally:
                    first.daemon.send_signal(signal.SIGCONT)
                await to_thread.run_sync(client.join, abandon_on_cancel=True)
                group.cancel_scope.cancel()
            await first.rest()
            goes_on = await self._goes_on()
        history = first.history()
        history.lapse = Lapse(workers, len(batches))
        return check(history) + through(client) + goes_on

    async def _note_batches(
        self, chance: random.Random, batches: list[int], *, task_status: TaskStatus[None]
    ) -> None:
        """Note each batch that the first service sends."""
        self.first.set_trap("sent", chance, most=1)
        task_status.started()
        try:
            while True:
                async with self.first.held("sent") as service:
                    batches.append(service)
                self.first.set_trap("sent", chance, most=1)
        finally:
            self.first.take_trap("sent")

    async def _take_over(self, seconds: float, chance: random.Random) -> list[JobId]:
        """Go on elsewhere with what the stopped service had, as soon as its lease is over."""
        until = anyio.current_time() + seconds
        async with JobClient(name=self.second.name, store=self.second.url) as client:
            await anyio.sleep(LEASE)
            claimed = [handle.id for handle in await client.recover()]
            while not claimed:
                await anyio.sleep(0.1)
                claimed = [handle.id for handle in await client.recover()]
            # The other one wakes up at any moment of what goes on now.
            await anyio.sleep_until(until - chance.uniform(0, seconds - LEASE - 1))
        return claimed

    async def _goes_on(self) -> list[str]:
        """Have the first service run another job."""
        async with JobClient(name=self.first.name, store=self.first.url) as client:
            value = await client.run(leaf, str(self.first.file), 5)
        return [] if value == 25 else [f"fault: the service that was stopped gave {value!r}"]


@asynccontextmanager
async def pair_on(server: Server, folder: Path) -> AsyncIterator[Pair]:
    """Have two clusters on one server, for some runs."""
    async with (
        lived_in(Cluster("first", folder / "first", server)) as first,
        lived_in(Cluster("second", folder / "second", server)) as second,
    ):
        yield Pair(first, second)
