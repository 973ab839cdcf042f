"""Recovery: trees that another service left unfinished go on here, from what had completed."""

import asyncio
import logging
import math
import time
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from parrot_async.errors import ErrorInfo, FunctionChangedError, InterruptedJobError
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
from parrot_async.service.journal.stored_tree import StoredTree
from parrot_async.store import JobStore

INTERRUPTED = ErrorInfo("lost", "the job service ended while it ran")
"""The error of an attempt that was under way; it does not count against the job's retries."""
TAKEN = ErrorInfo("lost", "another job service goes on with it")
LOOK_AGAIN = 0.25
"""Seconds between two checks of a lease that may be running out."""

logger = logging.getLogger(__name__)


@dataclass(slots=True, frozen=True)
class Unfinished:
    """Trees of other services that have not ended."""

    interrupted: list[RootRow]
    uncertain: set[JobId]
    """Those whose service has a lease and yet may be dead: its process is on another machine."""


class Recovery:
    """Finds trees that no service runs, and goes on with them.

    Runs on: the scheduler's loop.
    """

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
        """Return the roots that certainly no service runs, without waiting for any lease."""
        return [row.id for row in (await self._look()).interrupted]

    async def recover(self, ids: Collection[JobId], accept_changed: bool) -> list[JobId]:
        """Go on with trees that no service runs, those of `ids` or all; returns their roots.

        It waits for a lease that may be running out. Raises FunctionChangedError, before anything
        is changed, where a function differs from the submitted one, or is gone. A tree that
        cannot be read is left as it is and named in the log; it keeps no other from going on.
        """
        wanted = {root_of(job_id) for job_id in ids}
        async with self._one_at_a_time:
            rows = await self._settled(wanted)
            trees = await self._startable(await self._readable(rows))
            problems = await self._checking.problems(_unfinished(trees), accept_changed)
            if problems:
                raise FunctionChangedError(_advice(problems))
            return await self._take_over(trees)

    async def cancel(self, root_id: JobId) -> bool:
        """Cancel a tree that no service runs; returns False for any other."""
        async with self._one_at_a_time:
            if root_id not in await self.interrupted():
                return False
            await self._take_over([await self._journal.stored_tree(root_id)])
            return self._executor.stopping.cancel(root_id)

    async def lost(self) -> list[JobId]:
        """Return the roots of trees that run here although another service has claimed them."""
        here = self._roots()
        owner = self._journal.recorder.owner
        left = await self._journal.recorder.read(lambda store: store.interrupted(math.inf))
        mine = {row.id for row in left if row.owner == owner}
        return sorted((here - mine) & self._roots())

    def let_go(self, root_id: JobId) -> None:
        """Stop the jobs of a tree that another service has claimed, and drop the tree."""
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
        """Return the interrupted trees, once each uncertain lease has run out or was renewed."""
        until = time.monotonic() + LEASE
        while True:
            left = await self._look()
            uncertain = left.uncertain & set(wanted) if wanted else left.uncertain
            if not uncertain or time.monotonic() > until:
                return [row for row in left.interrupted if not wanted or row.id in wanted]
            await asyncio.sleep(LOOK_AGAIN)

    async def _readable(self, rows: Sequence[RootRow]) -> list[StoredTree]:
        """Read trees; raises InterruptedJobError where there is not one that can be read."""
        trees: list[StoredTree] = []
        errors: list[str] = []
        for row in rows:
            try:
                trees.append(await self._journal.stored_tree(row.id))
            except Exception as exc:
                logger.exception("job %s was not recovered: its events cannot be read", row.id)
                errors.append(f"job {row.id} was not recovered, its events cannot be read: {exc!r}")
        if errors and not trees:
            raise InterruptedJobError(errors[0])
        return trees

    async def _startable(self, trees: Sequence[StoredTree]) -> list[StoredTree]:
        """Leave out trees that need a job which will not end here.

        To leave one out may make another unstartable, so it is repeated until all are startable.
        """
        left = list(trees)
        while True:
            needs = [(stored, await self._lacks(stored, left)) for stored in left]
            lacking = {id(stored): needed for stored, needed in needs if needed is not None}
            for stored in left:
                if id(stored) in lacking:
                    message = "job %s was not recovered: it needs job %s, which runs elsewhere"
                    logger.warning(message, stored.tree.root.id, lacking[id(stored)])
            if not lacking:
                return left
            left = [stored for stored in left if id(stored) not in lacking]

    async def _lacks(self, stored: StoredTree, beside: Sequence[StoredTree]) -> JobId | None:
        """Return a job that a tree needs, and that ends neither here nor in a tree beside it."""
        here = {other.tree.root.id for other in beside}
        for needed in {i for node in _unfinished([stored]) for i in node.depends_on}:
            if root_of(needed) not in here:
                await self._journal.fetch(root_of(needed))
                node = self._journal.node(needed)
                if self._journal.is_foreign(needed) and node and not node.status.terminal:
                    return needed
        return None

    async def _look(self) -> Unfinished:
        here = self._roots()
        owner = self._journal.recorder.owner
        return await self._journal.recorder.read(lambda store: _of_others(store, here, owner))

    def _roots(self) -> set[JobId]:
        return {job_id for job_id in self._executor.jobs if root_of(job_id) == job_id}

    # Going on.

    async def _take_over(self, trees: Sequence[StoredTree]) -> list[JobId]:
        ids, now = [stored.tree.root.id for stored in trees], time.time()
        owner = self._journal.recorder.owner
        claimed = await self._journal.recorder.read(lambda store: store.claim(ids, owner, now))
        # Read on, because the former owner may have written until the moment of the claim.
        mine = [
            await self._journal.stored_tree(root_id, stored)
            for root_id, stored in zip(ids, trees, strict=True)
            if root_id in claimed
        ]
        names = [node.spec.queue for node in _unfinished(mine)]
        await learn(self._queues, self._journal, names)
        self._go_on(mine)
        return [stored.tree.root.id for stored in mine]

    def _go_on(self, trees: Sequence[StoredTree]) -> None:
        born: list[TrackedJob] = []
        for stored in trees:
            self._journal.adopt(stored)
            born += [self._run(stored, node) for node in _unfinished([stored])]
        for run in born:
            self._end_attempt(run)
        with _logged("some recovered jobs did not go on"):
            self._executor.accept(born)
        for run in born:
            with _logged(f"job {run.id} did not go on when it was recovered"):
                self._decide(run)

    def _decide(self, run: TrackedJob) -> None:
        """Stop a recovered job that is to be stopped; let another wait for its next attempt."""
        if run.prints and run.has_body:
            run.unclaimed = self._executor.retries.children_to_find(run, failed_too=True)
        if run.node.cancel_requested:
            self._executor.stopping.stop(run, ErrorInfo("cancelled", "it was cancelled"))
        elif lacks_jobs(run):
            self._executor.stopping.stop(run, LEFT)
        elif run.state == "backoff" and run.node.retry_at is not None:
            self._executor.retries.wait(run, run.node.retry_at.timestamp() - time.time())

    def _run(self, stored: StoredTree, node: JobNode) -> TrackedJob:
        """Rebuild from a job's events what its former service knew of it."""
        run = TrackedJob(
            node,
            self._journal.order_of(node.root_id),
            expected=node.spec.expected,
            needs=node.depends_on,
            fingerprint=stored.prints.get(node.id, ""),
            # A next attempt may have been sent whose start was not recorded: skip its number.
            attempt=node.attempt + 1,
            reuse=node.id in stored.reuse,
            recovered=True,
        )
        errors = [attempt.error for attempt in node.attempts if attempt.error is not None]
        lost = [error for error in errors if error.kind == "lost"]
        run.failed = len(errors) - len(lost)
        run.lost = sum(error != INTERRUPTED for error in lost)
        for child in stored.tree.children(node.id):
            run.next_ordinal = max(run.next_ordinal, int(child.id.rpartition(".")[2]) + 1)
            if child.status.terminal:
                _count_end(run, child)
        if run.has_body:
            run.prints = _prints(stored, node)
        if node.retry_at is not None and node.retry_at.timestamp() > time.time():
            run.to("backoff")
        return run

    def _end_attempt(self, run: TrackedJob) -> None:
        """Record that the attempt under way is lost, and that the job waits for its next one."""
        if run.has_body and run.node.begun_at is not None and not is_over(run.node):
            end = End(time.time(), error=INTERRUPTED)
            self._journal.attempt_failed(run.id, run.node.attempt, end)
            self._journal.requeued(run.id, end.at)


@contextmanager
def _logged(what: str) -> Iterator[None]:
    """Log an error instead of raising it: one tree never takes the answer for the others."""
    try:
        yield
    except Exception:
        logger.exception(what)


def _of_others(store: JobStore, here: Collection[JobId], owner: str) -> Unfinished:
    # At the end of time every lease is over, so that all unfinished trees are given.
    unfinished = store.interrupted(math.inf)
    others = [row for row in unfinished if row.id not in here and row.owner != owner]
    alive = {other: lives(other) for other in {row.owner for row in others} if other}
    for other in (name for name, state in alive.items() if state is False):
        store.drop_lease(other)
    interrupted = [row for row in store.interrupted(time.time()) if row.owner != owner]
    certain = {row.id for row in interrupted} | {row.id for row in others if alive.get(row.owner)}
    return Unfinished(interrupted, {row.id for row in others} - certain)


def _unfinished(trees: Iterable[StoredTree]) -> list[JobNode]:
    """Return all jobs of these trees that have not ended, parents first."""
    return [node for stored in trees for node in stored.tree.walk() if not node.status.terminal]


def _count_end(parent: TrackedJob, child: JobNode) -> None:
    parent.ended_children += 1
    if child.status is not JobStatus.COMPLETED:
        parent.bad_children += 1
        parent.bad_child = parent.bad_child or child.error


def _prints(stored: StoredTree, node: JobNode) -> dict[JobId, str]:
    """Return fingerprints of the children that a body may find again, by the children's ids.

    A child that failed may be found where the interrupted attempt had asked for it: the attempt
    would have got that failure. A later attempt would have asked for a new child.
    """
    since = node.begun_at if not is_over(node) else None
    found = {}
    for child in stored.tree.children(node.id):
        ended_badly = child.status in (JobStatus.FAILED, JobStatus.CANCELLED)
        born = child.created_at
        of_this_attempt = since is not None and born is not None and born >= since
        may_fail = node.spec.on_failure is not FailurePolicy.FAIL
        if not ended_badly or (of_this_attempt and may_fail):
            found[child.id] = stored.prints.get(child.id, "")
    return found


def _advice(problems: Sequence[str]) -> str:
    return (
        f"nothing was recovered, because {'; '.join(problems[:5])}"
        f"{' and others' if len(problems) > 5 else ''}. Bring the code back as it was, or say "
        "recover(changed='accept') to go on with functions as they are now, recover(ids) to go on "
        "with other jobs only, or cancel the job"
    )
