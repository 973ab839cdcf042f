"""Which workers there are, by the label of their pool, and how much each has to do."""

from dataclasses import dataclass, field
from typing import NamedTuple

from parrot_async.model.models import JobSpec, Queue

LOOKAHEAD = 0.1
"""Seconds of work that a slot may have waiting on its worker, so that it never runs dry."""
QUICK = 0.05
"""Seconds: jobs below this travel in batches and wait on the worker, others in the service."""
FLOOR = 50e-6
"""Seconds: what a job costs at least, whatever was measured."""
MOST_AHEAD = 2048
"""Jobs that a pool may have on its workers beyond its slots."""


@dataclass(slots=True, eq=False)
class Member:
    """A worker, as all pools see it that it serves."""

    address: str
    slots: int
    attempts: int = 0
    """How many are sent and neither ended nor waiting."""
    taken: int = 0
    """Slots that they asked for; one that asks for many takes other workers' as well."""
    backlog: float = 0.0
    """Expected seconds of those attempts."""
    stuck: bool = False
    """Set while all its slots run what takes much longer than expected."""
    away: bool = False
    """Set while Dask has it start nothing."""
    refused: set[str] = field(default_factory=set)
    """Ids of functions whose modules it has in another version; it is replaced when it is idle."""
    present: int = 0
    """How many attempts are on it, with those that wait."""

    @property
    def load(self) -> tuple[bool, bool, float, float, float]:
        """What workers are compared by: the least loaded one gets the next attempt."""
        backlog = self.backlog / self.slots if self.attempts >= self.slots else 0.0
        busy, present = self.attempts / self.slots, self.present / self.slots
        # Parents that wait take no slot, and would all come to the first worker.
        return self.away, self.stuck, backlog, busy, present

    @property
    def has_room(self) -> bool:
        """Whether an attempt would start there at once."""
        return self.attempts < self.slots and not self.away

    def take(self, slots: int, expected: float) -> "TakenSlots":
        """Count an attempt that is sent, or that runs again after it waited."""
        self.attempts += 1
        self.taken += slots
        self.backlog += expected
        return TakenSlots(self, slots, expected)


class TakenSlots(NamedTuple):
    """What an attempt takes of a worker."""

    member: Member
    slots: int
    expected: float

    def free(self) -> None:
        """Count an attempt that ended, waits, or came back."""
        member = self.member
        member.attempts -= 1
        member.taken -= self.slots
        member.stuck = False
        member.backlog = member.backlog - self.expected if member.attempts else 0.0


@dataclass(slots=True)
class Pool:
    """The workers of one label."""

    name: str
    members: dict[str, Member] = field(default_factory=dict)
    left_at: float | None = None
    """When a worker last left, in monotonic seconds."""

    @property
    def slots(self) -> int:
        """All slots of all workers."""
        return sum(member.slots for member in self.members.values())

    def admits(self, slots: int, expected: float | None) -> bool:
        """Whether an attempt may be sent now: into a free slot, or ahead when it is quick."""
        free = sum(m.slots - m.taken for m in self.members.values() if not m.away)
        return slots <= free or (slots == 1 and self._admits_ahead(expected))

    def _admits_ahead(self, expected: float | None) -> bool:
        if expected is None or expected > QUICK:
            return False
        backlog, most, count = expected, 0.0, 0
        for member in self.members.values():
            if not member.stuck and not member.away:
                backlog += member.backlog
                most += LOOKAHEAD * member.slots
                count += member.attempts - member.slots
        return backlog <= most and count < MOST_AHEAD

    def least_loaded(self) -> Member:
        """Return the worker to which the next attempt goes."""
        if len(self.members) == 1:
            return next(iter(self.members.values()))
        return min(self.members.values(), key=lambda member: member.load)

    def taker(self, function_id: str | None) -> Member | None:
        """Return the least loaded worker that has room and does not refuse a function, or None."""
        able = [m for m in self.members.values() if m.has_room and function_id not in m.refused]
        return min(able, key=lambda member: member.load, default=None)


class Durations:
    """Moving mean of how long each function runs, in seconds."""

    def __init__(self) -> None:
        """Start without any."""
        self._means: dict[str | None, float] = {}

    def expected(self, function_id: str | None) -> float | None:
        """Return the seconds that this function takes; None where that is not known."""
        return self._means.get(function_id)

    def means(self) -> dict[str | None, float]:
        """Return all that is known."""
        return dict(self._means)

    def observe(self, function_id: str | None, seconds: float) -> None:
        """Count an attempt that took so many seconds."""
        seconds = max(seconds, FLOOR)
        mean = self._means.get(function_id)
        self._means[function_id] = seconds if mean is None else 0.8 * mean + 0.2 * seconds


def pool_of(spec: JobSpec, queue: Queue) -> str:
    """Return the label that a job asks for: its own, its queue's, or by the kind of function."""
    return spec.pool or queue.pool or ("io" if spec.is_async else "cpu")


def missing(spec: JobSpec, pools: dict[str, Pool]) -> str | None:
    """Say in words what the cluster lacks for this job; None when a worker can run it."""
    pool = pools.get(spec.pool)
    if pool is None or not pool.members:
        here = ", ".join(
            f"{p.name} ({len(p.members)} workers, {p.slots} slots)"
            for p in pools.values()
            if p.members
        )
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
