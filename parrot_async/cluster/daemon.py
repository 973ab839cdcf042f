"""The background process: Dask's scheduler with the job service, and the nannies of the workers."""

import gc
import importlib
import logging
import multiprocessing
import multiprocessing.forkserver
import os
import shutil
import signal
import sys
import time
import traceback
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import anyio
from pydantic import BaseModel, ConfigDict

from parrot_async.cluster import credentials, log_file, orphans, parent_watch
from parrot_async.cluster.folder import NOT_STARTED, ClusterRecord, Folder, Holder
from parrot_async.cluster.nannies import HOST, Nannies
from parrot_async.cluster.package import package_version
from parrot_async.cluster.pools import Pools, workers
from parrot_async.errors import ClusterError, ParrotError
from parrot_async.runner.process_end import end
from parrot_async.runner.process_search import OUTLIVES, all_below_this
from parrot_async.settings.places import chosen_places

if TYPE_CHECKING:
    from distributed import Scheduler

HELD_BY_ANOTHER: Final = 75
"""Exit status of a daemon that found another one running."""

_SERVICE = "parrot_async.service.plugin"
_PATIENCE = 20.0

_CONFIG: Final[dict[str, object]] = {
    # Measured on two cores: all workers are there after 1.1-1.5 s, with spawn after 2.2-3.6 s.
    "distributed.worker.multiprocessing-method": "forkserver"
    if sys.platform == "linux"
    else "spawn",
    "distributed.scheduler.worker-saturation": float("inf"),  # facts: 1.1 costs small tasks 4-5x
    "distributed.scheduler.work-stealing": False,  # the service keeps the window small
    "distributed.scheduler.active-memory-manager.start": False,  # results live in the store
    "distributed.scheduler.allowed-failures": 0,  # the service owns the retries
    "distributed.worker.profile.enabled": False,
    "distributed.admin.tick.interval": "500ms",  # idle: 3 % of a core, 11 % at 20 ms
    "distributed.admin.system-monitor.gil.enabled": False,
    "distributed.diagnostics.nvml": False,
    # The pages show logs and call stacks to every user of the machine.
    "distributed.scheduler.http.routes": [],
    "distributed.worker.http.routes": [],
    "distributed.comm.require-encryption": True,
}

_log = logging.getLogger("parrot_async.cluster")


class DaemonSpec(BaseModel):
    """What the process that starts a daemon tells it, as JSON in its first argument."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str
    root: Path
    path: Path
    pools: Pools | None
    idle_timeout: float

    @property
    def folder(self) -> Folder:
        """The cluster's folder."""
        return Folder(self.root, self.path)


def main() -> None:
    """Take the running lock, fork away from the process that started us, and serve."""
    spec = DaemonSpec.model_validate_json(sys.argv[1])
    # Inherited by every worker: Jupyter's Stop signals whole process groups.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    group = os.getpgrp()
    lock = spec.folder.take_running(Holder(id=spec.id, pid=os.getpid(), group=group), _PATIENCE)
    if lock is None:
        sys.exit(HELD_BY_ANOTHER)
    if os.fork():  # the starter waits for this parent; init, not the starter, reaps the child
        os._exit(0)
    spec.folder.sign(lock, Holder(id=spec.id, pid=os.getpid(), group=group))
    os.environ.pop(OUTLIVES, None)  # this process may outlive who started it, its workers not us
    parent_watch.adopt_orphans()
    _run(spec)


def _run(spec: DaemonSpec) -> None:
    """Serve until the end, then end every process of the group."""
    status = 0
    try:
        logging.basicConfig(format="%(asctime)s %(levelname)s %(name)s: %(message)s")
        _log.setLevel(logging.INFO)
        if _CONFIG["distributed.worker.multiprocessing-method"] == "forkserver" and (
            spec.pools is None or any(count for _, count in spec.pools)
        ):
            _start_forkserver()
        anyio.run(serve, spec)
    except ParrotError as exc:  # it says what to do, and where it was raised helps nobody
        _log.error("%s %s", NOT_STARTED, " ".join(str(exc).split()))
        status = 1
    except BaseException:  # noqa: BLE001 - the process ends here, the log is all that remains
        traceback.print_exc()
        status = 1
    spec.folder.withdraw()
    shutil.rmtree(spec.folder.scratch, ignore_errors=True)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    os.killpg(0, signal.SIGTERM)
    end(all_below_this)
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)


def _start_forkserver() -> None:
    """Start the fork server first of all, so that its import of distributed runs beside ours."""
    preload = [parent_watch.__name__, "distributed.nanny", "parrot_async.runner"]
    multiprocessing.set_forkserver_preload(preload)
    os.environ[parent_watch.TIE] = "1"
    multiprocessing.forkserver.ensure_running()
    del os.environ[parent_watch.TIE]


async def serve(spec: DaemonSpec) -> None:
    """Run scheduler, service and workers until SIGTERM, the RPC `terminate` or the idle timeout."""
    import dask
    from distributed import Scheduler

    folder, pools = spec.folder, spec.pools or Pools.found()
    dask.config.set(_CONFIG)
    logging.getLogger("distributed").setLevel(logging.WARNING)  # a line for each connection
    credentials.make(folder)
    security = credentials.load(folder)
    nannies = Nannies(folder, security, workers(pools))
    try:
        async with Scheduler(
            host=HOST,
            protocol="tls",
            security=security,
            local_directory=str(folder.scratch),
            dashboard=False,
            dashboard_address=f"{HOST}:0",  # None would take 8787, ":0" every interface
        ) as scheduler:
            await _install_service(scheduler, spec, pools)
            gc.freeze()  # modules stay for ever: the garbage collector may skip them
            _publish(scheduler, spec, pools)
            await _first_of(
                partial(nannies.keep, scheduler.address),
                scheduler.finished,
                _sigterm,
                partial(_idle, scheduler, spec),
                orphans.reap,
                partial(log_file.keep_short, folder.log_file),
            )
            folder.withdraw()
    finally:
        with anyio.CancelScope(shield=True):
            await nannies.close()


async def _install_service(scheduler: "Scheduler", spec: DaemonSpec, pools: Pools) -> None:
    """Install the service; its jobs may count on the pools whose workers are still to start."""
    # By name: service and cluster are on one layer, and neither imports the other.
    install: Callable[..., Awaitable[None]] = importlib.import_module(_SERVICE).install
    places = chosen_places()
    await install(
        scheduler,
        store_url=places.get("PARROT_STORE") or f"sqlite:///{spec.root / 'jobs.db'}",
        results_url=places.get("PARROT_RESULTS") or (spec.root / "results").as_uri(),
        pools={pool: count for pool, count in pools if count},
    )


def _publish(scheduler: "Scheduler", spec: DaemonSpec, pools: Pools) -> None:
    """Publish the record, so that others can join; jobs may come before the first worker does."""
    spec.folder.publish(
        ClusterRecord(
            id=spec.id,
            address=scheduler.address,
            pid=os.getpid(),
            started=datetime.now(UTC),
            version=package_version(),
            pools=pools,
            idle_timeout=spec.idle_timeout,
        )
    )
    _log.info("scheduler of cluster %s at %s", spec.id, scheduler.address)


async def _first_of(*calls: Callable[[], Awaitable[object]]) -> None:
    """Run until one returns, then cancel the others."""
    async with anyio.create_task_group() as group:

        async def run(call: Callable[[], Awaitable[object]]) -> None:
            await call()
            group.cancel_scope.cancel()

        for call in calls:
            group.start_soon(run, call)


async def _sigterm() -> None:
    with anyio.open_signal_receiver(signal.SIGTERM) as signals:
        async for _ in signals:
            _log.info("SIGTERM: closing")
            return


async def _idle(scheduler: "Scheduler", spec: DaemonSpec) -> None:
    """Return when no client was connected and no job ran for the whole idle timeout."""
    quiet_since = time.monotonic()
    while True:
        await anyio.sleep(min(1.0, spec.idle_timeout / 5))
        service_since = _service_idle_since(scheduler, quiet_since)
        if scheduler.client_comms or service_since is None:
            quiet_since = time.monotonic()
            continue
        idle = time.monotonic() - max(quiet_since, service_since)
        if idle >= spec.idle_timeout and _withdraw_if_unused(spec):
            _log.info("idle for %.0f s: closing", idle)
            return


def _service_idle_since(scheduler: "Scheduler", otherwise: float) -> float | None:
    service: Any = scheduler.extensions.get("parrot")
    since: float | None = otherwise if service is None else service.idle_since()
    return since


def _withdraw_if_unused(spec: DaemonSpec) -> bool:
    """Withdraw the record; False where somebody joins, or has just joined and will connect."""
    with suppress(ClusterError), spec.folder.joining(patience=0):
        if spec.folder.since_joined() >= spec.idle_timeout:
            spec.folder.withdraw()
            return True
    return False
