"""What a run left behind, for the checker: the store's events and results, and what bodies did."""

import json
import os
import time
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

from parrot_async import current_job
from parrot_async.model import events
from parrot_async.model.events import Event
from parrot_async.model.models import JobId, root_of
from parrot_async.store import JobStore, StoredResult
from parrot_async.transport import results
from parrot_async.transport.pickling import load_value


@dataclass(frozen=True, slots=True)
class Execution:
    """One line of the side-effect file: a body that ran."""

    job_id: JobId
    attempt: int
    at: float
    pid: int


@dataclass(frozen=True, slots=True)
class Lapse:
    """A service that was stopped for longer than its lease, while another claimed its trees."""

    workers: Collection[int]
    """The processes of its workers, which may be alive."""
    batches: int = 0
    """How many it sent when it ran again, although every tree was claimed."""


@dataclass(slots=True)
class History:
    """Everything that is known after a run, when all has come to rest."""

    accepted: Sequence[JobId]
    """Roots of which a client was told that they are accepted."""
    events: dict[JobId, list[Event]]
    """The log of each tree, in order."""
    executions: list[Execution] = field(default_factory=list)
    results: dict[JobId, Any] = field(default_factory=dict)
    """Values of the jobs that have one."""
    expected: dict[JobId, Any] = field(default_factory=dict)
    """What roots must have as their value."""
    dead: Collection[int] = ()
    """Those processes that executed something and have died."""
    causes: Collection[str] = ()
    """Words of errors by which an attempt is rightly lost although its process lives."""
    lapse: Lapse | None = None
    left: Collection[int] = ()
    """Processes that jobs had started, and that live."""


def mark(file: str) -> None:
    """Say in the side-effect file that this job's body runs: one line, appended at once."""
    here = current_job()
    line = json.dumps([here.id, here.attempt, time.time(), os.getpid()]) + "\n"
    fd = os.open(file, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    try:
        os.write(fd, line.encode())
    finally:
        os.close(fd)


def executions_in(file: Path) -> list[Execution]:
    """Read the side-effect file."""
    text = file.read_text() if file.exists() else ""
    return [Execution(*json.loads(line)) for line in text.splitlines()]


def read(
    store: JobStore,
    root_ids: Iterable[JobId],
    accepted: Sequence[JobId],
    file: Path,
) -> History:
    """Gather what the store and the side-effect file say of these trees."""
    logs = {
        root_id: [events.load(body) for _, body in store.events(root_id)] for root_id in root_ids
    }
    ids = {job_id for log in logs.values() for event in log for job_id in events.ids_of(event)}
    values = {job_id: _value(stored) for job_id, stored in store.results(ids).items()}
    trees = set(logs)
    executions = [run for run in executions_in(file) if root_of(run.job_id) in trees]
    dead = {run.pid for run in executions if not lives(run.pid)}
    return History(accepted, logs, executions, values, dead=dead)


def lives(pid: int) -> bool:
    """Return whether a process is there, and no zombie."""
    try:
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def _value(stored: StoredResult) -> Any:
    return load_value(results.read(stored.url) if stored.url else stored.value or b"")
