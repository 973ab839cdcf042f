"""The cluster seen from outside: start or join it, ask how it is, stop it."""

import asyncio
import os
import subprocess
import sys
import time
import uuid
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

import anyio.to_thread
from pydantic import BaseModel, ConfigDict

from parrot_async.cluster import credentials
from parrot_async.cluster.daemon import HELD_BY_ANOTHER, DaemonSpec
from parrot_async.cluster.folder import ClusterRecord, Folder, private
from parrot_async.cluster.log_file import older
from parrot_async.cluster.package import PACKAGE
from parrot_async.cluster.parent_watch import MARK
from parrot_async.cluster.pools import Pools
from parrot_async.cluster.processes import stop, sweep
from parrot_async.cluster.variables import check_running, environment_with
from parrot_async.errors import ClusterError
from parrot_async.model.durations import Duration, seconds
from parrot_async.runner.process_search import ATTEMPT, OUTLIVES, WORKER
from parrot_async.settings.places import chosen_places, chosen_store
from parrot_async.store import check_url

if TYPE_CHECKING:
    from distributed import Security

_IDLE_TIMEOUT: Final = "15m"
_START_PATIENCE: Final = 60.0
_ANSWER_PATIENCE: Final = 30.0
_POLL: Final = 0.02
# Set before the interpreter starts, where Dask's own setting comes too late for a fork server.
_EARLY_ENV: Final = {
    "MALLOC_TRIM_THRESHOLD_": "65536",
    "OMP_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "PYTHONHASHSEED": "6640",  # Dask's own: equal in all workers
}
_ENTRY: Final = (
    "import sys; root = sys.argv.pop(1); root in sys.path or sys.path.insert(0, root);"
    " from parrot_async.cluster.daemon import main; main()"
)


class LocalCluster(BaseModel):
    """A running local cluster and how to reach it."""

    model_config = ConfigDict(frozen=True)

    address: str
    pid: int
    pools: Pools
    folder: Path
    log_file: Path
    started_by_us: bool

    def security(self) -> "Security":
        """Return the TLS credentials for `distributed.Client(address, security=...)`."""
        return credentials.load(Folder(self.folder.parent, self.folder))


class ClusterStatus(BaseModel):
    """The state of a running local cluster."""

    model_config = ConfigDict(frozen=True)

    record: ClusterRecord
    log_file: Path
    workers: dict[str, int]
    """Live worker processes of each pool."""
    own: bool = True
    """False for one of another Python environment, other code of parrot_async, or another store."""

    def security(self) -> "Security":
        """Return the TLS credentials for `distributed.Client(record.address, security=...)`."""
        path = self.log_file.parent
        return credentials.load(Folder(path.parent, path))


async def ensure(
    name: str | None = None,
    pools: Pools | None = None,
    idle_timeout: Duration | None = None,
    store: str | None = None,
    env: Mapping[str, str] = MappingProxyType({}),
) -> LocalCluster:
    """Start, or join, the cluster of this user, Python environment and code of parrot_async.

    A cluster that runs already keeps its pools and its idle timeout. Returns when jobs can be
    submitted; workers may still be starting. After an upgrade or an edit of the package, new
    processes get a cluster of their own, and the old one ends when it is idle.

    Args:
        name: a private cluster beside the default one.
        pools: the workers; by default those that the machine has.
        idle_timeout: how long without a client or an active job until the cluster ends;
            by default `$PARROT_IDLE_TIMEOUT` (such as "30s"), or 15 minutes.
        store: URL of the job store; by default `$PARROT_STORE`, or a file of the cluster's own.
            Each store has a cluster of its own.
        env: variables for its workers, with their values.

    Raises:
        ClusterError: it did not start, or does not answer; the message has the log's last lines.
            Or it runs with other values of these variables.
        OptionsError: the idle timeout is no duration, or the store's URL is none.
    """
    return await anyio.to_thread.run_sync(
        _ensure, name, pools, idle_timeout, store, env, abandon_on_cancel=True
    )


async def status(name: str | None = None) -> ClusterStatus | None:
    """Return the state of the cluster, or None where none runs.

    Raises:
        ClusterError: it runs but does not answer.
    """
    return await anyio.to_thread.run_sync(
        lambda: _status(Folder.of(name), own=True), abandon_on_cancel=True
    )


async def running(name: str | None = None, *, store: str | None = None) -> list[ClusterStatus]:
    """Return every running cluster of this name, of other environments too; our own comes first.

    Raises:
        ClusterError: one runs but does not answer.
    """
    return await anyio.to_thread.run_sync(_running, name, store, abandon_on_cancel=True)


async def down(name: str | None = None, grace: float = 10.0, *, store: str | None = None) -> bool:
    """Stop the cluster and all its processes; return False where none ran.

    Args:
        name: which one, as given to `ensure`.
        grace: seconds to end cleanly before it is killed.
        store: as given to `ensure`.
    """
    return await anyio.to_thread.run_sync(
        lambda: _down(Folder.of(name, store), grace), abandon_on_cancel=True
    )


async def down_all(name: str | None = None, grace: float = 10.0) -> int:
    """Stop every cluster of this name, of other environments too; return how many ran."""

    def work() -> int:
        return sum([_down(folder, grace) for folder in Folder.all_of(name)])

    return await anyio.to_thread.run_sync(work, abandon_on_cancel=True)


def _ensure(
    name: str | None,
    pools: Pools | None,
    idle_timeout: Duration | None,
    store: str | None,
    env: Mapping[str, str],
) -> LocalCluster:
    if idle_timeout is None:
        idle_timeout = os.environ.get("PARROT_IDLE_TIMEOUT", _IDLE_TIMEOUT)
    timeout = seconds(idle_timeout)
    if (url := chosen_store(store)) is not None:
        check_url(url)
    folder = Folder.of(name, store)
    folder.make()
    with folder.joining(_START_PATIENCE):
        record = _live(folder)
        started_by_us = record is None
        if record is None:
            sweep(folder)
            given = {**environment_with(env), **chosen_places(store)}
            record = _start(folder, pools, timeout, given)
        check_running(_named(folder), record.pid, env)
        folder.touch()
    return LocalCluster(
        address=record.address,
        pid=record.pid,
        pools=record.pools,
        folder=folder.path,
        log_file=folder.log_file,
        started_by_us=started_by_us,
    )


def _live(folder: Folder) -> ClusterRecord | None:
    """Return the running cluster's record, or None where none runs; wait for one that is busy."""
    until = time.monotonic() + _ANSWER_PATIENCE
    while folder.is_running():
        record = folder.read()
        if record is None:
            return None
        if credentials.answers(folder, record.address, timeout=5.0):
            return record
        if time.monotonic() > until:
            message = f"{_named(folder)} runs but does not answer. {_advice(folder)}"
            raise ClusterError(message)
        time.sleep(_POLL)
    return None


def _start(
    folder: Folder, pools: Pools | None, idle_timeout: float, places: Mapping[str, str]
) -> ClusterRecord:
    spec = DaemonSpec(
        id=uuid.uuid4().hex,
        root=folder.root,
        path=folder.path,
        pools=pools,
        idle_timeout=idle_timeout,
    )
    code = _spawn(spec, places)
    until = time.monotonic() + _START_PATIENCE
    # Another daemon may hold the lock: one whose starter died, and which is about to publish.
    while code in {0, HELD_BY_ANOTHER} and time.monotonic() < until:
        if record := _live(folder):
            return record
        if not folder.is_running():
            break
        time.sleep(_POLL)
    message = f"{_named(folder)} did not start. {_advice(folder)}"
    raise ClusterError(message)


def _spawn(spec: DaemonSpec, places: Mapping[str, str]) -> int:
    """Run the daemon until its fork, when it holds the running lock; return its exit status."""
    folder = spec.folder
    root = str(PACKAGE.parent)
    if folder.log_file.exists():
        folder.log_file.replace(older(folder.log_file))
    log = private(folder.log_file, os.O_WRONLY | os.O_APPEND)
    try:
        # -c, not -m: the workers then have no main module to import again, and the package is
        # found where the starter found it, without a PYTHONPATH that the users' jobs would inherit.
        return subprocess.run(  # noqa: S603 - our own words
            [sys.executable, "-c", _ENTRY, root, spec.model_dump_json()],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            cwd=folder.path,
            env=_environment(spec, places),
            start_new_session=True,
            check=False,
        ).returncode
    finally:
        os.close(log)


def _environment(spec: DaemonSpec, places: Mapping[str, str]) -> dict[str, str]:
    """Return the daemon's environment; a job that starts it does not end it."""
    inherited = {name: value for name, value in os.environ.items() if name not in (ATTEMPT, WORKER)}
    ours = {**places, MARK: spec.id, OUTLIVES: "1", "PYTHONUNBUFFERED": "1"}
    return {**_EARLY_ENV, **inherited, **ours}


def _running(name: str | None, store: str | None) -> list[ClusterStatus]:
    own, *others = Folder.all_of(name, store)
    found = [_status(own, own=True), *(_status(folder, own=False) for folder in others)]
    return [status for status in found if status is not None]


def _status(folder: Folder, *, own: bool) -> ClusterStatus | None:
    record = _live(folder)
    if record is None:
        return None
    identity = asyncio.run(_identity(record.address, credentials.load(folder)))
    counts = dict.fromkeys(("cpu", "gpu", "io"), 0)
    for worker in identity["workers"].values():
        for pool in worker["resources"]:
            counts[pool] = counts.get(pool, 0) + 1
    return ClusterStatus(record=record, log_file=folder.log_file, workers=counts, own=own)


async def _identity(address: str, security: "Security") -> dict[str, Any]:
    from distributed import rpc

    async with rpc(address, connection_args=security.get_connection_args("client")) as remote:
        identity: dict[str, Any] = await remote.identity()
        return identity


def _down(folder: Folder, grace: float) -> bool:
    if not folder.path.is_dir():
        return False
    with folder.joining(_START_PATIENCE):
        running = folder.is_running()
        stop(folder, grace)
        sweep(folder)
    return running


def _named(folder: Folder) -> str:
    return f"The local cluster {folder.root.name!r}"


def _advice(folder: Folder) -> str:
    if why := folder.reason():
        return f"{why} (The log is {folder.log_file}.)"
    return (
        f"Run `parrot-async down` and try again. The last lines of {folder.log_file}:\n"
        f"{folder.tail()}"
    )
