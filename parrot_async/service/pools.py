"""Which workers there are, by the label of their pool, and how much each has to do."""

from dataclasses import dataclass, field

from parrot_async.models import JobSpec, Queue

LOOKAHEAD = 0.1
"""Seconds of work that a slot may have waiting on its worker, so that it never runs dry."""
QUICK = 0.05
"""Seconds: jobs below this travel in batches and wait on the worker, others in the service."""
FLOOR = 50e-6
"""Seconds: what a job costs at least, whatever was measured."""
MOST_AHEAD = 2048
"""Jobs that a pool may have on its workers beyond its slots."""


@dataclass(slots=True)
class Member:
    """A worker as its pool sees it."""

    address: str
    slots: int
    held: int = 0
    """Attempts that are sent and neither ended nor waiting."""
    backlog: float = 0.0
    """Expected seconds of those attempts."""
    stuck: bool = False
    """Set while all its slots run what takes much longer than expected."""

    @property
    def load(self) -> tuple[bool, float, float]:
        """What to compare by: the least loaded worker gets the next attempt."""
        backlog = self.backlog / self.slots if self.held >= self.slots else 0.0
        return self.stuck, backlog, self.held / self.slots


@dataclass(slots=True)
class Pool:
    """The workers of one label."""

    name: str
    members: dict[str, Member] = field(default_factory=dict)
    held: int = 0
    """Slots of the attempts that are sent and neither ended nor waiting."""
    count: int = 0
    backlog: float = 0.0

    @property
    def slots(self) -> int:
        """All slots of all workers."""
        return sum(member.slots for member in self.members.values())

    def admits(self, slots: int, expected: float | None) -> bool:
        """Whether an attempt may be sent now: into a free slot, or ahead when it is quick."""
        total = self.slots
        if self.held + slots <= total:
            return True
        if expected is None or expected > QUICK or slots > 1 or not total:
            return False
        return self.backlog + expected <= LOOKAHEAD * total and self.count < MOST_AHEAD + total

    def least_loaded(self) -> Member:
        """Return the worker to which the next attempt goes."""
        if len(self.members) == 1:
            return next(iter(self.members.values()))
        return min(self.members.values(), key=lambda member: member.load)

    def hold(self, worker: str, slots: int, expected: float) -> None:
        """Count an attempt that is sent, or that goes on after waiting."""
        self.held += slots
        self.count += 1
        self.backlog += expected
        if (member := self.members.get(worker)) is not None:
            member.held += 1
            member.backlog += expected

    def free(self, worker: str, slots: int, expected: float) -> None:
        """Count an attempt that ended, waits, or came back."""
        self.held -= slots
        self.count -= 1
        self.backlog = self.backlog - expected if self.count else 0.0
        if (member := self.members.get(worker)) is not None:
            member.held -= 1
            member.stuck = False
            member.backlog = member.backlog - expected if member.held else 0.0


class Durations:
    """Moving mean of how long each function runs, in seconds."""

    def __init__(self) -> None:
        """Know nothing yet."""
        self._means: dict[str | None, float] = {}

    def expected(self, function_id: str | None) -> float | None:
        """Return the seconds that a run of this function takes; None if it never ran."""
        return self._means.get(function_id)

    def means(self) -> dict[str | None, float]:
        """Return all that is known."""
        return dict(self._means)

    def observe(self, function_id: str | None, seconds: float) -> None:
        """Learn from a run."""
        seconds = max(seconds, FLOOR)
        mean = self._means.get(function_id)
        self._means[function_id] = seconds if mean is None else 0.8 * mean + 0.2 * seconds


def pool_of(spec: JobSpec, queue: Queue) -> str:
    """Return the label that a job asks for: its own, its queue's, or by the kind of function."""
    return spec.pool or queue.pool or ("io" if spec.is_async else "cpu")


def missing(spec: JobSpec, pools: dict[str, Pool]) -> str | None:
    """Say in words what the cluster lacks for this job; None when a worker can run it."""
    pool = pools.get(spec.pool)
    here = ", ".join(
        f"{p.name} ({len(p.members)} workers, {p.slots} slots)" for p in pools.values() if p.members
    )
    if pool is None or not pool.members:
        return (
            f"no worker offers {spec.pool!r}; this cluster has {here or 'no workers'}. Start one "
            f"with `dask worker ADDRESS --resources '{spec.pool}=1'`, or say wait_for_workers=True"
        )
    if spec.slots > pool.slots:
        return (
            f"the job asks for {spec.slots} slots of {spec.pool!r}, and all its workers together "
            f"have {pool.slots}"
        )
    return None
