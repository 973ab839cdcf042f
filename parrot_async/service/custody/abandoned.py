"""Abandoned trees: their client went before it had submitted all jobs, so they would never end."""

import asyncio
import time

from parrot_async.errors import ErrorInfo
from parrot_async.model.models import JobId
from parrot_async.service.engine.executor import Executor
from parrot_async.service.engine.state import TrackedJob
from parrot_async.service.journal.watch import Watch

EVERY = 5.0
"""Seconds between two checks of which clients are still connected."""
GONE = 30.0
"""Seconds without a stream after which a client is taken for gone for good."""
LEFT = ErrorInfo("cancelled", "its client went before it had submitted all of its jobs")


class Abandoned:
    """Ends trees whose client does not finish submitting them: a big `map` comes in pieces.

    Runs on: the scheduler's loop.
    """

    def __init__(self, executor: Executor, watch: Watch) -> None:
        """Share the service's parts."""
        self._executor = executor
        self._watch = watch
        self._submitting: dict[JobId, tuple[str, float]] = {}
        """By tree: the client that submits it, and when it was last connected."""

    def begun(self, root_id: JobId, client: str) -> None:
        """Note a tree of which a client has submitted the first part."""
        run = self._executor.jobs.get(root_id)
        if run is not None and lacks_jobs(run):
            self._submitting[root_id] = client, time.monotonic()

    async def keep(self) -> None:
        """Check again and again, for ever."""
        while True:
            await asyncio.sleep(EVERY)
            self.look()

    def look(self) -> None:
        """End the trees that nobody will complete."""
        now = time.monotonic()
        for root_id, (client, seen) in list(self._submitting.items()):
            run = self._executor.jobs.get(root_id)
            if run is None or not lacks_jobs(run):
                del self._submitting[root_id]
            elif self._watch.has(client):
                self._submitting[root_id] = client, now
            elif now - seen > GONE:
                self._executor.stopping.stop(run, LEFT)


def lacks_jobs(run: TrackedJob) -> bool:
    """Whether a plan has fewer children than it expects, those that ended included."""
    return run.expected is not None and run.ended_children + len(run.children or ()) < run.expected
