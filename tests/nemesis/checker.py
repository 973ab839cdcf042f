"""Objects to every history that breaks a promise of the design (shared/DESIGN.md, 4)."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from parrot_async.errors import ErrorInfo
from parrot_async.model.events import (
    AttemptFailed,
    Cancelled,
    Completed,
    Event,
    Failed,
    Started,
    Submitted,
)
from parrot_async.model.models import FailurePolicy, JobId, JobSpec, JobStatus, parent_of, root_of
from parrot_async.model.tree import fold
from tests.nemesis.history import Execution, History

PROMISES = {
    "accepted": "no accepted job is lost",
    "end": "each job ends, once",
    "parent": "no parent contradicts its children",
    "body": "what completed was executed",
    "result": "each result is written once, and is right",
    "fenced": "an attempt says nothing after the next one began",
    "again": "what completed does not run again, and nothing runs twice without a cause",
    "lease": "a service whose lease was over starts nothing of what another has claimed",
    "processes": "no process of a job outlives it",
    "tree": "the folded tree says the same as the log",
}
"""What is checked, by the word that an objection begins with."""

ENDS = {
    Completed: JobStatus.COMPLETED,
    Failed: JobStatus.FAILED,
    Cancelled: JobStatus.CANCELLED,
}


@dataclass(slots=True)
class Life:
    """What the log says of one job, each with its place in the log."""

    spec: JobSpec
    born: int
    started: dict[int, int] = field(default_factory=dict)
    """By attempt."""
    said: list[tuple[int, int]] = field(default_factory=list)
    """Place and attempt of all that attempts said."""
    over: dict[int, ErrorInfo] = field(default_factory=dict)
    """Attempts that failed, and their errors."""
    ends: list[tuple[int, JobStatus, int]] = field(default_factory=list)
    """Place, state, and the attempt that completed."""

    @property
    def status(self) -> JobStatus | None:
        """The state that it ended in."""
        return self.ends[0][1] if self.ends else None


def check(history: History) -> list[str]:
    """Return what breaks a promise, a sentence each; empty where all were kept."""
    objections = [*_lost(history), *_lease(history), *_processes(history)]
    for root_id, log in history.events.items():
        lives = lives_in(log)
        runs: defaultdict[JobId, list[Execution]] = defaultdict(list)
        for run in history.executions:
            if root_of(run.job_id) == root_id:
                runs[run.job_id].append(run)
        for job_id, life in lives.items():
            objections += _ends(job_id, life)
            objections += _parent(job_id, life, lives)
            objections += _fenced(job_id, life)
            objections += _body(job_id, life, runs[job_id])
            objections += _again(job_id, life, runs[job_id], history)
            objections += _result(job_id, life, history)
        objections += _strangers(lives, runs)
        objections += _tree(log, lives)
    return objections


def lives_in(log: Iterable[Event]) -> dict[JobId, Life]:
    """Read each job's life out of a tree's log."""
    lives: dict[JobId, Life] = {}
    for place, event in enumerate(log):
        if isinstance(event, Submitted):
            for job_id in event.ids:
                lives.setdefault(job_id, Life(event.spec, place))
        elif isinstance(event, Completed | AttemptFailed | Started):
            _note_attempts(place, event, lives)
        if isinstance(event, Completed | Failed | Cancelled):
            attempts = event.attempts if isinstance(event, Completed) else (0,) * len(event.ids)
            for job_id, attempt in zip(event.ids, attempts, strict=True):
                lives[job_id].ends.append((place, ENDS[type(event)], attempt))
    return lives


def _note_attempts(
    place: int, event: Completed | AttemptFailed | Started, lives: dict[JobId, Life]
) -> None:
    for index, (job_id, attempt) in enumerate(zip(event.ids, event.attempts, strict=True)):
        life = lives[job_id]
        if isinstance(event, Started):
            life.started.setdefault(attempt, place)
        if isinstance(event, AttemptFailed):
            life.over[attempt] = event.errors[index]
        if life.spec.function_id is not None:
            life.said.append((place, attempt))


def _lost(history: History) -> Iterator[str]:
    for root_id in history.accepted:
        log = history.events.get(root_id, [])
        if not any(isinstance(event, Submitted) and root_id in event.ids for event in log):
            yield f"accepted: {root_id} was accepted and is not in the store"


def _ends(job_id: JobId, life: Life) -> Iterator[str]:
    if not life.ends:
        yield f"end: {job_id} did not end"
    if len(life.ends) > 1:
        yield f"end: {job_id} ended {len(life.ends)} times: {[str(end[1]) for end in life.ends]}"


def _parent(job_id: JobId, life: Life, lives: dict[JobId, Life]) -> Iterator[str]:
    parent = lives.get(parent_of(job_id) or "")
    if parent is None:
        if parent_of(job_id) is not None:
            yield f"parent: {job_id} has no parent in the log"
        return
    if not parent.ends:
        return
    end, status, _ = parent.ends[0]
    if life.born > end:
        yield f"parent: {job_id} was born after the end of its parent"
    if life.ends and life.ends[0][0] > end:
        yield f"parent: {job_id} ended after its parent"
    is_plan = parent.spec.function_id is None
    forgiving = parent.spec.on_failure is FailurePolicy.IGNORE
    if is_plan and not forgiving and (status, life.status) == (JobStatus.COMPLETED, "failed"):
        yield f"parent: {job_id} failed, and the plan above it completed"


def _fenced(job_id: JobId, life: Life) -> Iterator[str]:
    newest = 0
    for place, attempt in life.said:
        if attempt < newest:
            yield f"fenced: attempt {attempt} of {job_id} spoke at {place}, after {newest} began"
        newest = max(newest, attempt)
    if life.ends and any(place > life.ends[0][0] for place in life.started.values()):
        yield f"fenced: {job_id} began after its end"
    if life.ends and life.ends[0][2] in life.over:
        yield f"fenced: {job_id} completed by attempt {life.ends[0][2]}, which had failed"


def _body(job_id: JobId, life: Life, runs: list[Execution]) -> Iterator[str]:
    if life.spec.function_id is None or life.status is not JobStatus.COMPLETED:
        return
    if not runs:
        yield f"body: {job_id} completed and never ran"
    elif life.ends[0][2] not in {run.attempt for run in runs}:
        yield f"body: {job_id} completed by attempt {life.ends[0][2]}, which never ran"


def _again(job_id: JobId, life: Life, runs: list[Execution], history: History) -> Iterator[str]:
    attempts = sorted(run.attempt for run in runs)
    if len(set(attempts)) < len(attempts):
        yield f"again: an attempt of {job_id} was executed twice: {attempts}"
    if life.status is JobStatus.COMPLETED and any(n > life.ends[0][2] for n in attempts):
        yield f"again: {job_id} completed by attempt {life.ends[0][2]} and ran again: {attempts}"
    for run in sorted(runs, key=lambda run: run.attempt)[:-1]:
        if run.attempt in life.started and run.attempt not in life.over:
            yield f"again: {job_id} ran again, and nothing had befallen attempt {run.attempt}"
        elif _is_lost_alive(run, life.over.get(run.attempt), history):
            yield f"again: {job_id} ran again, and worker {run.pid} of {run.attempt} had not died"


def _is_lost_alive(run: Execution, error: ErrorInfo | None, history: History) -> bool:
    """Whether an attempt counts as lost although its process lives and nothing explains it."""
    if error is not None and error.kind != "lost":
        return False
    explained = error is not None and any(cause in error.message for cause in history.causes)
    lapsed = history.lapse is not None and run.pid in history.lapse.workers
    return not explained and not lapsed and run.pid not in history.dead


def _lease(history: History) -> Iterator[str]:
    if history.lapse is not None and history.lapse.batches:
        yield f"lease: {history.lapse.batches} batches were sent of trees that were claimed"


def _processes(history: History) -> Iterator[str]:
    for pid in history.left:
        yield f"processes: {pid} lives, and the job that started it is over"


def _result(job_id: JobId, life: Life, history: History) -> Iterator[str]:
    has_value = life.spec.function_id is not None and life.status is JobStatus.COMPLETED
    if has_value and job_id not in history.results:
        yield f"result: {job_id} completed, and the store has no value of it"
    if job_id in history.expected:
        found, wanted = history.results.get(job_id), history.expected[job_id]
        if found != wanted:
            yield f"result: {job_id} gave {found!r:.80}, not {wanted!r:.80}"


def _strangers(lives: dict[JobId, Life], runs: dict[JobId, list[Execution]]) -> Iterator[str]:
    for job_id in runs:
        if job_id not in lives:
            yield f"accepted: {job_id} ran and is not in the log"


def _tree(log: Iterable[Event], lives: dict[JobId, Life]) -> Iterator[str]:
    tree = fold(log)
    for job_id, life in lives.items():
        status = tree[job_id].status if job_id in tree else None
        if life.ends and status is not life.status:
            yield f"tree: {job_id} is {status} in the tree and {life.status} in the log"
