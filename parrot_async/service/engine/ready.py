"""Jobs that could start now, in the order in which they should."""

from collections.abc import Callable
from heapq import heappop, heappush
from itertools import count

from parrot_async.service.engine.state import Run

Entry = tuple[int, int, int, Run]


class ReadyQueue:
    """A pool's ready jobs: larger priority first, then older trees, then older jobs."""

    def __init__(self) -> None:
        """Start empty."""
        self._heap: list[Entry] = []
        self._parked: dict[str, list[Entry]] = {}
        self._ticket = count()

    def __len__(self) -> int:
        """Return how many could go to a worker, without those that something holds back."""
        return len(self._heap)

    @property
    def priority(self) -> int | None:
        """Of the job that is next; None where there is none."""
        return -self._heap[0][0] if self._heap else None

    def push(self, run: Run) -> None:
        """Add a job."""
        run.state = "ready"
        heappush(self._heap, (-run.node.priority, run.tree_order, next(self._ticket), run))

    def take(
        self, admits: Callable[[Run], bool], held_by: Callable[[Run], str | None]
    ) -> list[Run]:
        """Take jobs from the front as long as `admits` says so.

        A job that something of its own holds back, by the name that `held_by` gives, is put aside
        until that is unparked; one that was cancelled meanwhile is dropped.
        """
        taken: list[Run] = []
        heap = self._heap
        while heap:
            run = heap[0][3]
            if run.state != "ready":
                heappop(heap)
                self.unpark(run.node.spec.queue)
            elif (holder := held_by(run)) is not None:
                heappush(self._parked.setdefault(holder, []), heappop(heap))
                if holder != run.node.spec.queue:
                    self.unpark(run.node.spec.queue)
            elif admits(run):
                heappop(heap)
                taken.append(run)
            else:
                break
        return taken

    def unpark(self, holder: str, most: int | None = 1) -> None:
        """Put jobs back, such as one of a queue that has room for one again; None: all."""
        parked = self._parked.get(holder, [])
        while parked and (most is None or most > 0):
            entry = heappop(parked)
            if entry[3].state == "ready":
                heappush(self._heap, entry)
                most = None if most is None else most - 1
        if not parked:
            self._parked.pop(holder, None)
