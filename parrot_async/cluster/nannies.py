"""The workers' nannies: each starts again a worker that dies, and is itself replaced when lost."""

import logging
import os
import signal
import time
from collections.abc import Callable, Coroutine, Sequence
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import anyio

from parrot_async.cluster import parent_watch
from parrot_async.cluster.folder import Folder
from parrot_async.cluster.pools import WorkerSpec

if TYPE_CHECKING:
    from distributed import Nanny, Security

HOST: Final = "127.0.0.1"

# Nothing is lost by haste: the service has closed before, attempts end by kill like any other.
_CLOSE: Final = 0.5
_START_PATIENCE: Final = 120.0
_LOOK: Final = 0.5
_MISSES: Final = 4
"""Looks in a row that find no process: a nanny needs a moment itself to start another one."""
_SHORTEST_PAUSE: Final = 0.1
_LONGEST_PAUSE: Final = 10.0
_STEADY: Final = 10.0
"""Seconds after which a worker counts as started for good, and the pauses as helpful."""

_log = logging.getLogger("parrot_async.cluster")


class Nannies:
    """One nanny for each worker of a cluster, for as long as the cluster runs.

    A nanny gives up for good when its worker dies before the nanny has heard of its start, which
    is up to half a second after the scheduler, and so a job that kills it, has heard of it.
    """

    def __init__(self, folder: Folder, security: "Security", specs: Sequence[WorkerSpec]) -> None:
        """Start nothing yet."""
        self._folder = folder
        self._security = security
        self._specs = specs
        self._nannies: dict[str, Nanny] = {}

    async def keep(self, address: str) -> None:
        """Have all workers at the scheduler of this address; does not return."""
        await _all([partial(self._keep, address, spec) for spec in self._specs])
        await anyio.sleep_forever()  # there may be none

    async def close(self) -> None:
        """End all workers."""
        await _all([partial(_close, nanny) for nanny in self._nannies.values()])

    async def _keep(self, address: str, spec: WorkerSpec) -> None:
        pause = _SHORTEST_PAUSE
        while True:
            began = time.monotonic()
            try:
                await self._live(address, spec)
            except Exception as exc:  # noqa: BLE001  the next one may fare better
                _log.warning("worker %s: %r", spec.name, exc)
            if time.monotonic() - began > _STEADY:
                pause = _SHORTEST_PAUSE
            _log.warning("worker %s is lost: another one in %.1f s", spec.name, pause)
            await anyio.sleep(pause)
            pause = min(2 * pause, _LONGEST_PAUSE)

    async def _live(self, address: str, spec: WorkerSpec) -> None:
        """One nanny from its start to its loss."""
        nanny = self._nannies[spec.name] = self._nanny(address, spec)
        try:
            with anyio.fail_after(_START_PATIENCE):
                await nanny
            _log.info("worker %s at %s", spec.name, nanny.worker_address)
            await _until_lost(nanny)
        except Exception:
            await _discard(nanny)
            raise
        await _discard(nanny)

    def _nanny(self, address: str, spec: WorkerSpec) -> "Nanny":
        from distributed import Nanny

        return Nanny(
            address,
            name=spec.name,
            nthreads=spec.slots,
            resources=spec.resources,
            env=spec.env,
            host=HOST,
            security=self._security,
            local_directory=str(self._folder.scratch),
            preload=[parent_watch.__name__],
            silence_logs=logging.WARNING,
            # No limit: results do not live in Dask, so spilling frees nothing, and a model that
            # fills its "share" of the memory would be paused at 80 % and killed at 95 %.
            memory_limit=0,
        )


async def _until_lost(nanny: "Nanny") -> None:
    """Return when a nanny is closed, or has had no process for a while."""
    from distributed.core import Status

    missed = 0
    while nanny.status not in {Status.closed, Status.failed} and missed < _MISSES:
        with anyio.move_on_after(_LOOK):
            await nanny.finished()
        missed = 0 if nanny.is_alive() else missed + 1


async def _discard(nanny: "Nanny") -> None:
    """Close a nanny of which nothing may be left: its successor's worker has the same name."""
    pid: int | None = nanny.pid
    if pid is not None:  # still starting, of which Dask would lose sight
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    await _close(nanny)


async def _close(nanny: "Nanny") -> None:
    with suppress(Exception), anyio.move_on_after(10 * _CLOSE):
        await nanny.close(timeout=_CLOSE, reason="cluster-down")


async def _all(calls: Sequence[Callable[[], Coroutine[Any, Any, None]]]) -> None:
    async with anyio.create_task_group() as group:
        for call in calls:
            group.start_soon(call)
