"""Jobs that could start now, in the order in which they should."""

from collections import deque
from collections.abc import Callable
from heapq import heappop, heappush
from itertools import count

from parrot_async.service.run import Run


class ReadyQueue:
    """A pool's ready jobs: larger priority first, then older trees, then older jobs."""

    def __init__(self) -> None:
        """Start empty."""
        self._heap: list[tuple[int, int, int, Run]] = []
        self._parked: dict[str, deque[Run]] = {}
        self._ticket = count()

    def __len__(self) -> int:
        """Return how many are ready, those that their queue's limit holds included."""
        return len(self._heap) + sum(map(len, self._parked.values()))

    def push(self, run: Run) -> None:
        """Add a job."""
        run.state = "ready"
        heappush(self._heap, (-run.node.priority, run.tree_order, next(self._ticket), run))

    def take(self, admits: Callable[[Run], bool], full: Callable[[str], bool]) -> list[Run]:
        """Take jobs from the front as long as `admits` says so, leaving those of full queues.

        A job that was cancelled meanwhile is dropped.
        """
        taken: list[Run] = []
        heap = self._heap
        while heap:
            run = heap[0][3]
            if run.state != "ready":
                heappop(heap)
            elif full(run.node.spec.queue):
                heappop(heap)
                self._parked.setdefault(run.node.spec.queue, deque()).append(run)
            elif admits(run):
                heappop(heap)
                taken.append(run)
            else:
                break
        return taken

    def unpark(self, queue: str) -> None:
        """Put jobs back whose queue has room again."""
        for run in self._parked.pop(queue, ()):
            if run.state == "ready":
                self.push(run)
