"""Jobs of many trees in the order in which they are taken: one of each tree in turn."""

from bisect import insort
from collections import deque
from collections.abc import Iterator
from heapq import heappop, heappush

from parrot_async.service.engine.state import TrackedJob

Entry = tuple[int, TrackedJob]
"""A job with its ticket; the job with the smaller ticket was ready first."""
Lane = list[Entry]
"""A heap of the jobs of one tree and one priority."""


class TreesInTurn:
    """Ready jobs: larger priority first, then one of each tree in turn, of a tree the oldest first.

    All operations take O(log n) of the jobs of one tree, or less.

    Runs on: the scheduler's loop.
    """

    def __init__(self) -> None:
        """Start empty."""
        self._lanes: dict[tuple[int, int], Lane] = {}
        """By priority and tree."""
        self._turns: dict[int, deque[tuple[tuple[int, int], Lane]]] = {}
        """By priority: the lanes, the next one first."""
        self._priorities: list[int] = []
        """In ascending order."""
        self._count = 0

    def __len__(self) -> int:
        """Return the number of jobs."""
        return self._count

    @property
    def priority(self) -> int | None:
        """The priority of the next job; None where there is none."""
        return self._priorities[-1] if self._priorities else None

    def push(self, entry: Entry) -> None:
        """Add a job; a tree that had none comes after all others of its priority."""
        key = entry[1].node.priority, entry[1].tree_order
        lane = self._lanes.get(key)
        if lane is None:
            lane = self._lanes[key] = []
            self._join(key, lane)
        heappush(lane, entry)
        self._count += 1

    def _join(self, key: tuple[int, int], lane: Lane) -> None:
        priority = key[0]
        if priority not in self._turns:
            self._turns[priority] = deque()
            insort(self._priorities, priority)
        self._turns[priority].append((key, lane))

    def first(self) -> TrackedJob:
        """Return the next job; raises IndexError where there is none."""
        return self._turns[self._priorities[-1]][0][1][0][1]

    def pop(self, *, uses_turn: bool = True) -> Entry:
        """Remove the next job; its tree's next one comes after the other trees, if it `uses_turn`.

        Raises IndexError where there is none.
        """
        turns = self._turns[self._priorities[-1]]
        key, lane = turns[0]
        entry = heappop(lane)
        self._count -= 1
        if not lane:
            turns.popleft()
            self._leave(key)
        elif uses_turn and len(turns) > 1:
            turns.rotate(-1)
        return entry

    def _leave(self, key: tuple[int, int]) -> None:
        del self._lanes[key]
        if not self._turns[key[0]]:
            del self._turns[key[0]]
            self._priorities.remove(key[0])

    def some(self, most: int) -> Iterator[TrackedJob]:
        """Yield up to `most` jobs, of each tree about as many."""
        each = max(1, most // max(1, len(self._lanes)))
        left = most
        for priority in reversed(self._priorities):
            for _, lane in self._turns[priority]:
                for _, job in lane[: min(each, left)]:
                    yield job
                left -= min(each, len(lane), left)
