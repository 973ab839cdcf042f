"""Checkpoints that running jobs saved: on the way to the store, and loaded for later attempts."""

from collections.abc import Collection

from parrot_async.model.events import Checkpointed, Record
from parrot_async.model.models import JobId
from parrot_async.service.journal.recorder import Recorder
from parrot_async.transport.wire import Value

CheckpointRow = tuple[JobId, int, bytes | None, str | None]
"""Job id, attempt, pickled state, and the URL of a big one, as a `Commit` takes it."""


class Checkpoints:
    """The latest state of each job: in the store, and in memory until it is there.

    Runs on: the scheduler's loop.
    """

    def __init__(self) -> None:
        """Begin with no state in memory."""
        self._unwritten: dict[JobId, tuple[Checkpointed, Value]] = {}

    def keep(self, event: Checkpointed, record: Record) -> list[CheckpointRow]:
        """Keep the states of an event until they are written; returns the rows to write."""
        rows = list(zip(event.ids, event.attempts, record.blobs, event.urls, strict=True))
        for job_id, _, data, url in rows:
            self._unwritten[job_id] = event, Value(data, url)
        return rows

    def written(self, event: Checkpointed) -> None:
        """Drop the states of an event that the store has now, but not later ones."""
        for job_id in event.ids:
            if job_id in self._unwritten and self._unwritten[job_id][0] is event:
                del self._unwritten[job_id]

    async def load(self, recorder: Recorder, ids: Collection[JobId]) -> dict[JobId, Value]:
        """Return the latest state of each of the jobs that saved one."""
        states = {i: self._unwritten[i][1] for i in ids if i in self._unwritten}
        if missing := [job_id for job_id in ids if job_id not in states]:
            stored = await recorder.read(lambda store: store.checkpoints(missing))
            states.update({i: Value(found.value, found.url) for i, found in stored.items()})
        return states
