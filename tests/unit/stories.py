"""Short ways to write events down, for the tests of all that reads a tree."""

from collections.abc import Sequence

from parrot_async.errors import ErrorInfo
from parrot_async.model.events import (
    AttemptFailed,
    Cancelled,
    Completed,
    Event,
    Failed,
    Progressed,
    Requeued,
    Started,
    Submitted,
    Waiting,
)
from parrot_async.model.models import JobResult, JobSpec, JobType
from parrot_async.model.tree import JobTree, fold

PLAN = JobSpec(title="plan", job_type=JobType.PLAN)
TASK = JobSpec(title="task", function="tests:task")
WORKER = "tls://127.0.0.1:40001"
BROKEN = ErrorInfo("exception", "broken", "ValueError", "Traceback: line 3\nValueError: broken")
LOST = ErrorInfo("lost", "its worker died")


def submitted(
    *ids: str,
    spec: JobSpec = TASK,
    at: float = 0,
    titles: Sequence[str] = (),
    planning: bool = False,
) -> Submitted:
    """The jobs are accepted below the parent that their ids name."""
    parent_id = ids[0].rpartition(".")[0] or None
    return Submitted(
        at=at, spec=spec, ids=ids, parent_id=parent_id, titles=tuple(titles), planning=planning
    )


def started(*ids: str, attempt: int = 1, at: float = 1) -> Started:
    """An attempt of each begins."""
    n = len(ids)
    return Started(ids=ids, attempts=(attempt,) * n, at=(at,) * n, worker=WORKER)


def progressed(
    *ids: str, percent: float, attempt: int = 1, step: str = "", done: int = 0, total: int = 0
) -> Progressed:
    """All are equally far."""
    n = len(ids)
    return Progressed(
        ids=ids,
        attempts=(attempt,) * n,
        percents=(percent,) * n,
        steps=(step,) * n,
        done=(done,) * n,
        totals=(total,) * n,
    )


def waiting(*ids: str, attempt: int = 0, at: float = 0) -> Waiting:
    """Plans, or bodies when an attempt is given, wait for their children."""
    return Waiting(ids=ids, attempts=(attempt,) * len(ids), at=at)


def completed(*ids: str, attempt: int = 1, at: float = 9, preview: str = "42") -> Completed:
    """All end with the same result."""
    n = len(ids)
    results = (JobResult(2, preview),) * n
    return Completed(ids=ids, attempts=(attempt,) * n, at=(at,) * n, results=results)


def attempt_failed(
    *ids: str, attempt: int = 1, at: float = 5, error: ErrorInfo = BROKEN
) -> AttemptFailed:
    """The attempt of each ends with the same error."""
    n = len(ids)
    return AttemptFailed(ids=ids, attempts=(attempt,) * n, at=(at,) * n, errors=(error,) * n)


def requeued(*ids: str, at: float = 6) -> Requeued:
    """All wait a second for their next attempt."""
    return Requeued(ids=ids, at=at, retry_at=(at + 1,) * len(ids))


def failed(*ids: str, at: float = 9, error: ErrorInfo = BROKEN) -> Failed:
    """All end with the same error."""
    return Failed(ids=ids, at=(at,) * len(ids), errors=(error,) * len(ids))


def cancelled(*ids: str, at: float = 9) -> Cancelled:
    """All are stopped."""
    error = ErrorInfo("cancelled", "cancelled by a person")
    return Cancelled(ids=ids, at=(at,) * len(ids), errors=(error,) * len(ids))


def family(children: int, *more: Event, titles: Sequence[str] = ()) -> JobTree:
    """A plan "r" that waits for its children "r.0", "r.1", ..., and what happens then."""
    ids = tuple(f"r.{number}" for number in range(children))
    return fold([submitted("r", spec=PLAN), submitted(*ids, titles=titles), waiting("r"), *more])
