"""What the service remembers of a job until it has ended."""

import time
from asyncio import TimerHandle
from dataclasses import dataclass
from typing import Literal

from parrot_async.errors import ErrorInfo
from parrot_async.model.models import FailurePolicy, JobId, JobNode, JobResult
from parrot_async.service.engine.pools import Hold
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
"""Where a job is: waiting for others, for a slot, for what it needs from the store, on a worker
(in three ways), for its next attempt, a plan whose children run, with an end that waits for its
children's, or over."""

IN_FLIGHT: frozenset[State] = frozenset({"sent", "running", "waiting"})


@dataclass(slots=True, eq=False)
class Run:
    """One job on its way through the executor."""

    node: JobNode
    tree_order: int
    parent: "Run | None" = None
    needs: tuple[JobId, ...] = ()
    arguments: bytes | None = None
    """None where they are big, and wait in the store."""
    fingerprint: str = ""
    state: State = "blocked"
    blockers: int = 0
    """How many others must end before this one can start; a plan's child waits for it too."""
    followers: "list[tuple[Run, bool]] | None" = None
    """Those that wait for this one; True for those that need its result."""
    children: "dict[JobId, Run] | None" = None
    """Those that have not ended."""
    last_child: "Run | None" = None
    prints: "dict[JobId, str] | None" = None
    """Fingerprints of all children that a body ever had."""
    unclaimed: "dict[str, list[JobId]] | None" = None
    """Children of earlier attempts by fingerprint, for this attempt to find them again."""
    reuse: bool = False
    """Whether its children take results of those of the job that it runs again."""
    earlier: "dict[str, list[JobId]] | None" = None
    """Those by fingerprint, once the body has asked for children."""
    expected: int | None = None
    """How many children a plan will have."""
    ended_children: int = 0
    bad_child: ErrorInfo | None = None
    bad_children: int = 0
    next_ordinal: int = 0
    attempt: int = 0
    failed: int = 0
    lost: int = 0
    unstarted: int = 0
    worker: str = ""
    sent: float = 0.0
    started: float = 0.0
    holds: Hold | None = None
    """What it takes of its worker; None while it holds no slot."""
    waited: bool = False
    timer: TimerHandle | None = None
    left: float | None = None
    """Seconds of its timeout that are left when it goes on; None while the time runs."""
    stop: ErrorInfo | None = None
    """Why it was told to stop."""
    end: End | None = None
    """What waits for the children to end."""

    @property
    def id(self) -> JobId:
        """The job's id."""
        return self.node.id

    @property
    def has_body(self) -> bool:
        """False for a plan."""
        return self.node.spec.function_id is not None

    def cancel_timer(self) -> None:
        """Forget what was to happen later."""
        if self.timer is not None:
            self.timer.cancel()
            self.timer = None

    def end_as_plan(self) -> End:
        """Return how a plan ends of which all children have ended."""
        count, good = self.ended_children, self.ended_children - self.bad_children
        if self.bad_children and self.node.spec.on_failure is not FailurePolicy.IGNORE:
            first = self.bad_child.message if self.bad_child else "no result"
            message = f"{self.bad_children:,} of {count:,} children did not complete: {first}"
            return End(time.time(), error=ErrorInfo("children", message))
        done = JobResult(preview=f"{good:,} of {count:,} children completed")
        return End(time.time(), result=done)
