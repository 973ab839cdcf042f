"""A job as the service tracks it until it has ended, and which state may follow which."""

from asyncio import TimerHandle
from dataclasses import dataclass
from typing import Literal

from parrot_async.errors import ErrorInfo
from parrot_async.model.models import JobId, JobNode
from parrot_async.service.engine.pools import TakenSlots
from parrot_async.service.journal.ends import End

State = Literal[
    "blocked",
    "ready",
    "loading",
    "sent",
    "running",
    "waiting",
    "backoff",
    "plan",
    "draining",
    "ended",
]
"""Where a job is. It waits for other jobs (blocked), for a slot (ready), for its arguments from the
store (loading); it is on a worker and has not begun (sent), runs, or has given its slot back
(waiting); it waits for its next attempt (backoff); it is a plan whose children run (plan); its end
is known and waits for its children's ends (draining); it is over (ended)."""

NEXT: dict[State, frozenset[State]] = {
    "blocked": frozenset({"ready", "plan", "backoff", "draining", "ended"}),
    "ready": frozenset({"loading", "draining", "ended"}),
    "loading": frozenset({"sent", "ready", "draining", "ended"}),
    "sent": frozenset({"running", "waiting", "ready", "backoff", "draining", "ended"}),
    "running": frozenset({"waiting", "backoff", "draining", "ended"}),
    "waiting": frozenset({"running", "backoff", "draining", "ended"}),
    "backoff": frozenset({"ready", "draining", "ended"}),
    "plan": frozenset({"draining", "ended"}),
    "draining": frozenset({"ended"}),
    "ended": frozenset(),
}
"""What may follow each state.

Sent may be followed by waiting, since a runner may report that a body waits before it reports that
it has begun.
"""

IN_FLIGHT: frozenset[State] = frozenset({"sent", "running", "waiting"})
"""The states of a job that is on a worker."""


class TransitionError(RuntimeError):
    """A job was to enter a state that may not follow the one it is in: a fault of this package."""

    def __init__(self, job_id: JobId, before: State, after: State) -> None:
        """Name the job and both states."""
        super().__init__(
            f"job {job_id} is {before}, and {after!r} may not follow that. This is a fault of "
            "parrot_async: report it, with the scheduler's log"
        )


@dataclass(slots=True, eq=False)
class TrackedJob:
    """One job on its way through the service, from accepted to ended.

    Its states, and what may follow each::

        blocked --> ready --> loading --> sent --> running <--> waiting
          |  |       ^  ^        |        |  |        |            |
          |  |       |  +--------+--------+  |        |            |
          |  |       |  not loaded, given    |        |            |
          |  |       |  back by its worker   v        v            v
          |  +--> backoff <------------------+--------+------------+
          |    recovered                another attempt follows
          v
        plan

        each of these --> draining --> ended    where its children have to end first
        each of these --> ended

        blocked: ready, plan, backoff, draining, ended
        ready: loading, draining, ended
        loading: sent, ready, draining, ended
        sent: running, waiting, ready, backoff, draining, ended
        running: waiting, backoff, draining, ended
        waiting: running, backoff, draining, ended
        backoff: ready, draining, ended
        plan: draining, ended
        draining: ended
        ended: nothing

    Runs on: the scheduler's loop.
    """

    node: JobNode
    tree_order: int
    parent: "TrackedJob | None" = None
    needs: tuple[JobId, ...] = ()
    arguments: bytes | None = None
    """None where they are big, and wait in the store."""
    fingerprint: str = ""
    state: State = "blocked"
    """Read it anywhere; only `to` changes it."""
    blockers: int = 0
    """How many others must end before this one can start; a plan's child waits for it too."""
    followers: "list[tuple[TrackedJob, bool]] | None" = None
    """Those that wait for this one; True for those that need its result."""
    children: "dict[JobId, TrackedJob] | None" = None
    """Those that have not ended."""
    last_child: "TrackedJob | None" = None
    prints: "dict[JobId, str] | None" = None
    """Fingerprints of all children that a body ever had."""
    unclaimed: "dict[str, list[JobId]] | None" = None
    """Children of earlier attempts by fingerprint, for this attempt to find them again."""
    reuse: bool = False
    """Whether its children take results of those of the job that it runs again."""
    recovered: bool = False
    """Whether another service accepted it, so that its modules may have been edited since."""
    earlier: "dict[str, list[JobId]] | None" = None
    """Those by fingerprint, once the body has asked for children."""
    expected: int | None = None
    """How many children a plan will have."""
    ended_children: int = 0
    bad_child: ErrorInfo | None = None
    """The error of the first child that did not complete."""
    bad_children: int = 0
    """How many children did not complete."""
    next_ordinal: int = 0
    attempt: int = 0
    failed: int = 0
    """How many attempts raised or timed out."""
    lost: int = 0
    """How many attempts were lost with their worker, of those that count against the job."""
    unstarted: int = 0
    """How many attempts were lost before they had begun."""
    worker: str = ""
    ready_since: float = 0.0
    """When it was queued for its pool, in monotonic seconds."""
    sent: float = 0.0
    """When the attempt was sent, in monotonic seconds."""
    started: float = 0.0
    """When the attempt began, in seconds since the epoch, by the worker's clock."""
    taken: TakenSlots | None = None
    """What it takes of its worker; None while it has no slot."""
    waited: bool = False
    """Whether this attempt gave its slot back, so that its duration says little."""
    confirmed: float = 0.0
    """When its worker last said that it has the attempt, in monotonic seconds."""
    children_before: int = 0
    """How many of its children had been accepted and had ended, together, when it was sent."""
    timer: TimerHandle | None = None
    time_left: float | None = None
    """Seconds of its timeout that are left when it is resumed; None while the time runs."""
    stop: ErrorInfo | None = None
    """Why it was told to stop."""
    end: End | None = None
    """How it ends, once its children have ended."""

    @property
    def id(self) -> JobId:
        """The job's id."""
        return self.node.id

    @property
    def has_body(self) -> bool:
        """False for a plan."""
        return self.node.spec.function_id is not None

    @property
    def progressed(self) -> bool:
        """Whether this attempt only waits, or has had children accepted or seen some end."""
        return (
            self.state == "waiting"
            or self.next_ordinal + self.ended_children > self.children_before
        )

    def to(self, state: State) -> None:
        """Enter a state. Raises TransitionError where it may not follow the present one."""
        if state not in NEXT[self.state]:
            raise TransitionError(self.id, self.state, state)
        self.state = state

    def cancel_timer(self) -> None:
        """Forget what was to happen later."""
        if self.timer is not None:
            self.timer.cancel()
            self.timer = None
