"""A cluster whose processes are killed one after the other while its clients submit jobs."""

import json
import multiprocessing
import os
import random
import signal
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, closing, contextmanager, suppress
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
from tests.nemesis.history import History, read
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
        self.set_trap(point, chance)
        with self.client() as client, anyio.fail_after(PATIENCE):
            async with self.held(point) as caught:
                self._kill(victim, caught, client, chance)
            await self._heal(victim)
            if victim in ("worker", "nanny", "postgres"):
                await anyio.to_thread.run_sync(client.join, abandon_on_cancel=True)
            await self.rest(at_least=1 if victim in ("client", "worker", "nanny") else 0)
        objections = check(self.history())
        return objections + (through(client) if victim in ("worker", "nanny") else [])

    @contextmanager
    def client(self, program: str = "usual") -> Iterator[BaseProcess]:
        """Have a client process submit a program; in the end it is gone, and so are all traps."""
        paths = (str(self.file), str(self.accepted), str(self.traps))
        args = (self.name, self.url, *paths, program)
        client = _processes.Process(target=client_process, args=args)
        client.start()
        try:
            yield client
        finally:
            for left in self.traps.iterdir():
                left.unlink()
            client.kill()
            client.join()

    def set_trap(self, point: str, chance: random.Random, action: str = "", most: int = 0) -> None:
        """Have a process caught at a pass that chance draws, which does the action first."""
        number = chance.randint(1, most or MOST_PASSES.get(point, 3))
        (self.traps / point).write_text(f"{number}:{action}")

    def take_trap(self, point: str) -> None:
        """Have nobody caught at a point any more, and let go who is."""
        for name in (point, point + CAUGHT):
            (self.traps / name).unlink(missing_ok=True)

    @asynccontextmanager
    async def held(self, point: str) -> AsyncIterator[int]:
        """Wait until a process is caught at a point, and hold it there meanwhile."""
        caught = self.traps / (point + CAUGHT)
        while not caught.exists():  # noqa: ASYNC110 - another process tells nobody
            await anyio.sleep(0.002)
        try:
            yield int(caught.read_text())
        finally:
            caught.unlink(missing_ok=True)

    # Killing and healing.

    @property
    def daemon(self) -> psutil.Process:
        """The process of the scheduler, with the service and the nannies."""
        assert self.cluster is not None
        return psutil.Process(self.cluster.pid)

    def workers(self) -> list[int]:
        """Return the processes that run jobs: the children of fork servers."""
        above = [self.daemon] if self.nanny is None else [self.daemon, _process(self.nanny)]
        servers = {child.pid for parent in above for child in parent.children()}
        below = [child for parent in above for child in parent.children(recursive=True)]
        return sorted(process.pid for process in below if process.ppid() in servers)

    def _kill(self, victim: str, caught: int, client: BaseProcess, chance: random.Random) -> None:
        if victim == "client":
            client.kill()
        elif victim == "scheduler":
            self.daemon.kill()
        elif victim == "nanny" and self.nanny is not None:
            self.nanny.kill()
        elif victim == "postgres" and self.server is not None:
            self.server.kill()
        else:
            workers = self.workers()
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

    async def rest(self, at_least: int = 1) -> None:
        """Wait until all new trees in the store have ended, which are so many at least."""
        with closing(open_store(self.url)) as store:
            while not self._rests(store, at_least):  # noqa: ASYNC110 - a process tells nobody
                await anyio.sleep(0.02)

    def _rests(self, store: JobStore, at_least: int) -> bool:
        new = [row for row in store.roots(limit=10_000) if row.id not in self._known]
        return len(new) >= at_least and all(row.status.terminal for row in new)

    def history(self) -> History:
        """Return what is known of all trees that are new."""
        expected = dict(_lines(self.accepted))
        accepted = [root_id for root_id in expected if root_id not in self._known]
        with closing(open_store(self.url)) as store:
            new = {row.id for row in store.roots(limit=10_000)} - self._known
            history = read(store, new, accepted, self.file)
        values = {i: value for i, value in expected.items() if value is not None}
        history.expected = {i: value for i, value in values.items() if i in new}
        self._known |= new | set(accepted)
        return history


def _process(process: BaseProcess) -> psutil.Process:
    return psutil.Process(process.pid)


def through(client: BaseProcess) -> list[str]:
    """Return what is wrong with how a client ended that was to see all ends."""
    return [f"client: it ended with {client.exitcode}"] if client.exitcode else []


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
