"""A client's copy of one tree: ends and values at once, nodes once somebody reads them."""

import threading
from collections.abc import Callable, Iterable
from weakref import ref

from parrot_async.errors import ErrorInfo
from parrot_async.model import events
from parrot_async.model.events import Event, Record
from parrot_async.model.models import JobId
from parrot_async.model.tree import JobTree
from parrot_async.transport.outcome import Outcome

Terminal = events.Completed | events.Failed | events.Cancelled


class Changes:
    """The jobs of one tree that have changed since a view asked last.

    Runs on: any thread; a lock guards it.
    """

    def __init__(self, wake: Callable[[], None]) -> None:
        """Call `wake` at the first change after each time that the changes were taken."""
        self._wake = wake
        self._lock = threading.Lock()
        self._ids: dict[JobId, None] = {}
        self._asleep = True

    def add(self, ids: Iterable[JobId]) -> None:
        """Add jobs that an event was about."""
        with self._lock:
            self._ids.update(dict.fromkeys(ids))
            asleep, self._asleep = self._asleep, False
        if asleep:
            self._wake()

    def take(self) -> list[JobId]:
        """Return what has changed, in the order in which it did first."""
        with self._lock:
            ids, self._ids, self._asleep = self._ids, {}, True
        return list(ids)

    def leave(self) -> None:
        """Leave what has changed for later, and be woken at the next change."""
        with self._lock:
            self._asleep = True


class Replica:
    """The events of one tree, and the tree that they fold into.

    A notebook that only waits for ten thousand results never reads their nodes, and making them
    would take time from it. So events are kept as bytes until somebody reads the tree; from then
    on they are applied as they come.
    """

    __slots__ = (
        "_blobs",
        "_changes",
        "_ends",
        "_looked_at",
        "_tree",
        "_unfolded",
        "latest",
        "submitted",
    )

    def __init__(self) -> None:
        self._tree = JobTree()
        self._unfolded: list[bytes] = []
        self._looked_at = False
        self._ends: dict[JobId, ErrorInfo | str | None] = {}
        self._blobs: dict[JobId, bytes] = {}
        self._changes: tuple[ref[Changes], ...] = ()
        self.latest = 0
        """Number of the latest event."""
        self.submitted = 0
        """How many jobs below the root it has."""

    def take(self, seq: int, event: Event, record: Record) -> None:
        """Keep or apply an event; the first one, which has no number, may come after others."""
        self.latest = max(self.latest, seq)
        if self._looked_at:
            ids = self._tree.apply(event)
            for held in self._changes:
                changes = held()
                if changes is not None:
                    changes.add(ids)
        else:
            self._unfolded.insert(len(self._unfolded) if seq else 0, record.body)
        if isinstance(event, events.Submitted) and event.parent_id is not None:
            self.submitted += len(event.ids)
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

    def changes(self, wake: Callable[[], None]) -> Changes:
        """Collect the jobs that change from now on, for as long as the result is held."""
        self.tree()
        changes = Changes(wake)
        self._changes = (*(held for held in self._changes if held() is not None), ref(changes))
        return changes

    def has_ended(self, job_id: JobId) -> bool:
        """Whether a job is in a terminal state."""
        return job_id in self._ends

    def outcome(self, job_id: JobId) -> Outcome:
        """Return how a job ended, with its value if that came with its end."""
        end, data = self._ends.get(job_id), self._blobs.get(job_id)
        if isinstance(end, ErrorInfo):
            return Outcome(job_id, data, None, end)
        return Outcome(job_id, data, end)
