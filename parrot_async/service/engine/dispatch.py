"""Who runs next and where: ready jobs go to the least loaded workers, quick ones in batches."""

import asyncio
import logging
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import NamedTuple

from parrot_async.errors import ErrorInfo
from parrot_async.failpoints import reach
from parrot_async.model.models import JobId, Queue
from parrot_async.service.engine.placement import Placement
from parrot_async.service.engine.pools import Durations, Member, Pool, missing
from parrot_async.service.engine.ready import ReadyQueue
from parrot_async.service.engine.state import IN_FLIGHT, Run
from parrot_async.transport.messages import Batch, Stop, ValueMessage, attempts_of
from parrot_async.transport.wire import Value

BATCH = 256
"""Attempts in one message to a worker, at most."""
BIG = 4096
"""Bytes of arguments up to which they stay in memory while the job waits."""
RECALL_AFTER = 0.25
"""Seconds after which an attempt that waits on a worker is late, and may be called back."""

TOO_BIG = ""
"""What holds jobs that ask for more slots than the pool has."""
PAUSED = "\0"
"""Before a root's id: what holds jobs of its tree that somebody paused."""
ASK_AGAIN = 0.5
"""Seconds until the store is asked again for arguments that it did not give."""

Values = Mapping[JobId, Value]


class Loaded(NamedTuple):
    """What runs take along: the results that arguments name, and what earlier attempts saved."""

    values: Values
    states: Values


NOTHING = Loaded({}, {})

logger = logging.getLogger(__name__)


class Dispatch:
    """The ready jobs, the pools, and what is under way between them."""

    def __init__(
        self,
        placement: Placement,
        queues: Mapping[str, Queue],
        load: Callable[[Sequence[Run]], "asyncio.Future[Loaded]"],
    ) -> None:
        """`load` fills in big arguments and fetches what else runs take along."""
        self._placement = placement
        self._queues = queues
        self._load = load
        self._loop = asyncio.get_running_loop()
        self._ready: defaultdict[str, ReadyQueue] = defaultdict(ReadyQueue)
        self._sent: dict[str, dict[Run, None]] = {}
        """By worker."""
        self._in_queue: defaultdict[str, int] = defaultdict(int)
        self._scheduled = False
        self._looking = False
        self._members: dict[str, Member] = {}
        self.pools: dict[str, Pool] = {}
        self.durations = Durations()
        """By the function's id, for sending."""
        self.history = Durations()
        """By the function's name, for people: it outlives an edit."""

    # Workers.

    def missing(self, run: Run) -> str | None:
        """Say what the cluster lacks for this job; None when a worker can run it."""
        return missing(run.node.spec, self.pools)

    def slots_of(self, worker: str) -> int:
        """Return a worker's slots, 0 for one that is gone."""
        member = self._members.get(worker)
        return 0 if member is None else member.slots

    def add_worker(self, worker: str, labels: Iterable[str], slots: int) -> None:
        """Count a worker in."""
        member = self._members[worker] = Member(worker, slots)
        for label in labels:
            pool = self.pools.setdefault(label, Pool(label))
            pool.members[worker] = member
            self._ready[label].unpark(TOO_BIG, most=None)
        self.wake()

    def forget_worker(self, worker: str) -> list[Run]:
        """Drop a worker; returns the runs that were on it."""
        self._members.pop(worker, None)
        for pool in self.pools.values():
            pool.members.pop(worker, None)
        return [run for run in self._sent.get(worker, ()) if run.state in IN_FLIGHT]

    def has_work(self, worker: str) -> bool:
        """Whether a worker has jobs, also such as wait for others or rest."""
        return worker in self._sent

    def in_flight(self) -> Iterable[Run]:
        """All that is on workers."""
        return [run for runs in self._sent.values() for run in runs if run.state in IN_FLIGHT]

    # Slots.

    def ready(self, run: Run) -> None:
        """Queue a run for its pool."""
        self._ready[run.node.spec.pool].push(run)
        self.wake()

    def wake(self) -> None:
        """Look for what can be sent, once in this turn of the loop."""
        if not self._scheduled:
            self._scheduled = True
            self._loop.call_soon(self.send)

    def hold(self, run: Run) -> None:
        """Count a run that takes a slot."""
        spec = run.node.spec
        expected = self.durations.expected(spec.function_id) or 0.0
        run.holds = self._members[run.worker].hold(spec.slots, expected)
        self._in_queue[spec.queue] += 1

    def free(self, run: Run) -> None:
        """Count a run that gives its slot back: it ended, waits, came back or was lost."""
        if run.holds is None:
            return
        run.holds.free()
        run.holds = None
        queue = run.node.spec.queue
        self._in_queue[queue] -= 1
        for ready in self._ready.values():
            ready.unpark(queue)
        self.wake()

    def queue_changed(self, queue: str) -> None:
        """Look at its jobs again, since its limit may have grown."""
        for ready in self._ready.values():
            ready.unpark(queue, most=None)
        self.wake()

    def is_paused(self, run: Run) -> bool:
        """Whether the job's queue is paused."""
        return self._queues[run.node.spec.queue].paused

    def resume(self, root_id: JobId) -> None:
        """Look at the jobs of a tree again that somebody had paused, or that have ended."""
        for ready in self._ready.values():
            ready.unpark(PAUSED + root_id, most=None)
        self.wake()

    def left(self, run: Run) -> None:
        """Forget a run that has left its worker, which may rest after the last one."""
        self.free(run)
        beside = self._sent.get(run.worker)
        if beside is not None:
            beside.pop(run, None)
            if not beside:
                del self._sent[run.worker]
                self._placement.rest(run.worker)

    # Sending.

    def send(self) -> None:
        """Send what can be sent now."""
        self._scheduled = False
        if any(self._ready.values()):
            self._see_who_is_away()
        for name, ready in self._ready.items():
            pool = self.pools.get(name)
            if pool is not None and pool.members and len(ready):
                self._send(ready.take(partial(self._admit, pool), partial(self._holder, pool)))
        self._look_later()

    def _holder(self, pool: Pool, run: Run) -> str | None:
        """Name what keeps a job from running however idle the pool is; None: nothing does."""
        if run.node.held_by:
            return PAUSED + run.node.root_id
        spec = run.node.spec
        limit = self._queues[spec.queue].limit
        if limit is not None and self._in_queue[spec.queue] >= limit:
            return spec.queue
        return TOO_BIG if spec.slots > 1 and spec.slots > pool.slots else None

    def _admit(self, pool: Pool, run: Run) -> bool:
        spec = run.node.spec
        if not pool.admits(spec.slots, self.durations.expected(spec.function_id)):
            return False
        run.worker = pool.least_loaded().address
        run.state = "loading"
        run.attempt += 1
        self.hold(run)
        return True

    def _send(self, picked: list[Run]) -> None:
        far = [run for run in picked if _takes_more(run)]
        self._start([run for run in picked if not _takes_more(run)], NOTHING)
        if far:
            self._load(far).add_done_callback(lambda loaded: self._loaded(far, loaded))

    def _loaded(self, runs: list[Run], loaded: "asyncio.Future[Loaded]") -> None:
        runs = [run for run in runs if run.state == "loading"]
        if (error := loaded.exception()) is not None:
            logger.error("the job store gave no arguments, will ask again: %r", error)
            self._loop.call_later(ASK_AGAIN, self._send_back, runs)
            return
        self._send_back([run for run in runs if run.node.held_by or not self._is_there(run)])
        self._start([run for run in runs if run.state == "loading"], loaded.result())

    def _is_there(self, run: Run) -> bool:
        """Whether its worker is; another may have come back to the same address."""
        return run.holds is not None and self._members.get(run.worker) is run.holds.member

    def _send_back(self, runs: Sequence[Run]) -> None:
        for run in runs:
            if run.state == "loading":
                self.left(run)
                self.ready(run)

    def _start(self, runs: Sequence[Run], loaded: Loaded) -> None:
        by_worker: defaultdict[str, list[Run]] = defaultdict(list)
        for run in runs:
            by_worker[run.worker].append(run)
        for worker, some in by_worker.items():
            for start in range(0, len(some), BATCH):
                part = some[start : start + BATCH]
                self._placement.start(_batch(part, loaded), worker)
                self._sent.setdefault(worker, {}).update(dict.fromkeys(part))
                now = time.monotonic()
                for run in part:
                    run.sent, run.state = now, "sent"
                    if run.arguments is not None and len(run.arguments) > BIG:
                        run.arguments = None
                reach("sent")

    # Pausing and stopping.

    def tell_to_hold(self, runs: Iterable[Run]) -> None:
        """Have workers give back what has not started, and hold the rest at its checkpoints."""
        for worker, attempts in _by_worker(runs):
            self._placement.runner(worker).pause(attempts_of(attempts))

    def tell_to_go_on(self, runs: Iterable[Run]) -> None:
        """Have workers go on with what they hold."""
        for worker, attempts in _by_worker(runs):
            self._placement.runner(worker).resume(attempts_of(attempts))

    def tell_to_stop(self, run: Run, reason: ErrorInfo) -> None:
        """Have a run's worker tell its code to stop."""
        stop = Stop(id=run.id, attempt=run.attempt, kind=reason.kind, message=reason.message)
        self._placement.runner(run.worker).stop([stop])

    def kill(self, worker: str, attempt: tuple[JobId, int]) -> list[Run]:
        """Get rid of code that does not stop; returns the other runs that die with its worker.

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
        late: defaultdict[str, list[Run]] = defaultdict(list)
        before = time.monotonic() - RECALL_AFTER
        for run in self.in_flight():
            if run.state == "sent" and run.sent < before:
                late[run.node.spec.pool].append(run)
        for name, runs in late.items():
            self._recall(self.pools[name], runs)
        self.send()

    def _recall(self, pool: Pool, late: Sequence[Run]) -> None:
        """Call back what waits on a worker that is away, or behind another for nothing.

        That is while other workers have room that nobody ready takes, or where something of a
        larger priority waits, be it here or behind it.
        """
        waiting = self._ready[pool.name].priority
        room = waiting is None and any(member.has_room for member in pool.members.values())
        first = max((run.node.priority for run in late), default=0)
        first = first if waiting is None else max(first, waiting)

        def should_come(run: Run) -> bool:
            member = self._members.get(run.worker)
            if member is None or member.away:
                return member is not None
            behind = member.held > member.slots
            return behind and (room or run.node.priority < first)

        for worker, attempts in _by_worker(run for run in late if should_come(run)):
            self._placement.runner(worker).recall(attempts_of(attempts))

    def set_stuck(self, worker: str) -> None:
        """Send nothing ahead to a worker that gave attempts back, until one of its own ends."""
        if (member := self._members.get(worker)) is not None:
            member.stuck = member.held >= member.slots


def _by_worker(runs: Iterable[Run]) -> Iterable[tuple[str, list[tuple[JobId, int]]]]:
    by_worker: defaultdict[str, list[tuple[JobId, int]]] = defaultdict(list)
    for run in runs:
        by_worker[run.worker].append((run.id, run.attempt))
    return by_worker.items()


def _takes_more(run: Run) -> bool:
    """Whether something has to be fetched from the store before the run can start."""
    return bool(run.needs) or run.arguments is None or run.node.saved_at is not None


def _batch(runs: Sequence[Run], loaded: Loaded) -> Batch:
    specs = [run.node.spec for run in runs]
    return Batch(
        ids=tuple(run.id for run in runs),
        attempts=tuple(run.attempt for run in runs),
        functions=tuple(spec.function_id or "" for spec in specs),
        arguments=tuple(run.arguments or b"" for run in runs),
        coroutines=tuple(spec.is_async for spec in specs),
        graces=tuple(spec.grace for spec in specs),
        values=_messages(_whole((i for run in runs for i in run.needs), loaded.values)),
        names={run.id: _names(run) for run in runs if run.node.known_as},
        states=_messages({i.id: loaded.states[i.id] for i in runs if i.id in loaded.states}),
    )


def _messages(values: Values) -> dict[JobId, ValueMessage]:
    return {
        job_id: ValueMessage(data=value.data, url=value.url, parts=value.parts)
        for job_id, value in values.items()
    }


def _names(run: Run) -> dict[JobId, JobId]:
    return dict(zip(run.node.known_as, run.node.depends_on, strict=True))


def _whole(ids: Iterable[JobId], values: Values) -> dict[JobId, Value]:
    """Return the values of these jobs that there are, and of those that they consist of."""
    found: dict[JobId, Value] = {}
    for job_id in ids:
        if job_id not in found and (value := values.get(job_id)) is not None:
            found[job_id] = value
            found.update(_whole(value.parts or (), values))
    return found
