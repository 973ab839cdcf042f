"""What running jobs saved, on its way to the store and to their later attempts."""

from collections.abc import Collection

from parrot_async.model.events import Checkpointed, Record
from parrot_async.model.models import JobId
from parrot_async.service.journal.recorder import Recorder
from parrot_async.transport.wire import Value

Row = tuple[JobId, int, bytes | None, str | None]


class States:
    """The latest state of each job: in the store, and here until it is there."""

    def __init__(self) -> None:
        """Nothing is on its way."""
        self._unwritten: dict[JobId, tuple[Checkpointed, Value]] = {}

    def keep(self, event: Checkpointed, record: Record) -> list[Row]:
        """Return the rows that the store is to write, and keep them until it has."""
        rows = list(zip(event.ids, event.attempts, record.blobs, event.urls, strict=True))
        for job_id, _, data, url in rows:
            self._unwritten[job_id] = event, Value(data, url)
        return rows

    def written(self, event: Checkpointed) -> None:
        """Let go of what the store has now, where nothing later is on its way."""
        for job_id in event.ids:
            if job_id in self._unwritten and self._unwritten[job_id][0] is event:
                del self._unwritten[job_id]

    async def load(self, recorder: Recorder, ids: Collection[JobId]) -> dict[JobId, Value]:
        """Return the latest states of those of the jobs that have one."""
        states = {i: self._unwritten[i][1] for i in ids if i in self._unwritten}
        if far := [job_id for job_id in ids if job_id not in states]:
            stored = await recorder.read(lambda store: store.checkpoints(far))
            states.update({i: Value(found.value, found.url) for i, found in stored.items()})
        return states
