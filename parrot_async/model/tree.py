"""The tree of one root job, folded from its events: the only place where a status lives."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from typing import ClassVar

from parrot_async.errors import ErrorInfo
from parrot_async.model.events import (
    AttemptFailed,
    Cancelled,
    CancelRequested,
    Checkpointed,
    Completed,
    Continued,
    Event,
    Failed,
    Ids,
    Logged,
    Paused,
    PauseRequested,
    Progressed,
    Requeued,
    Resumed,
    Spent,
    Started,
    Submitted,
    Waiting,
)
from parrot_async.model.models import (
    LOG_LINES,
    TERMINAL,
    Frozen,
    JobId,
    JobNode,
    JobSpec,
    JobStatus,
    utc,
)
from parrot_async.model.nodes import (
    NOBODY,
    PAUSED,
    RUNNING,
    WAITING,
    blank_node,
    close,
    end_time,
    forget_progress,
    hold,
    is_billed,
    is_newer,
    is_over,
    note_incomplete,
    retire,
    shared,
    shown_status,
)

FULL = 100.0
# Python 3.11 finds a member of an enum in 100 ns, a name in 10.
QUEUED, COMPLETED = JobStatus.QUEUED, JobStatus.COMPLETED
UNSTARTED = frozenset({JobStatus.PLANNING, QUEUED})
ACTIVE = frozenset({RUNNING, WAITING, PAUSED})
"""States in which an attempt holds the job."""
_STAGES: dict[type[Frozen], JobStatus] = {Waiting: WAITING, Paused: PAUSED, Continued: RUNNING}


class JobTree:
    """The jobs of one root, by id, in the order of their submission.

    `apply` never raises and never leaves a terminal state. Repeats, late events of an older
    attempt and events of unknown jobs change nothing. Events come in order, and who misses one
    asks for the tree anew; only `Progressed`, whose latest counts, relies on that order.

    Runs on: any one thread at a time; it has no lock.
    """

    __slots__ = ("nodes", "rev", "root_id")

    def __init__(self) -> None:
        self.nodes: dict[JobId, JobNode] = {}
        self.root_id: JobId | None = None
        self.rev = 0

    @property
    def root(self) -> JobNode:
        """Return the root's node; raises LookupError as long as no job was submitted."""
        if self.root_id is None:
            raise LookupError("this tree has no job yet")
        return self.nodes[self.root_id]

    def __getitem__(self, job_id: JobId) -> JobNode:
        return self.nodes[job_id]

    def __contains__(self, job_id: object) -> bool:
        return job_id in self.nodes

    def __len__(self) -> int:
        return len(self.nodes)

    def children(self, job_id: JobId) -> Iterator[JobNode]:
        """Return the jobs directly below one, in the order of their submission."""
        return (self.nodes[child_id] for child_id in self.nodes[job_id].children)

    def walk(self, job_id: JobId | None = None) -> Iterator[JobNode]:
        """Yield a job, or the root, and all jobs below it, each before its children."""
        start = self.root_id if job_id is None else job_id
        pending = [] if start is None else [start]
        while pending:
            node = self.nodes[pending.pop()]
            yield node
            pending.extend(reversed(node.children))

    def apply(self, event: Event) -> Ids:
        """Apply one event; returns the ids of its jobs (their ancestors may have changed too)."""
        self.rev += 1
        return self._handlers[type(event)](self, event)

    def _rise(self, node: JobNode) -> None:
        """Update the mean progress of all ancestors of a job whose progress may have changed."""
        while node.parent_id is not None:
            progress = node.progress_percentage
            if progress == node.counted_progress:
                return
            parent = self.nodes[node.parent_id]
            parent.child_progress += node.spec.weight * (progress - node.counted_progress)
            node.counted_progress = progress
            node = parent

    def _settle(self, changed: list[JobNode]) -> None:
        """Do the same for many jobs, but only once for each of their parents."""
        if len(changed) == 1:
            self._rise(changed[0])
            return
        nodes = self.nodes
        above: dict[JobId, None] = {}  # a set would add up in another order in each process
        for node in changed:
            progress, parent_id = node.progress_percentage, node.parent_id
            if parent_id is not None and progress != node.counted_progress:
                delta = node.spec.weight * (progress - node.counted_progress)
                nodes[parent_id].child_progress += delta
                node.counted_progress = progress
                above[parent_id] = None
        for parent_id in above:
            self._rise(nodes[parent_id])

    def _turn(self, node: JobNode, stage: JobStatus) -> None:
        """Move a job to its next stage; its shown state follows, unless it is paused."""
        node.stage = stage
        self._show(node, stage if not node.held_by and stage is not PAUSED else shown_status(node))

    def _show(self, node: JobNode, status: JobStatus) -> None:
        """Change a job's shown state and its parent's counts, and then a paused parent's state.

        A paused parent is PAUSED when none of its children runs.
        """
        while status is not node.status:
            parent = None if node.parent_id is None else self.nodes[node.parent_id]
            counts = None if parent is None else parent.child_counts
            if counts is not None:
                counts[node.status] -= 1
                counts[status] = counts.get(status, 0) + 1
            node.status = status
            if parent is None or not parent.held_by:
                return
            node, status = parent, shown_status(parent)

    def _submitted(self, event: Submitted) -> Ids:
        spec, parent_id = event.spec, event.parent_id
        parent = None if parent_id is None else self.nodes.get(parent_id)
        if (parent is None and parent_id is not None) or (parent_id is None and self.nodes):
            return event.ids
        status = JobStatus.PLANNING if event.planning else QUEUED
        created_at, depth = utc(event.at), 0 if parent is None else parent.depth + 1
        titles = event.titles or (spec.title,) * len(event.ids)
        arguments = event.arguments or ("",) * len(event.ids)
        origins = event.origins or (None,) * len(event.ids)
        born: list[JobId] = []
        columns = zip(event.ids, titles, arguments, origins, strict=False)
        for job_id, title, summary, origin in columns:
            if job_id in self.nodes or (parent is None and born):
                continue
            node = blank_node()
            node.id, node.spec, node.parent_id, node.depth = job_id, spec, parent_id, depth
            node.title, node.arguments, node.depends_on = title, summary, event.depends_on
            node.status, node.stage, node.created_at = status, status, created_at
            node.known_as, node.origin = event.known_as, origin or None
            self.nodes[job_id] = node
            born.append(job_id)
        if parent is None:
            self.root_id = born[0] if born else None
        elif born:
            self._adopt(parent, spec, status, born)
        return event.ids

    def _adopt(self, parent: JobNode, spec: JobSpec, status: JobStatus, born: list[JobId]) -> None:
        if not isinstance(parent.children, list):
            parent.children = []  # most jobs have none
        parent.children.extend(born)
        counts = parent.child_counts = parent.child_counts or {}
        counts[status] = counts.get(status, 0) + len(born)
        parent.child_weight += spec.weight * len(born)
        self._rise(parent)

    def _started(self, event: Started) -> Ids:
        nodes, changed = self.nodes, []
        for job_id, number, at in zip(event.ids, event.attempts, event.at, strict=False):
            node = nodes.get(job_id)
            if node is None or number <= node.attempt or node.status in TERMINAL:
                continue
            self._turn(node, RUNNING)
            retire(node)
            node.attempt, node.worker, node.retry_at = number, event.worker, None
            node.begun_at, node.rested = utc(at), 0.0
            if node.started_at is None:
                node.started_at = max(node.begun_at, node.created_at or node.begun_at)
            if node.own_progress:
                changed.append(node)
            forget_progress(node)
        self._settle(changed)
        return event.ids

    def _progressed(self, event: Progressed) -> Ids:
        nodes, changed = self.nodes, []
        reports = (event.percents, event.steps, event.done, event.totals)
        columns = zip(event.ids, event.attempts, *reports, strict=False)
        for job_id, number, percent, step, done, total in columns:
            node = nodes.get(job_id)
            if node is None or number != node.attempt or node.stage not in ACTIVE:
                continue
            # A NaN compares false to all, so it counts as nothing.
            node.own_progress = min(percent, FULL) if percent > 0 else 0.0
            node.current_step, node.steps_completed, node.total_steps = step, done, total
            changed.append(node)
        self._settle(changed)
        return event.ids

    def _logged(self, event: Logged) -> Ids:
        node = self.nodes.get(event.id)
        if node is None or event.attempt != node.attempt:
            return (event.id,)
        if node.logs is None:
            node.logs = deque(maxlen=LOG_LINES)
        logs = node.logs
        newest = logs[-1].at if logs else float("-inf")
        oldest = logs[0].at if len(logs) == LOG_LINES else float("-inf")
        # Only a line no newer than all others can be a repeat: only such are looked for.
        for line in event.lines:
            if line.at > newest or (line.at > oldest and line not in logs):
                logs.append(line)
        return (event.id,)

    def _spent(self, event: Spent) -> Ids:
        node = self.nodes.get(event.id)
        if node is None or is_billed(node, event.attempt, event.number):
            return (event.id,)
        # Not fenced: money is spent whatever became of the attempt, a late bill counts as well.
        usage = event.usage
        node.own_usage = usage if node.own_usage is None else node.own_usage + usage
        above: JobNode | None = node
        while above is not None:
            above.usage = usage if above.usage is None else above.usage + usage
            above = None if above.parent_id is None else self.nodes[above.parent_id]
        return (event.id,)

    def _turned(self, event: Waiting | Paused | Continued) -> Ids:
        stage = _STAGES[type(event)]
        for job_id, number in zip(event.ids, event.attempts, strict=False):
            node = self.nodes.get(job_id)
            if node is None or number != node.attempt or event.at < node.turned_at:
                continue
            plan_begins = number == 0 and stage is WAITING and node.stage in UNSTARTED
            if plan_begins or (node.stage in ACTIVE and node.stage is not stage):
                self._turn(node, stage)
                node.turned_at = event.at
                node.started_at = node.started_at or end_time(node, event.at)
        return event.ids

    def _pause_changed(self, event: PauseRequested | Resumed) -> Ids:
        wanted = isinstance(event, PauseRequested)
        for job_id in event.ids:
            node = self.nodes.get(job_id)
            if node is None or node.status in TERMINAL or event.at < node.held_at:
                continue
            if (event.by in node.held_by) is not wanted:
                hold(node, event.by, event.at, wanted)
                self._show(node, shown_status(node))
        return event.ids

    def _completed(self, event: Completed) -> Ids:
        nodes, changed = self.nodes, []
        columns = zip(event.ids, event.attempts, event.at, event.results, strict=False)
        for job_id, number, at, result in columns:
            node = nodes.get(job_id)
            if node is None or number < node.attempt or node.status in TERMINAL:
                continue
            if number == node.attempt and is_over(node):
                continue
            if number != node.attempt:
                retire(node)
            node.attempt, node.result = number, shared(result)
            self._end(node, COMPLETED, at, None)
            changed.append(node)
        self._settle(changed)
        return event.ids

    def _checkpointed(self, event: Checkpointed) -> Ids:
        for job_id, number, at in zip(event.ids, event.attempts, event.at, strict=False):
            node = self.nodes.get(job_id)
            if node is None or number != node.attempt or node.status in TERMINAL:
                continue
            node.saved_at = max(utc(at), node.saved_at or utc(at))
        return event.ids

    def _attempt_failed(self, event: AttemptFailed) -> Ids:
        columns = zip(event.ids, event.attempts, event.at, event.errors, strict=False)
        for job_id, number, at, error in columns:
            node = self.nodes.get(job_id)
            if node is not None and number == node.attempt and node.status not in TERMINAL:
                close(node, at, error)
        return event.ids

    def _requeued(self, event: Requeued) -> Ids:
        changed = []
        for job_id, retry_at in zip(event.ids, event.retry_at, strict=False):
            node = self.nodes.get(job_id)
            if node is None or node.status in TERMINAL or is_newer(node, event.at):
                continue
            self._turn(node, QUEUED)
            node.retry_at = utc(retry_at)
            forget_progress(node)
            changed.append(node)
        self._settle(changed)
        return event.ids

    def _failed(self, event: Failed) -> Ids:
        return self._ended(event, JobStatus.FAILED)

    def _cancelled(self, event: Cancelled) -> Ids:
        return self._ended(event, JobStatus.CANCELLED)

    def _ended(self, event: Failed | Cancelled, status: JobStatus) -> Ids:
        changed = []
        for job_id, at, error in zip(event.ids, event.at, event.errors, strict=False):
            node = self.nodes.get(job_id)
            if node is None or node.status in TERMINAL:
                continue
            node.error = error
            self._end(node, status, at, error)
            note_incomplete(self.nodes, node)
            changed.append(node)
        self._settle(changed)
        return event.ids

    def _end(self, node: JobNode, status: JobStatus, at: float, error: ErrorInfo | None) -> None:
        node.held_by = NOBODY
        self._turn(node, status)
        node.completed_at, node.retry_at = end_time(node, at), None
        close(node, at, error)

    def _cancel_requested(self, event: CancelRequested) -> Ids:
        for job_id in event.ids:
            node = self.nodes.get(job_id)
            if node is not None and node.status not in TERMINAL:
                node.cancel_requested = True
        return event.ids

    # A table, because seventeen `isinstance` in a row take longer than the event itself.
    _handlers: ClassVar[dict[type[Frozen], Callable[..., Ids]]] = {
        AttemptFailed: _attempt_failed,
        CancelRequested: _cancel_requested,
        Cancelled: _cancelled,
        Checkpointed: _checkpointed,
        Completed: _completed,
        Continued: _turned,
        Failed: _failed,
        Logged: _logged,
        Paused: _turned,
        PauseRequested: _pause_changed,
        Progressed: _progressed,
        Requeued: _requeued,
        Resumed: _pause_changed,
        Spent: _spent,
        Started: _started,
        Submitted: _submitted,
        Waiting: _turned,
    }


def fold(events: Iterable[Event]) -> JobTree:
    """Return the tree that these events make."""
    tree = JobTree()
    for event in events:
        tree.apply(event)
    return tree
