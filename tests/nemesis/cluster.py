"""A cluster whose processes are killed one after the other while its clients submit jobs."""

import json
import multiprocessing
import os
import random
import signal
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, closing, suppress
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

import anyio
import psutil
import pytest

from parrot_async import JobClient, Pools
from parrot_async.cluster import LocalCluster, down, ensure
from parrot_async.model.models import JobId
from parrot_async.settings.failpoints import CAUGHT, VARIABLE
from parrot_async.settings.places import data_home
from parrot_async.store import JobStore, open_store
from tests.nemesis.checker import check
from tests.nemesis.history import read
from tests.nemesis.programs import client_process, nanny_process
from tests.postgres import Server

SLOTS = 4
PATIENCE = 40.0
"""Seconds until all that was accepted must have ended after a kill."""
MOST_PASSES = {
    "started": 10,
    "result_written": 10,
    "child_done": 6,
    "sent": 4,
    "ending": 4,
    "ended": 4,
}
"""Passes of a point of which every run has at least so many, in one process; else three."""

_processes = multiprocessing.get_context("forkserver")
_processes.set_forkserver_preload(["tests.nemesis.programs"])


class Cluster:
    """A local cluster, and what its clients and bodies have written down.

    With a `server` it has its job store there; with `far` its io worker and that one's nanny are
    not the daemon's children, as on another machine.
    """

    def __init__(
        self, name: str, folder: Path, server: Server | None = None, *, far: bool = False
    ) -> None:
        self.name = name
        self.traps = folder / "traps"
        self.file = folder / "executions"
        self.accepted = folder / "accepted"
        self.server = server
        self.url = server.url() if server else f"sqlite:///{data_home() / name / 'jobs.db'}"
        self.cluster: LocalCluster | None = None
        self.far = far
        self.nanny: BaseProcess | None = None
        self._known: set[JobId] = set()
        self.traps.mkdir(parents=True)

    async def up(self) -> None:
        """Start the cluster, armed."""
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv(VARIABLE, f"traps={self.traps}")
            pools = Pools(cpu=1, gpu=0, io=0 if self.far else SLOTS)
            self.cluster = await ensure(self.name, pools, store=self.url)
        if self.far:
            await self._start_nanny()

    async def down(self) -> None:
        """Stop it."""
        if self.nanny is not None:
            self.nanny.kill()
        await down(self.name, store=self.url)

    async def run(self, victim: str, point: str, seed: int) -> list[str]:
        """Kill the victim when somebody is at the point; returns what breaks a promise."""
        chance = random.Random(f"{victim} at {point}, {seed}")
        trap = self.traps / point
        trap.write_text(str(chance.randint(1, MOST_PASSES.get(point, 3))))
        client = self._client()
        try:
            with anyio.fail_after(PATIENCE):
                caught = await _caught(trap)
                self._kill(victim, caught, client, chance)
                trap.with_name(point + CAUGHT).unlink()
                await self._heal(victim)
                if victim in ("worker", "nanny", "postgres"):
                    await anyio.to_thread.run_sync(client.join, abandon_on_cancel=True)
                await self._rest(at_least=1 if victim in ("client", "worker", "nanny") else 0)
        finally:
            for left in self.traps.iterdir():
                left.unlink()
            client.kill()
            client.join()
        objections = self._check()
        if victim in ("worker", "nanny") and client.exitcode:
            objections.append(f"client: it ended with {client.exitcode}")
        return objections

    def _client(self) -> BaseProcess:
        paths = (str(self.file), str(self.accepted), str(self.traps))
        client = _processes.Process(target=client_process, args=(self.name, self.url, *paths))
        client.start()
        return client

    # Killing and healing.

    @property
    def _daemon(self) -> psutil.Process:
        """The process of the scheduler, with the service and the nannies."""
        assert self.cluster is not None
        return psutil.Process(self.cluster.pid)

    def _workers(self) -> list[int]:
        """Processes that run jobs: the children of fork servers."""
        above = [self._daemon] if self.nanny is None else [self._daemon, _process(self.nanny)]
        servers = {child.pid for parent in above for child in parent.children()}
        below = [child for parent in above for child in parent.children(recursive=True)]
        return sorted(process.pid for process in below if process.ppid() in servers)

    def _kill(self, victim: str, caught: int, client: BaseProcess, chance: random.Random) -> None:
        if victim == "client":
            client.kill()
        elif victim == "scheduler":
            self._daemon.kill()
        elif victim == "nanny" and self.nanny is not None:
            self.nanny.kill()
        elif victim == "postgres" and self.server is not None:
            self.server.kill()
        else:
            workers = self._workers()
            os.kill(caught if caught in workers else chance.choice(workers), signal.SIGKILL)

    async def _heal(self, victim: str) -> None:
        """Bring back what nobody but the user would."""
        if victim == "scheduler":
            await self.up()
            async with JobClient(name=self.name, store=self.url) as client:
                await client.recover()
        elif victim == "nanny":
            await self._start_nanny()
        elif victim == "postgres" and self.server is not None:
            await anyio.to_thread.run_sync(self.server.start)

    async def _start_nanny(self) -> None:
        if self.nanny is not None:
            self.nanny.join()
        args = (self.cluster, SLOTS, str(self.traps))
        self.nanny = _processes.Process(target=nanny_process, args=args)
        self.nanny.start()

    # What there is then.

    async def _rest(self, at_least: int) -> None:
        """Wait until all new trees in the store have ended, which are so many at least."""
        with closing(open_store(self.url)) as store:
            while not self._rests(store, at_least):  # noqa: ASYNC110 - a process tells nobody
                await anyio.sleep(0.02)

    def _rests(self, store: JobStore, at_least: int) -> bool:
        new = [row for row in store.roots(limit=10_000) if row.id not in self._known]
        return len(new) >= at_least and all(row.status.terminal for row in new)

    def _check(self) -> list[str]:
        expected = dict(_lines(self.accepted))
        accepted = [root_id for root_id in expected if root_id not in self._known]
        with closing(open_store(self.url)) as store:
            new = {row.id for row in store.roots(limit=10_000)} - self._known
            history = read(store, new, accepted, self.file)
        values = {i: value for i, value in expected.items() if value is not None}
        history.expected = {i: value for i, value in values.items() if i in new}
        self._known |= new | set(accepted)
        return check(history)


def _process(process: BaseProcess) -> psutil.Process:
    return psutil.Process(process.pid)


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
async def lived_in(cluster: Cluster) -> AsyncIterator[Cluster]:
    """Have a cluster up for some runs."""
    await cluster.up()
    try:
        yield cluster
    finally:
        await cluster.down()
