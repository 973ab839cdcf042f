"""The queue of jobs that could start now, in the order in which they should."""

from collections.abc import Callable, Iterator
from itertools import count

from parrot_async.service.engine.state import TrackedJob
from parrot_async.service.engine.turns import TreesInTurn


class ReadyQueue:
    """A pool's ready jobs: larger priority first, then one of each tree in turn.

    Trees of one priority share the pool: the first job of a small tree waits for about one job of
    each other tree, however many those have.

    Runs on: the scheduler's loop.
    """

    def __init__(self) -> None:
        """Start empty."""
        self._ready = TreesInTurn()
        self._parked: dict[str, TreesInTurn] = {}
        self._ticket = count()

    def __len__(self) -> int:
        """Return how many jobs could go to a worker, without those that are parked."""
        return len(self._ready)

    @property
    def priority(self) -> int | None:
        """The priority of the next job; None where there is none."""
        return self._ready.priority

    def push(self, job: TrackedJob) -> None:
        """Add a job."""
        job.to("ready")
        self._ready.push((next(self._ticket), job))

    def take(
        self, admits: Callable[[TrackedJob], bool], held_by: Callable[[TrackedJob], str | None]
    ) -> list[TrackedJob]:
        """Take jobs from the front as long as `admits` accepts them.

        A job for which `held_by` returns a name is parked until that name is unparked; one that was
        cancelled meanwhile is dropped.
        """
        taken: list[TrackedJob] = []
        ready = self._ready
        while ready:
            job = ready.first()
            if job.state != "ready":
                ready.pop(uses_turn=False)
                self.unpark(job.node.spec.queue)
            elif (holder := held_by(job)) is not None:
                self._park(holder)
                if holder != job.node.spec.queue:
                    self.unpark(job.node.spec.queue)
            elif admits(job):
                ready.pop()
                taken.append(job)
            else:
                break
        return taken

    def _park(self, holder: str) -> None:
        parked = self._parked.get(holder)
        if parked is None:
            parked = self._parked[holder] = TreesInTurn()
        parked.push(self._ready.pop(uses_turn=False))

    def unpark(self, holder: str, most: int | None = 1) -> None:
        """Queue parked jobs again: at most so many, one of each tree in turn, or all."""
        parked = self._parked.get(holder)
        if parked is None:
            return
        while parked and (most is None or most > 0):
            entry = parked.pop()
            if entry[1].state == "ready":
                self._ready.push(entry)
                most = None if most is None else most - 1
        if not parked:
            self._parked.pop(holder, None)

    def some(self, most: int) -> Iterator[tuple[TrackedJob, str | None]]:
        """Yield up to `most` jobs that wait, and as many for each holder, with what holds them."""
        for job in self._ready.some(most):
            yield job, None
        for holder, parked in self._parked.items():
            for job in parked.some(most):
                yield job, holder
