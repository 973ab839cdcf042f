"""Nannies without workers: a lost one is replaced, and not too often."""

from collections.abc import Generator
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import anyio
import pytest
from distributed.core import Status

from parrot_async.cluster import nannies
from parrot_async.cluster.folder import Folder
from parrot_async.cluster.nannies import Nannies
from parrot_async.cluster.pools import Pools, WorkerSpec, workers

if TYPE_CHECKING:
    from distributed import Nanny, Security


class DaskNanny:
    """A nanny of Dask's as `Nannies` sees it: it starts, and its worker lives until it is lost."""

    pid = None
    worker_address = "tls://127.0.0.1:1"

    def __init__(self, *, starts: bool = True) -> None:
        self.status = Status.running
        self.closed = 0
        self._starts = starts
        self._lost = anyio.Event()

    def __await__(self) -> Generator[Any, None, None]:
        return self._start().__await__()

    async def _start(self) -> None:
        if not self._starts:
            raise OSError("the worker died at once")

    async def finished(self) -> None:
        await self._lost.wait()

    def is_alive(self) -> bool:
        return not self._lost.is_set()

    def lose(self) -> None:
        self.status = Status.closed
        self._lost.set()

    async def close(self, **_: Any) -> None:
        self.closed += 1


class Cluster(Nannies):
    """Nannies that are made here, by a list of what becomes of them."""

    def __init__(self, *starts: bool) -> None:
        self.made: list[tuple[float, str, DaskNanny]] = []
        self._starts = list(starts)
        specs = workers(Pools(cpu=1, io=0))
        folder = Folder(Path("nowhere"), Path("nowhere"))
        super().__init__(folder, cast("Security", None), specs)

    def _nanny(self, address: str, spec: WorkerSpec) -> "Nanny":  # noqa: ARG002 - nobody is there
        starts = self._starts.pop(0) if self._starts else True
        nanny = DaskNanny(starts=starts)
        self.made.append((anyio.current_time(), spec.name, nanny))
        return cast("Nanny", nanny)

    async def until_made(self, count: int) -> None:
        with anyio.fail_after(10):
            while len(self.made) < count:  # noqa: ASYNC110 - a list tells nobody
                await anyio.sleep(0.001)


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    monkeypatch.setattr(nannies, "_SHORTEST_PAUSE", 0.02)
    monkeypatch.setattr(nannies, "_LONGEST_PAUSE", 0.05)
    monkeypatch.setattr(nannies, "_LOOK", 0.01)


async def test_a_lost_worker_gets_a_successor_of_its_name() -> None:
    cluster = Cluster()

    async with anyio.create_task_group() as group:
        group.start_soon(cluster.keep, "tls://127.0.0.1:2")
        await cluster.until_made(1)
        await anyio.sleep(0.02)
        cluster.made[0][2].lose()
        await cluster.until_made(2)
        group.cancel_scope.cancel()

    (_, first, lost), (_, second, alive) = cluster.made
    assert first == second == "cpu-0"
    assert (lost.closed, alive.closed) == (1, 0)


async def test_the_pauses_between_failing_starts_grow_to_a_limit() -> None:
    cluster = Cluster(*[False] * 5)

    async with anyio.create_task_group() as group:
        group.start_soon(cluster.keep, "tls://127.0.0.1:2")
        await cluster.until_made(5)
        group.cancel_scope.cancel()

    times = [at for at, _, _ in cluster.made]
    pauses = [after - before for before, after in pairwise(times)]
    assert all(
        pause >= least for pause, least in zip(pauses, [0.02, 0.04, 0.05, 0.05], strict=True)
    )
    assert all(nanny.closed for _, _, nanny in cluster.made[:4])


async def test_closing_ends_every_nanny() -> None:
    cluster = Cluster()

    async with anyio.create_task_group() as group:
        group.start_soon(cluster.keep, "tls://127.0.0.1:2")
        await cluster.until_made(1)
        await cluster.close()
        group.cancel_scope.cancel()

    assert cluster.made[0][2].closed == 1


async def test_a_worker_that_is_only_restarting_is_not_lost() -> None:
    nanny = DaskNanny()

    with anyio.move_on_after(0.1) as waiting:
        await nannies._until_lost(cast("Nanny", nanny))

    assert waiting.cancelled_caught


async def test_a_nanny_without_a_process_for_a_while_is_lost() -> None:
    nanny = DaskNanny()
    nanny._lost.set()

    with anyio.fail_after(5):
        await nannies._until_lost(cast("Nanny", nanny))

    assert nanny.status is Status.running


async def test_a_cluster_without_workers_keeps_running() -> None:
    none = Nannies(Folder(Path("nowhere"), Path("nowhere")), cast("Security", None), [])

    with anyio.move_on_after(0.05) as waiting:
        await none.keep("tls://127.0.0.1:2")
    await none.close()

    assert waiting.cancelled_caught
