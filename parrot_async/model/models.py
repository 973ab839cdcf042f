"""What a job is: its node in the tree, its states and options, its result, error and usage."""

from collections import deque
from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal
from enum import IntEnum, StrEnum
from typing import TYPE_CHECKING, Any, Literal, NoReturn

from pydantic import BaseModel, ConfigDict, Field
from pydantic.dataclasses import dataclass

from parrot_async.errors import ErrorInfo, OptionsError
from parrot_async.model.texts import check_priority, check_texts, validated

JobId = str
LOG_LINES = 200


class Choice(StrEnum):
    """Words to choose from; any other raises OptionsError, which names them."""

    @classmethod
    def _missing_(cls, value: object) -> NoReturn:
        raise OptionsError(f"{value!r} is no {cls.__name__}: choose from {', '.join(cls)}")


class JobStatus(Choice):
    """The eight states of a job; the last three are terminal."""

    PLANNING = "planning"
    QUEUED = "queued"
    RUNNING = "running"
    WAITING_FOR_CHILDREN = "waiting_for_children"
    PAUSED = "paused"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def terminal(self) -> bool:
        """Whether a job never leaves this state."""
        return self in TERMINAL


_COMPLETED = JobStatus.COMPLETED  # Python 3.11 finds a member of an enum in 100 ns, a name in 10
TERMINAL = frozenset({JobStatus.COMPLETED, JobStatus.FAILED, JobStatus.CANCELLED})


class JobType(Choice):
    """A node's place in the tree: root job > plan > subplan > task > api call."""

    ROOT_JOB = "root_job"
    PLAN = "plan"
    SUBPLAN = "subplan"
    TASK = "task"
    API_CALL = "api_call"


class Priority(IntEnum):
    """Larger is sooner; any whole number in between is allowed."""

    LOW = -10
    NORMAL = 0
    HIGH = 10
    CRITICAL = 100


class FailurePolicy(Choice):
    """What a parent does when a child ends without a result."""

    FAIL = "fail"
    """Stop the other children and fail: the default of a plan."""
    COLLECT = "collect"
    """Let the others finish, then fail."""
    IGNORE = "ignore"
    """Let the others finish, then complete with the results that there are."""


Holder = Literal["person", "queue"]
"""Why a job is paused: a person paused it, or a job above it; or a person paused its queue."""


class Frozen(BaseModel):
    """A model that never changes and takes no unknown field."""

    model_config = ConfigDict(frozen=True, extra="forbid")


@dataclass(slots=True, frozen=True)
class JobResult:
    """Facts about a result; the value itself is fetched with `await handle`."""

    nbytes: int = 0
    preview: str = ""
    url: str | None = None
    source: JobId = ""
    """The earlier job whose result was taken, where this one did not run."""


@dataclass(slots=True, frozen=True)
class Usage:
    """What a job has spent: tokens, and money in US dollars.

    A cost that is not known is None, and never counts as nothing: in a sum, `unpriced` is how many
    tokens have no price, so that the cost is a lower bound.
    """

    input_tokens: int = 0
    output_tokens: int = 0
    cost: Decimal | None = None
    api: str = ""
    unpriced: int = 0

    @property
    def tokens(self) -> int:
        """Return the tokens in both directions."""
        return self.input_tokens + self.output_tokens

    def __add__(self, other: "Usage") -> "Usage":
        """Return the sum of two usages; the later named API is kept."""
        known = [cost for cost in (self.cost, other.cost) if cost is not None]
        return Usage(
            self.input_tokens + other.input_tokens,
            self.output_tokens + other.output_tokens,
            sum(known, Decimal(0)) if known else None,
            other.api or self.api,
            self._unpriced() + other._unpriced() if known else 0,
        )

    def _unpriced(self) -> int:
        return self.tokens if self.cost is None else self.unpriced


@dataclass(slots=True, frozen=True)
class LogLine:
    """One line that a job logged, printed or warned."""

    at: float
    level: str
    text: str


class RetryPolicy(Frozen):
    """How often and when a failed job runs again: exponential backoff with full jitter.

    The n-th pause is drawn evenly from [delay/2, delay] with delay = min(first * 2**n, longest)
    (Brooker, "Exponential Backoff And Jitter", AWS Architecture Blog, 2015: equal jitter).
    """

    retries: int = Field(default=0, ge=0)
    first: float = Field(default=1.0, ge=0)
    longest: float = Field(default=60.0, ge=0)
    on: tuple[str, ...] = ()
    """Names of errors ("ValueError", "httpx.ReadTimeout") to retry on; empty: any."""
    lost: int = Field(default=3, ge=0)
    """How often the job runs again after its worker died."""


class JobSpec(Frozen):
    """What all jobs of one submission have in common; the service fills in the queue's defaults."""

    title: str
    function: str = ""
    """`module:qualname` for people; empty for a plan, which has no body."""
    function_id: str | None = None
    """SHA-256 of the pickled function, by which the store and the workers keep it."""
    code: str = ""
    """Hash of the function's own code, where its pickle has only the name to import."""
    is_async: bool = False
    job_type: JobType = JobType.TASK
    description: str = ""
    prompt: str = ""
    queue: str = "default"
    pool: str = ""
    """Label of the workers that may run it: cpu, gpu, io or your own; empty: the queue decides."""
    slots: int = Field(default=1, ge=1)
    priority: int | None = None
    timeout: float | None = None
    """Seconds of running; None: the queue's; 0: none at all."""
    grace: float = Field(default=5.0, ge=0)
    """Seconds that a job has to stop when it is told to, before it is killed."""
    retry: RetryPolicy = RetryPolicy()
    weight: float = Field(default=1.0, gt=0, allow_inf_nan=False)
    on_failure: FailurePolicy = FailurePolicy.IGNORE
    sequential: bool = False
    expected: int | None = None
    """Number of children that a plan waits for; None where the body decides."""
    key: str | None = None
    result_ttl: float | None = None
    """Seconds that the result is kept after the end; None: for ever."""
    cache: str = ""
    """Hash of the function and all that its pickle holds, where results are shared by content."""
    wait_for_workers: bool = False
    """Wait for a worker that is not there yet, instead of failing as unschedulable."""
    max_depth: int | None = Field(default=None, ge=1)
    """Of a root: levels that bodies may give its tree; None: the service's, 500 by default."""
    max_jobs: int | None = Field(default=None, ge=1)
    """Of a root: jobs that bodies may give its tree; None: the service's, 1,000,000 by default."""


class Queue(Frozen):
    """A named lane: which workers serve it, and what its jobs get by default.

    OptionsError for a value that makes no sense.
    """

    name: str
    pool: str = ""
    """Empty: async functions go to io, the others to cpu."""
    priority: int = Priority.NORMAL
    timeout: float | None = Field(default=None, ge=0, allow_inf_nan=False)
    limit: int | None = Field(default=None, ge=1)
    """How many of its jobs may run at once; a job that waits for children does not count."""
    paused: bool = False
    """Whether its jobs are paused; `client.pause` and `client.resume` change it."""

    if not TYPE_CHECKING:  # a checker reads the names of the arguments from the fields

        def __init__(self, **fields: object) -> None:
            with validated("Queue"):
                super().__init__(**fields)
            check_texts(name=self.name, pool=self.pool)
            check_priority(self.priority)


QUEUES: tuple[Queue, ...] = (
    Queue(name="default"),
    Queue(name="fast", priority=5, timeout=30),
    Queue(name="medium", timeout=300),
    Queue(name="slow", priority=-5, timeout=7200),
    Queue(name="gpu", pool="gpu", timeout=7200),
    Queue(name="cpu", pool="cpu"),
    Queue(name="io", pool="io"),
    Queue(name="ingest", timeout=None),
    Queue(name="embeddings", timeout=7200),
    Queue(name="rag", pool="io", priority=5, timeout=300),
    Queue(name="agents", pool="io", timeout=1800),
)
"""The queues that every cluster knows; `client.set_queue` changes one or adds another."""


@dataclass(slots=True)
class Bills:
    """The numbers that were seen: all up to one, and those beyond it that came early."""

    upto: int = 0
    beyond: frozenset[int] = frozenset()

    def is_new(self, number: int) -> bool:
        """Note a number; returns whether it had not been seen."""
        if number <= self.upto or number in self.beyond:
            return False
        self.beyond |= {number}
        while self.upto + 1 in self.beyond:
            self.upto += 1
            self.beyond -= {self.upto}
        return True


@dataclass(slots=True)
class Attempt:
    """One execution of a job's body, by the worker that ran it."""

    number: int
    worker: str
    started_at: datetime
    ended_at: datetime | None = None
    error: ErrorInfo | None = None


def utc(at: float) -> datetime:
    """Return the aware UTC time of `at` seconds since the epoch."""
    return datetime.fromtimestamp(at, UTC)


@dataclass(slots=True, kw_only=True)
class JobNode:
    """A node of the job tree, as the events made it; only `tree.JobTree` changes it."""

    id: JobId
    spec: JobSpec
    parent_id: JobId | None = None
    title: str = ""
    depth: int = 0
    status: JobStatus = JobStatus.QUEUED
    stage: JobStatus = JobStatus.QUEUED
    """The state without regard to a pause; PAUSED: its body is paused at a checkpoint."""
    arguments: str = ""
    depends_on: tuple[JobId, ...] = ()
    known_as: tuple[JobId, ...] = ()
    """What the arguments call the jobs in `depends_on`, one each; empty: by their ids."""
    origin: JobId | None = None
    """The job that this one runs again."""

    children: Sequence[JobId] = ()
    child_counts: dict[JobStatus, int] | None = None
    """How many children are in which state; None without children."""
    incomplete_below: bool = False
    """Whether a job below it, at any depth, has ended without a result."""
    child_weight: float = 0.0
    child_progress: float = 0.0
    """Sum of weight * progress of the children, kept so that their mean is cheap to read."""
    counted_progress: float = 0.0
    """The progress of this node that its parent's sum contains."""

    attempt: int = 0
    past: list[Attempt] | None = None
    """Attempts before the latest one."""
    begun_at: datetime | None = None
    ended_at: datetime | None = None
    attempt_error: ErrorInfo | None = None
    """Begin, end and error of the latest attempt, flat: most jobs have only one."""
    worker: str = ""
    result: JobResult | None = None
    error: ErrorInfo | None = None

    created_at: datetime | None = None
    started_at: datetime | None = None
    completed_at: datetime | None = None
    retry_at: datetime | None = None
    saved_at: datetime | None = None
    """When its body last saved a state for a later attempt."""
    turned_at: float = 0.0
    """When it last began or stopped to wait or pause, by which an older such event is ignored."""
    cancel_requested: bool = False
    held_by: frozenset[Holder] = frozenset()
    """Who paused it, until they resume it."""
    held_at: float = 0.0
    """When that last changed, by which an older such event is ignored."""
    rested: float = 0.0
    """Seconds for which the latest attempt, or the plan, has been paused so far."""

    own_progress: float = 0.0
    current_step: str = ""
    steps_completed: int = 0
    total_steps: int = 0
    usage: Usage | None = None
    """What this node and all below it have spent; None: nothing yet."""
    own_usage: Usage | None = None
    bills: dict[int, "Bills"] | None = None
    """By attempt: which of its usage has been counted."""
    logs: deque[LogLine] | None = None

    @property
    def progress_percentage(self) -> float:
        """Return progress in percent: 100 when completed, else its own or its children's mean."""
        if self.status is _COMPLETED:
            return 100.0
        if self.own_progress or not self.child_weight:
            return self.own_progress
        weight = self.child_weight
        if self.spec.expected is not None and len(self.children) < self.spec.expected:
            weight *= self.spec.expected / len(self.children)
        return min(max(self.child_progress / weight, 0.0), 100.0)

    @property
    def pause_requested(self) -> bool:
        """Whether it is paused but still runs, until its next checkpoint."""
        return bool(self.held_by) and self.status is not JobStatus.PAUSED

    @property
    def attempts(self) -> list[Attempt]:
        """Return all executions of the body, the latest last."""
        past = self.past or []
        if self.begun_at is None:
            return list(past)
        latest = (self.attempt, self.worker, self.begun_at, self.ended_at, self.attempt_error)
        return [*past, Attempt(*latest)]

    @property
    def job_type(self) -> JobType:
        """Return root job, plan, subplan, task or API call."""
        return self.spec.job_type

    @property
    def priority(self) -> int:
        """Return the priority; larger is sooner."""
        return self.spec.priority or 0

    @property
    def root_id(self) -> JobId:
        """Return the id of the root of its tree."""
        return root_of(self.id)


def root_of(job_id: JobId) -> JobId:
    """Return the root's id: children are named `<parent>.<ordinal>`."""
    return job_id.partition(".")[0]


def parent_of(job_id: JobId) -> JobId | None:
    """Return the parent's id, or None for a root."""
    return job_id.rpartition(".")[0] or None


Payload = Any
"""A user's own value."""
