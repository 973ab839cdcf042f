"""Recover: trees that a service left unfinished go on here, from the last completed child."""

import asyncio
import logging
import math
import time
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from parrot_async.errors import ErrorInfo, FunctionChangedError
from parrot_async.model.models import FailurePolicy, JobId, JobNode, JobStatus, Queue, root_of
from parrot_async.model.nodes import is_over
from parrot_async.model.rows import RootRow
from parrot_async.service.custody.abandoned import LEFT, lacks_jobs
from parrot_async.service.custody.lease import LEASE
from parrot_async.service.custody.owner import lives
from parrot_async.service.engine.checking import Checking
from parrot_async.service.engine.dispatch import Dispatch
from parrot_async.service.engine.executor import Executor
from parrot_async.service.engine.queues import learn
from parrot_async.service.engine.state import IN_FLIGHT, TrackedJob
from parrot_async.service.journal.ends import End
from parrot_async.service.journal.journal import Journal
from parrot_async.service.journal.stored_tree import Past
from parrot_async.store import JobStore

INTERRUPTED = ErrorInfo("lost", "the job service ended while it ran")
"""How an attempt ended that was under way; it is not held against the job."""
TAKEN = ErrorInfo("lost", "another job service goes on with it")
LOOK_AGAIN = 0.25
"""Seconds between two looks at a lease that may be running out."""

logger = logging.getLogger(__name__)


@dataclass(slots=True, frozen=True)
class Left:
    """What other services have not finished."""

    interrupted: list[RootRow]
    uncertain: set[JobId]
    """Trees whose service has a lease, and may be dead all the same."""


class Recovery:
    """Finds trees that nobody runs, and goes on with them."""

    def __init__(
        self,
        journal: Journal,
        executor: Executor,
        dispatch: Dispatch,
        queues: dict[str, Queue],
        checking: Checking,
    ) -> None:
        """Share the service's parts."""
        self._journal = journal
        self._executor = executor
        self._dispatch = dispatch
        self._queues = queues
        self._checking = checking
        self._one_at_a_time = asyncio.Lock()

    async def interrupted(self) -> list[JobId]:
        """Return the roots that nobody runs, as far as can be known at once."""
        return [row.id for row in (await self._look()).interrupted]

    async def recover(self, ids: Collection[JobId], accept_changed: bool) -> list[JobId]:
        """Go on with trees that nobody runs, those of `ids` or all; returns their roots.

        Where a lease may be running out, it is waited for. FunctionChangedError, before anything
        happens, where a function is another than was submitted, or is gone.
        """
        wanted = {root_of(job_id) for job_id in ids}
        async with self._one_at_a_time:
            rows = await self._settled(wanted)
            pasts = await self._startable([await self._journal.past(row.id) for row in rows])
            problems = await self._checking.problems(_unfinished(pasts), accept_changed)
            if problems:
                raise FunctionChangedError(_advice(problems))
            return await self._take_over(pasts)

    async def cancel(self, root_id: JobId) -> bool:
        """Cancel a tree that nobody runs; False for any other."""
        async with self._one_at_a_time:
            if root_id not in await self.interrupted():
                return False
            past = await self._journal.past(root_id)
            await self._take_over([past])
            return self._executor.stopping.cancel(root_id)

    def let_go(self, root_id: JobId) -> None:
        """Stop what runs here of a tree that another service took for interrupted."""
        runs = self._executor.jobs
        for run in [run for run in runs.values() if run.node.root_id == root_id]:
            run.cancel_timer()
            if run.state in IN_FLIGHT:
                self._dispatch.tell_to_stop(run, TAKEN)
            self._dispatch.remove(run)
            run.to("ended")
            del runs[run.id]
        self._journal.forget(root_id)

    # Finding.

    async def _settled(self, wanted: Collection[JobId]) -> list[RootRow]:
        """Return the interrupted trees, when each lease is over or was renewed."""
        until = time.monotonic() + LEASE
        while True:
            left = await self._look()
            uncertain = left.uncertain & set(wanted) if wanted else left.uncertain
            if not uncertain or time.monotonic() > until:
                return [row for row in left.interrupted if not wanted or row.id in wanted]
            await asyncio.sleep(LOOK_AGAIN)

    async def _startable(self, pasts: Sequence[Past]) -> list[Past]:
        """Leave out trees that need jobs which others run, or of which nobody goes on."""
        left = list(pasts)
        while True:
            lacking = {id(past): need for past in left if (need := await self._lacks(past, left))}
            for past in left:
                if id(past) in lacking:
                    message = "job %s was not recovered: it needs job %s, which runs elsewhere"
                    logger.warning(message, past.tree.root.id, lacking[id(past)])
            if not lacking:
                return left
            left = [past for past in left if id(past) not in lacking]

    async def _lacks(self, past: Past, beside: Sequence[Past]) -> JobId | None:
        """Name a job that a tree needs, and that ends neither here nor in the trees beside it."""
        here = {other.tree.root.id for other in beside}
        for needed in {i for node in _unfinished([past]) for i in node.depends_on}:
            if root_of(needed) not in here:
                await self._journal.fetch(root_of(needed))
                node = self._journal.node(needed)
                if self._journal.is_foreign(needed) and node and not node.status.terminal:
                    return needed
        return None

    async def _look(self) -> Left:
        here = {job_id for job_id in self._executor.jobs if root_of(job_id) == job_id}
        owner = self._journal.recorder.owner
        return await self._journal.recorder.read(lambda store: _left(store, here, owner))

    # Going on.

    async def _take_over(self, pasts: Sequence[Past]) -> list[JobId]:
        ids, now = [past.tree.root.id for past in pasts], time.time()
        owner = self._journal.recorder.owner
        claimed = await self._journal.recorder.read(lambda store: store.claim(ids, owner, now))
        # What its service still wrote until then counts.
        mine = [await self._journal.past(i, p) for i, p in zip(ids, pasts, strict=True)]
        mine = [past for past in mine if past.tree.root.id in claimed]
        names = [node.spec.queue for node in _unfinished(mine)]
        await learn(self._queues, self._journal, names)
        self._go_on(mine)
        return [past.tree.root.id for past in mine]

    def _go_on(self, pasts: Sequence[Past]) -> None:
        born: list[TrackedJob] = []
        for past in pasts:
            self._journal.adopt(past)
            born += [self._run(past, node) for node in _unfinished([past])]
        for run in born:
            self._end_attempt(run)
        self._executor.accept(born)
        for run in born:
            if run.prints and run.has_body:
                run.unclaimed = self._executor.retries.children_to_find(run, failed_too=True)
            if run.node.cancel_requested:
                self._executor.stopping.stop(run, ErrorInfo("cancelled", "it was cancelled"))
            elif lacks_jobs(run):
                self._executor.stopping.stop(run, LEFT)
            elif run.state == "backoff" and run.node.retry_at is not None:
                self._executor.retries.wait(run, run.node.retry_at.timestamp() - time.time())

    def _run(self, past: Past, node: JobNode) -> TrackedJob:
        """Return what the service knew of a job, made of its events."""
        run = TrackedJob(
            node,
            self._journal.order_of(node.root_id),
            expected=node.spec.expected,
            needs=node.depends_on,
            fingerprint=past.prints.get(node.id, ""),
            # One more may have been sent that nobody heard of: no number is given twice.
            attempt=node.attempt + 1,
            reuse=node.id in past.reuse,
        )
        errors = [attempt.error for attempt in node.attempts if attempt.error is not None]
        lost = [error for error in errors if error.kind == "lost"]
        run.failed = len(errors) - len(lost)
        run.lost = sum(error != INTERRUPTED for error in lost)
        for child in past.tree.children(node.id):
            run.next_ordinal = max(run.next_ordinal, int(child.id.rpartition(".")[2]) + 1)
            if child.status.terminal:
                _count_end(run, child)
        if run.has_body:
            run.prints = _prints(past, node)
        if node.retry_at is not None and node.retry_at.timestamp() > time.time():
            run.to("backoff")
        return run

    def _end_attempt(self, run: TrackedJob) -> None:
        """Note that what was under way is lost, and that the job waits for its next attempt."""
        if run.has_body and run.node.begun_at is not None and not is_over(run.node):
            end = End(time.time(), error=INTERRUPTED)
            self._journal.attempt_failed(run.id, run.node.attempt, end)
            self._journal.requeued(run.id, end.at)


def _left(store: JobStore, here: Collection[JobId], owner: str) -> Left:
    unfinished = store.interrupted(math.inf)  # no lease lasts as long
    others = [row for row in unfinished if row.id not in here and row.owner != owner]
    alive = {other: lives(other) for other in {row.owner for row in others} if other}
    for other in (name for name, state in alive.items() if state is False):
        store.drop_lease(other)
    interrupted = [row for row in store.interrupted(time.time()) if row.owner != owner]
    certain = {row.id for row in interrupted} | {row.id for row in others if alive.get(row.owner)}
    return Left(interrupted, {row.id for row in others} - certain)


def _unfinished(pasts: Iterable[Past]) -> list[JobNode]:
    """All jobs of these trees that have not ended, parents first."""
    return [node for past in pasts for node in past.tree.walk() if not node.status.terminal]


def _count_end(parent: TrackedJob, child: JobNode) -> None:
    parent.ended_children += 1
    if child.status is not JobStatus.COMPLETED:
        parent.bad_children += 1
        parent.bad_child = parent.bad_child or child.error


def _prints(past: Past, node: JobNode) -> dict[JobId, str]:
    """Return the children that a body may find again, by id with their fingerprints.

    One that did not complete may be found by the attempt that had asked for it, where that was
    under way, and goes on; a later attempt would have asked for another.
    """
    since = node.begun_at if not is_over(node) else None
    found = {}
    for child in past.tree.children(node.id):
        ended_badly = child.status in (JobStatus.FAILED, JobStatus.CANCELLED)
        born = child.created_at
        of_this_attempt = since is not None and born is not None and born >= since
        may_fail = node.spec.on_failure is not FailurePolicy.FAIL
        if not ended_badly or (of_this_attempt and may_fail):
            found[child.id] = past.prints.get(child.id, "")
    return found


def _advice(problems: Sequence[str]) -> str:
    return (
        f"nothing was recovered, because {'; '.join(problems[:5])}"
        f"{' and others' if len(problems) > 5 else ''}. Bring the code back as it was, or say "
        "recover(changed='accept') to go on with functions as they are now, recover(ids) to go on "
        "with other jobs only, or cancel the job"
    )
