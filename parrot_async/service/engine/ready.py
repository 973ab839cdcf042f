"""The queue of jobs that could start now, in the order in which they should."""

from collections.abc import Callable
from heapq import heappop, heappush
from itertools import count

from parrot_async.service.engine.state import TrackedJob

Entry = tuple[int, int, int, TrackedJob]


class ReadyQueue:
    """A pool's ready jobs: larger priority first, then older trees, then older jobs.

    Runs on: the scheduler's loop.
    """

    def __init__(self) -> None:
        """Start empty."""
        self._heap: list[Entry] = []
        self._parked: dict[str, list[Entry]] = {}
        self._ticket = count()

    def __len__(self) -> int:
        """Return how many jobs could go to a worker, without those that are parked."""
        return len(self._heap)

    @property
    def priority(self) -> int | None:
        """The priority of the next job; None where there is none."""
        return -self._heap[0][0] if self._heap else None

    def push(self, job: TrackedJob) -> None:
        """Add a job."""
        job.to("ready")
        heappush(self._heap, (-job.node.priority, job.tree_order, next(self._ticket), job))

    def take(
        self, admits: Callable[[TrackedJob], bool], held_by: Callable[[TrackedJob], str | None]
    ) -> list[TrackedJob]:
        """Take jobs from the front as long as `admits` accepts them.

        A job for which `held_by` returns a name is parked until that name is unparked; one that was
        cancelled meanwhile is dropped.
        """
        taken: list[TrackedJob] = []
        heap = self._heap
        while heap:
            job = heap[0][3]
            if job.state != "ready":
                heappop(heap)
                self.unpark(job.node.spec.queue)
            elif (holder := held_by(job)) is not None:
                heappush(self._parked.setdefault(holder, []), heappop(heap))
                if holder != job.node.spec.queue:
                    self.unpark(job.node.spec.queue)
            elif admits(job):
                heappop(heap)
                taken.append(job)
            else:
                break
        return taken

    def unpark(self, holder: str, most: int | None = 1) -> None:
        """Queue parked jobs again: at most so many, or all."""
        parked = self._parked.get(holder, [])
        while parked and (most is None or most > 0):
            entry = heappop(parked)
            if entry[3].state == "ready":
                heappush(self._heap, entry)
                most = None if most is None else most - 1
        if not parked:
            self._parked.pop(holder, None)
