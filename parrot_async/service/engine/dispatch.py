"""Who runs next and where: ready jobs go to the least loaded workers, quick ones in batches."""

import asyncio
import logging
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial

from parrot_async.errors import ErrorInfo
from parrot_async.model.models import JobId, Queue
from parrot_async.service.engine.batches import NOTHING, LoadedValues, batch_of, takes_more
from parrot_async.service.engine.placement import Placement
from parrot_async.service.engine.pools import Durations, Member, Pool, missing
from parrot_async.service.engine.ready import ReadyQueue
from parrot_async.service.engine.state import IN_FLIGHT, TrackedJob
from parrot_async.settings.failpoints import reach
from parrot_async.transport.messages import Stop, attempts_of

BATCH = 256
"""Attempts in one message to a worker, at most."""
BIG = 4096
"""Bytes of arguments up to which they stay in memory while the job waits."""
RECALL_AFTER = 0.25
"""Seconds after which an attempt that waits on a worker is late, and may be called back."""

TOO_BIG = ""
"""What holds jobs that ask for more slots than the pool has."""
REFUSED = "\1"
"""What holds jobs that all workers of the pool refuse, until there is another one."""
PAUSED = "\0"
"""Before a root's id: what holds jobs of its tree that somebody paused."""
ASK_AGAIN = 0.5
"""Seconds until the store is asked again for arguments that it did not give."""

logger = logging.getLogger(__name__)


class Dispatch:
    """Sends ready jobs to the workers of their pools, and counts the slots that they take.

    Runs on: the scheduler's loop.
    """

    def __init__(
        self,
        placement: Placement,
        queues: Mapping[str, Queue],
        load: Callable[[Sequence[TrackedJob]], "asyncio.Future[LoadedValues]"],
        is_fenced: Callable[[], bool] = lambda: False,
    ) -> None:
        """`load` fills in big arguments and fetches what else attempts take along.

        While `is_fenced` nothing is sent; who lifts the fence calls `wake`.
        """
        self._placement = placement
        self._queues = queues
        self._load = load
        self._is_fenced = is_fenced
        self._loop = asyncio.get_running_loop()
        self._ready: defaultdict[str, ReadyQueue] = defaultdict(ReadyQueue)
        self._sent: dict[str, dict[TrackedJob, None]] = {}
        """By worker."""
        self._in_queue: defaultdict[str, int] = defaultdict(int)
        self._scheduled = False
        self._looking = False
        self._members: dict[str, Member] = {}
        self._refusing: set[str] = set()
        self.pools: dict[str, Pool] = {}
        self.durations = Durations()
        """By the function's id, for sending."""
        self.history = Durations()
        """By the function's name, for people: it outlives an edit."""

    # Workers.

    def missing(self, job: TrackedJob) -> str | None:
        """Return in words what the cluster lacks for a job; None where a worker can run it."""
        return missing(job.node.spec, self.pools)

    def slots_of(self, worker: str) -> int:
        """Return a worker's slots, 0 for one that is gone."""
        member = self._members.get(worker)
        return 0 if member is None else member.slots

    def add_worker(self, worker: str, labels: Iterable[str], slots: int) -> None:
        """Count a worker in."""
        member = self._members[worker] = Member(worker, slots)
        for label in labels:
            self.pools.setdefault(label, Pool(label)).members[worker] = member
            for holder in (TOO_BIG, REFUSED):
                self._ready[label].unpark(holder, most=None)
        self.wake()

    def forget_worker(self, worker: str) -> list[TrackedJob]:
        """Drop a worker. Returns the jobs that were on it."""
        self._members.pop(worker, None)
        self._refusing.discard(worker)
        for pool in self.pools.values():
            if pool.members.pop(worker, None) is not None:
                pool.left_at = time.monotonic()
        return self.jobs_on(worker)

    def has_work(self, worker: str) -> bool:
        """Return whether a worker has jobs, also such as wait or are held."""
        return worker in self._sent

    def in_flight(self) -> Iterable[TrackedJob]:
        """Return all jobs that are on workers."""
        return [job for jobs in self._sent.values() for job in jobs if job.state in IN_FLIGHT]

    def jobs_on(self, worker: str) -> list[TrackedJob]:
        """Return the jobs that are on a worker."""
        return [job for job in self._sent.get(worker, ()) if job.state in IN_FLIGHT]

    def jobs_by_worker(self) -> dict[str, list[TrackedJob]]:
        """Return all jobs that are on workers, by worker."""
        return {worker: list(jobs) for worker, jobs in self._sent.items()}

    # Slots.

    def enqueue(self, job: TrackedJob) -> None:
        """Queue a job for its pool."""
        job.ready_since = time.monotonic()
        self._ready[job.node.spec.pool].push(job)
        self.wake()

    def wake(self) -> None:
        """Send what can be sent, once in this turn of the loop."""
        if not self._scheduled:
            self._scheduled = True
            self._loop.call_soon(self.send)

    def take_slot(self, job: TrackedJob) -> None:
        """Count a job that takes its slots."""
        spec = job.node.spec
        expected = self.durations.expected(spec.function_id) or 0.0
        job.taken = self._members[job.worker].take(spec.slots, expected)
        self._in_queue[spec.queue] += 1

    def free_slot(self, job: TrackedJob) -> None:
        """Count a job that gives its slots back: it ended, waits, was given back or was lost."""
        if job.taken is None:
            return
        job.taken.free()
        job.taken = None
        queue = job.node.spec.queue
        self._in_queue[queue] -= 1
        for ready in self._ready.values():
            ready.unpark(queue)
        self.wake()

    def queue_changed(self, queue: str) -> None:
        """Look at the jobs of a queue again, since its limit may have grown."""
        for ready in self._ready.values():
            ready.unpark(queue, most=None)
        self.wake()

    def is_paused(self, job: TrackedJob) -> bool:
        """Return whether the job's queue is paused."""
        return self._queues[job.node.spec.queue].paused

    def resume(self, root_id: JobId) -> None:
        """Look at the jobs of a tree again, which is resumed or has ended."""
        for ready in self._ready.values():
            ready.unpark(PAUSED + root_id, most=None)
        self.wake()

    def remove(self, job: TrackedJob) -> None:
        """Forget a job that is no longer on its worker, which may rest after the last one."""
        self.free_slot(job)
        beside = self._sent.get(job.worker)
        if beside is not None:
            if job in beside:
                del beside[job]
                self._count_present(job.worker, -1)
            if not beside:
                del self._sent[job.worker]
                self._placement.rest(job.worker)
                self._replace_idle(job.worker)

    def refuse(self, worker: str, function_id: str) -> None:
        """Send a worker no more of a function, and have a fresh process replace it when idle."""
        if (member := self._members.get(worker)) is not None:
            member.refused.add(function_id)
            self._refusing.add(worker)
            self._replace_idle(worker)
            self.wake()

    def _replace_idle(self, worker: str) -> None:
        if worker in self._refusing and worker not in self._sent:
            self.forget_worker(worker)
            self._placement.kill(worker)

    def _count_present(self, worker: str, change: int) -> None:
        if (member := self._members.get(worker)) is not None:
            member.present += change

    # Sending.

    def send(self) -> None:
        """Send what can be sent now."""
        self._scheduled = False
        if self._is_fenced():
            return
        if any(self._ready.values()):
            self._see_who_is_away()
        for name, ready in self._ready.items():
            pool = self.pools.get(name)
            if pool is not None and pool.members and len(ready):
                self._send(ready.take(partial(self._admit, pool), partial(self._holder, pool)))
        self._look_later()

    def _holder(self, pool: Pool, job: TrackedJob) -> str | None:
        """Name what keeps a job from running however idle its pool is; None: nothing does."""
        if job.node.held_by:
            return PAUSED + job.node.root_id
        spec = job.node.spec
        limit = self._queues[spec.queue].limit
        if limit is not None and self._in_queue[spec.queue] >= limit:
            return spec.queue
        if self._refusing and all(spec.function_id in m.refused for m in pool.members.values()):
            return REFUSED
        return TOO_BIG if spec.slots > 1 and spec.slots > pool.slots else None

    def _admit(self, pool: Pool, job: TrackedJob) -> bool:
        spec = job.node.spec
        if not pool.admits(spec.slots, self.durations.expected(spec.function_id)):
            return False
        taker = pool.taker(spec.function_id) if self._refusing else pool.least_loaded()
        if taker is None:
            return False
        job.worker = taker.address
        job.to("loading")
        job.attempt += 1
        job.children_before = job.next_ordinal + job.ended_children
        self.take_slot(job)
        return True

    def _send(self, picked: list[TrackedJob]) -> None:
        far = [job for job in picked if takes_more(job)]
        self._start([job for job in picked if not takes_more(job)], NOTHING)
        if far:
            self._load(far).add_done_callback(lambda loaded: self._loaded(far, loaded))

    def _loaded(self, jobs: list[TrackedJob], loaded: "asyncio.Future[LoadedValues]") -> None:
        jobs = [job for job in jobs if job.state == "loading"]
        if (error := loaded.exception()) is not None:
            logger.error("the job store gave no arguments, will ask again: %r", error)
            self._loop.call_later(ASK_AGAIN, self._send_back, jobs)
            return
        fenced = self._is_fenced()
        self._send_back([j for j in jobs if fenced or j.node.held_by or not self._is_there(j)])
        self._start([job for job in jobs if job.state == "loading"], loaded.result())

    def _is_there(self, job: TrackedJob) -> bool:
        """Return whether the job's worker is there; another one may have its address by now."""
        return job.taken is not None and self._members.get(job.worker) is job.taken.member

    def _send_back(self, jobs: Sequence[TrackedJob]) -> None:
        for job in jobs:
            if job.state == "loading":
                self.remove(job)
                self.enqueue(job)

    def _start(self, jobs: Sequence[TrackedJob], loaded: LoadedValues) -> None:
        by_worker: defaultdict[str, list[TrackedJob]] = defaultdict(list)
        for job in jobs:
            by_worker[job.worker].append(job)
        for worker, some in by_worker.items():
            for start in range(0, len(some), BATCH):
                part = some[start : start + BATCH]
                self._placement.start(batch_of(part, loaded), worker)
                self._sent.setdefault(worker, {}).update(dict.fromkeys(part))
                self._count_present(worker, len(part))
                now = time.monotonic()
                for job in part:
                    job.sent = now
                    job.to("sent")
                    if job.arguments is not None and len(job.arguments) > BIG:
                        job.arguments = None
                reach("sent")

    # Pausing and stopping.

    def tell_to_hold(self, jobs: Iterable[TrackedJob]) -> None:
        """Have workers give back jobs that have not started, and hold others at checkpoints."""
        for worker, attempts in _by_worker(jobs):
            self._placement.runner(worker).pause(attempts_of(attempts))

    def tell_to_resume(self, jobs: Iterable[TrackedJob]) -> None:
        """Have workers go on with jobs that they hold."""
        for worker, attempts in _by_worker(jobs):
            self._placement.runner(worker).resume(attempts_of(attempts))

    def tell_to_stop(self, job: TrackedJob, reason: ErrorInfo) -> None:
        """Have a job's worker tell its code to stop."""
        stop = Stop(id=job.id, attempt=job.attempt, kind=reason.kind, message=reason.message)
        self._placement.runner(job.worker).stop([stop])

    def kill(self, worker: str, attempt: tuple[JobId, int]) -> list[TrackedJob]:
        """Get rid of code that does not stop. Returns the other jobs that die with its worker.

        A worker of one slot is killed. One of many slots is not, for the sake of the others: it
        forgets the thread, which ends when what it called returns.
        """
        if self.slots_of(worker) != 1 or not self._placement.can_kill(worker):
            self._placement.runner(worker).abandon(attempts_of([attempt]))
            return []
        beside = self.forget_worker(worker)
        self._placement.kill(worker)
        return beside

    # Looking again.

    def _see_who_is_away(self) -> None:
        for member in self._members.values():
            member.away = not self._placement.takes(member.address)

    def _look_later(self) -> None:
        """Look again soon where something may be late, or somebody come back: Dask tells nobody."""
        away = any(member.away for member in self._members.values())
        if (self._sent or away) and not self._looking:
            self._looking = True
            self._loop.call_later(RECALL_AFTER, self._look)

    def _look(self) -> None:
        """Take attempts back that wait where they should not, and send what can be sent now."""
        self._looking = False
        self._see_who_is_away()
        late: defaultdict[str, list[TrackedJob]] = defaultdict(list)
        before = time.monotonic() - RECALL_AFTER
        for job in self.in_flight():
            if job.state == "sent" and job.sent < before:
                late[job.node.spec.pool].append(job)
        for name, jobs in late.items():
            self._recall(self.pools[name], jobs)
        self.send()

    def _recall(self, pool: Pool, late: Sequence[TrackedJob]) -> None:
        """Call back what waits on a worker that is away, or behind another for nothing.

        That is while other workers have room that nobody ready takes, or where something of a
        larger priority waits, be it here or behind it.
        """
        waiting = self._ready[pool.name].priority
        room = waiting is None and any(member.has_room for member in pool.members.values())
        first = max((job.node.priority for job in late), default=0)
        first = first if waiting is None else max(first, waiting)

        def should_come(job: TrackedJob) -> bool:
            member = self._members.get(job.worker)
            if member is None or member.away:
                return member is not None
            behind = member.attempts > member.slots
            return behind and (room or job.node.priority < first)

        for worker, attempts in _by_worker(job for job in late if should_come(job)):
            self._placement.runner(worker).recall(attempts_of(attempts))

    def set_stuck(self, worker: str) -> None:
        """Send nothing ahead to a worker that gave attempts back, until one of its own ends."""
        if (member := self._members.get(worker)) is not None:
            member.stuck = member.attempts >= member.slots


def _by_worker(jobs: Iterable[TrackedJob]) -> Iterable[tuple[str, list[tuple[JobId, int]]]]:
    by_worker: defaultdict[str, list[tuple[JobId, int]]] = defaultdict(list)
    for job in jobs:
        by_worker[job.worker].append((job.id, job.attempt))
    return by_worker.items()
