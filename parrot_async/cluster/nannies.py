"""The nannies: each restarts its worker when that dies, and is replaced when it is lost itself."""

import logging
import os
import signal
import time
from collections.abc import Callable, Coroutine, Sequence
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Final

import anyio

from parrot_async.cluster import parent_watch
from parrot_async.cluster.folder import Folder
from parrot_async.cluster.pools import WorkerSpec

if TYPE_CHECKING:
    from distributed import Nanny, Security

HOST: Final = "127.0.0.1"

# Seconds. Nothing is lost by haste: the service has closed before, and a kill ends attempts.
_CLOSE: Final = 0.5
_START_PATIENCE: Final = 120.0
_LOOK: Final = 0.5
_MISSES: Final = 4
"""Checks in a row that find no process: a nanny needs a moment to start another one."""
_SHORTEST_PAUSE: Final = 0.1
_LONGEST_PAUSE: Final = 10.0
_STEADY: Final = 10.0
"""Seconds that a worker has to live for the pauses to begin again with the shortest."""

_log = logging.getLogger("parrot_async.cluster")


class Nannies:
    """One nanny for each worker of a cluster, for as long as the cluster runs.

    A nanny gives up for good when its worker dies before the nanny knows that it has started. The
    scheduler, and so a job that kills its worker, knows that up to half a second earlier.
    """

    def __init__(self, folder: Folder, security: "Security", specs: Sequence[WorkerSpec]) -> None:
        """Keep what is to be started."""
        self._folder = folder
        self._security = security
        self._specs = specs
        self._nannies: dict[str, Nanny] = {}

    async def keep(self, address: str) -> None:
        """Run all workers for the scheduler at this address; never returns."""
        await _all([partial(self._keep, address, spec) for spec in self._specs])
        await anyio.sleep_forever()  # where there are no workers

    async def close(self) -> None:
        """End all workers."""
        await _all([partial(_close, nanny) for nanny in self._nannies.values()])

    async def _keep(self, address: str, spec: WorkerSpec) -> None:
        pause = _SHORTEST_PAUSE
        while True:
            began = time.monotonic()
            try:
                await self._run_nanny(address, spec)
            except Exception as exc:  # noqa: BLE001 - the next one may fare better
                _log.warning("worker %s: %r", spec.name, exc)
            if time.monotonic() - began > _STEADY:
                pause = _SHORTEST_PAUSE
            _log.warning("worker %s is lost: another one in %.1f s", spec.name, pause)
            await anyio.sleep(pause)
            pause = min(2 * pause, _LONGEST_PAUSE)

    async def _run_nanny(self, address: str, spec: WorkerSpec) -> None:
        """Start one nanny, and return when it is lost."""
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
            # What a worker's own security asks for; jobs may use clusters without.
            config={"distributed.comm.require-encryption": None},
            local_directory=str(self._folder.scratch),
            preload=[parent_watch.__name__],
            silence_logs=logging.WARNING,
            # No limit: results do not live in Dask, so spilling frees nothing, and a model that
            # fills its "share" of the memory would be paused at 80 % and killed at 95 %.
            memory_limit=0,
        )


async def _until_lost(nanny: "Nanny") -> None:
    """Return when a nanny is closed, or has had no worker process for two seconds."""
    from distributed.core import Status

    missed = 0
    while nanny.status not in {Status.closed, Status.failed} and missed < _MISSES:
        with anyio.move_on_after(_LOOK):
            await nanny.finished()
        missed = 0 if nanny.is_alive() else missed + 1


async def _discard(nanny: "Nanny") -> None:
    """Kill a nanny's worker and close it: the next one's worker has the same name."""
    pid: int | None = nanny.pid
    if pid is not None:  # it is still starting: Dask would not wait for it, nor kill it
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    await _close(nanny)


async def _close(nanny: "Nanny") -> None:
    with suppress(Exception), anyio.move_on_after(10 * _CLOSE):
        await nanny.close(timeout=_CLOSE, reason="cluster-down")


async def _all(calls: Sequence[Callable[[], Coroutine[object, None, None]]]) -> None:
    async with anyio.create_task_group() as group:
        for call in calls:
            group.start_soon(call)
