"""A client's copy of one tree: ends and values at once, nodes when somebody looks."""

from parrot_async import events
from parrot_async.events import Event, Record
from parrot_async.models import ErrorInfo, JobId
from parrot_async.outcome import Outcome
from parrot_async.tree import JobTree

Terminal = events.Completed | events.Failed | events.Cancelled


class Replica:
    """What came of one tree.

    Who only waits for ten thousand results never needs their nodes, whose making would take the
    interpreter, and the collector's time, from the notebook. So events are kept as they came
    until the tree is asked for; from then on they are folded as they come.
    """

    __slots__ = ("_blobs", "_ends", "_looked_at", "_tree", "_unfolded", "latest")

    def __init__(self) -> None:
        self._tree = JobTree()
        self._unfolded: list[bytes] = []
        self._looked_at = False
        self._ends: dict[JobId, ErrorInfo | str | None] = {}
        self._blobs: dict[JobId, bytes] = {}
        self.latest = 0
        """Number of the latest event."""

    def take(self, seq: int, event: Event, record: Record) -> None:
        """Take an event in."""
        self.latest = max(seq, self.latest)
        if self._looked_at:
            self._tree.apply(event)
        else:
            self._unfolded.append(record.body)
        if isinstance(event, events.Completed):
            urls = (result.url for result in event.results)
            self._ends.update(zip(event.ids, urls, strict=True))
        elif isinstance(event, events.Failed | events.Cancelled):
            self._ends.update(zip(event.ids, event.errors, strict=True))
        if isinstance(event, Terminal) and record.blobs:
            some = zip(event.ids, record.blobs, strict=True)
            self._blobs.update((job_id, blob) for job_id, blob in some if blob is not None)

    def tree(self) -> JobTree:
        """Return the live tree."""
        self._looked_at = True
        unfolded, self._unfolded = self._unfolded, []
        for body in unfolded:
            self._tree.apply(events.load(body))
        return self._tree

    def has_ended(self, job_id: JobId) -> bool:
        """Whether a job is in a terminal state."""
        return job_id in self._ends

    def outcome(self, job_id: JobId) -> Outcome:
        """Return how an ended job ended, with its value if that came along."""
        end, data = self._ends.get(job_id), self._blobs.get(job_id)
        if isinstance(end, ErrorInfo):
            return Outcome(job_id, data, None, end)
        return Outcome(job_id, data, end)
