"""The job whose details a browser has open, and when it is time to send them again."""

import time
from collections.abc import Callable, Container

from parrot_async.model.models import JobId, root_of
from parrot_async.view.details import details
from parrot_async.view.protocol import Details
from parrot_async.view.source import ViewSource

PAUSE, LEISURE = 1.0, 20
"""Seconds between two messages of details, and at least so many times what making them takes."""


class Looking:
    """At most one job at a time."""

    def __init__(self, source: ViewSource, wake: Callable[[], None]) -> None:
        """Look at nothing; `wake` is called when a tree has come that was not here."""
        self._source = source
        self._wake = wake
        self._job_id: JobId | None = None
        self._held: tuple[object, ...] = ()
        self._is_due = False
        self._not_before = 0.0

    def at(self, job_id: JobId | None) -> None:
        """Look at another job, or at none."""
        self._job_id, self._is_due, self._not_before = job_id, job_id is not None, 0.0
        self._held = ()
        if job_id is not None:
            claim = self._source.claim(root_of(job_id))
            self._held = (claim, self._source.changes(job_id, self._wake))

    def touch(self, changed: Container[JobId]) -> None:
        """Hear which jobs have changed."""
        self._is_due = self._is_due or self._job_id in changed

    @property
    def pause(self) -> float | None:
        """Seconds until the details are due; None where they are not, or the job is not here."""
        if self._job_id is None or not self._is_due or self._source.find_tree(self._job_id) is None:
            return None
        return max(self._not_before - time.monotonic(), 0.0)

    def details(self) -> Details | None:
        """The details, if they are due."""
        tree = None if self._job_id is None else self._source.find_tree(self._job_id)
        if tree is None or self._job_id is None or self.pause != 0:
            return None
        begun = time.monotonic()
        self._is_due = False
        about = details(tree, tree[self._job_id])
        now = time.monotonic()
        self._not_before = now + max(PAUSE, LEISURE * (now - begun))
        return about
