"""A cluster whose processes are killed one after the other while its clients submit jobs."""

import json
import multiprocessing
import os
import random
import signal
from collections.abc import AsyncIterator, Collection, Iterator
from contextlib import asynccontextmanager, suppress
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

import anyio
import psutil
import pytest

from parrot_async import JobClient, Pools
from parrot_async.cluster import LocalCluster, down, ensure
from parrot_async.faults import CAUGHT, VARIABLE
from parrot_async.models import JobId
from parrot_async.places import data_home
from parrot_async.store import JobStore, open_store
from tests.nemesis.checker import check
from tests.nemesis.history import read
from tests.nemesis.programs import client_process

POOLS = Pools(cpu=1, gpu=0, io=4)
PATIENCE = 30.0
"""Seconds until all that was accepted must have ended after a kill."""
MOST_PASSES = {"acknowledged": 3, "accepting": 3, "accepted": 3, "child_done": 6, "sent": 6}
"""Passes of a point of which every run has at least so many; of others there are ten."""
OF_WORKERS = ("started", "result_written", "child_done")

_processes = multiprocessing.get_context("forkserver")
_processes.set_forkserver_preload(["tests.nemesis.programs"])


class Town:
    """A local cluster, and what its clients and bodies have written down."""

    def __init__(self, name: str, folder: Path) -> None:
        self.name = name
        self.traps = folder / "traps"
        self.file = folder / "executions"
        self.accepted = folder / "accepted"
        self.cluster: LocalCluster | None = None
        self._known: set[JobId] = set()
        self.traps.mkdir(parents=True)

    async def up(self) -> None:
        """Start the cluster, armed."""
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv(VARIABLE, f"traps={self.traps}")
            self.cluster = await ensure(self.name, POOLS)

    async def down(self) -> None:
        """Stop it."""
        await down(self.name)

    @property
    def daemon(self) -> psutil.Process:
        """The process of the scheduler, with the service and the nannies."""
        assert self.cluster is not None
        return psutil.Process(self.cluster.pid)

    def workers(self) -> list[int]:
        """Processes that run jobs: their fork server's children."""
        servers = {child.pid for child in self.daemon.children()}
        below = self.daemon.children(recursive=True)
        return sorted(process.pid for process in below if process.ppid() in servers)

    def store(self) -> JobStore:
        """Open the store beside the service."""
        return open_store(f"sqlite:///{data_home() / self.name / 'jobs.db'}")

    async def run(self, victim: str, point: str, seed: int) -> list[str]:
        """Kill the victim when somebody is at the point; returns what breaks a promise."""
        chance = random.Random(f"{victim} at {point}, {seed}")
        trap = self.traps / point
        trap.write_text(str(chance.randint(1, MOST_PASSES.get(point, 10))))
        client = self._client()
        try:
            with anyio.fail_after(PATIENCE):
                caught = await _caught(trap)
                self._kill(victim, caught, client, chance)
                trap.with_name(point + CAUGHT).unlink()
                if victim == "scheduler":
                    await self._recover()
                if victim == "worker":
                    await anyio.to_thread.run_sync(client.join, abandon_on_cancel=True)
                await self._rest(at_least=0 if victim == "scheduler" else 1)
        finally:
            for left in self.traps.iterdir():
                left.unlink()
            client.kill()
            client.join()
        well = client.exitcode == (0 if victim == "worker" else -signal.SIGKILL)
        return [*self._check(), *([] if well else [f"client: it ended with {client.exitcode}"])]

    def _client(self) -> BaseProcess:
        paths = (str(self.file), str(self.accepted), str(self.traps))
        client = _processes.Process(target=client_process, args=(self.name, *paths))
        client.start()
        return client

    def _kill(self, victim: str, caught: int, client: BaseProcess, chance: random.Random) -> None:
        if victim == "client":
            client.kill()
        elif victim == "scheduler":
            self.daemon.kill()
        else:
            workers = self.workers()
            os.kill(caught if caught in workers else chance.choice(workers), signal.SIGKILL)

    async def _recover(self) -> None:
        await self.up()
        async with JobClient(name=self.name) as client:
            await client.recover()

    async def _rest(self, at_least: int) -> None:
        """Wait until all new trees in the store have ended, which are so many at least."""
        store = self.store()
        try:
            while not self._rests(store, at_least):  # noqa: ASYNC110 - another process tells nobody
                await anyio.sleep(0.02)
        finally:
            store.close()

    def _rests(self, store: JobStore, at_least: int) -> bool:
        new = [row for row in store.roots(limit=10_000) if row.id not in self._known]
        return len(new) >= at_least and all(row.status.terminal for row in new)

    def _new(self, store: JobStore) -> Collection[JobId]:
        return {row.id for row in store.roots(limit=10_000)} - self._known

    def _check(self) -> list[str]:
        expected = dict(_lines(self.accepted))
        store = self.store()
        try:
            roots = self._new(store)
            values = {i: value for i, value in expected.items() if value is not None}
            history = read(store, roots, [i for i in expected if i not in self._known], self.file)
            history.expected = {i: value for i, value in values.items() if i in roots}
            self._known |= set(roots)
            return check(history)
        finally:
            store.close()


async def _caught(trap: Path) -> int:
    """Wait until somebody has stepped on a trap; returns the process."""
    caught = trap.with_name(trap.name + CAUGHT)
    while not caught.exists():  # noqa: ASYNC110 - another process tells nobody
        await anyio.sleep(0.002)
    return int(caught.read_text())


def _lines(path: Path) -> Iterator[list[Any]]:
    with suppress(FileNotFoundError):
        for line in path.read_text().splitlines():
            yield json.loads(line)


@asynccontextmanager
async def town(name: str, folder: Path) -> AsyncIterator[Town]:
    """Have a town for some runs."""
    made = Town(name, folder)
    await made.up()
    try:
        yield made
    finally:
        await made.down()
