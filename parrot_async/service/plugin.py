"""The job service as Dask sees it: a scheduler plugin with handlers for clients and runners."""

import asyncio
import logging
import sys
import time
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from distributed import Scheduler, SchedulerPlugin
from distributed.protocol.pickle import dumps
from distributed.scheduler import WorkerState

from parrot_async.errors import ErrorInfo, FunctionChangedError
from parrot_async.model import events
from parrot_async.model.events import Event
from parrot_async.model.models import JobId, parent_of
from parrot_async.runner.nanny import ProcessGuard
from parrot_async.runner.plugin import Runner
from parrot_async.service.custody.abandoned import Abandoned
from parrot_async.service.custody.following import Following
from parrot_async.service.custody.lease import Lease
from parrot_async.service.custody.owner import new_owner
from parrot_async.service.custody.recovery import Recovery
from parrot_async.service.custody.retention import Retention
from parrot_async.service.dask_placement import SHIFT, DaskPlacement
from parrot_async.service.engine.argument_files import ArgumentFiles
from parrot_async.service.engine.batches import LoadedValues
from parrot_async.service.engine.checking import Checking
from parrot_async.service.engine.dispatch import Dispatch
from parrot_async.service.engine.executor import Executor
from parrot_async.service.engine.needs import load, outcome_of
from parrot_async.service.engine.placement import Placement
from parrot_async.service.engine.queues import known_queues
from parrot_async.service.engine.silence import Silence
from parrot_async.service.engine.state import TrackedJob
from parrot_async.service.intake import guarded, take_in
from parrot_async.service.journal.journal import Journal, Terminal, part_of
from parrot_async.service.journal.watch import Watch
from parrot_async.service.rpc import Parts, Rpc
from parrot_async.service.worker_deaths import CAUSE_WITHIN, WorkerDeaths
from parrot_async.settings.places import scheduler_places
from parrot_async.store import JobStore, open_store
from parrot_async.transport import results
from parrot_async.transport.api import VERSION, RunnerReports, handlers
from parrot_async.transport.messages import Attempts, OutcomeMessage, PackedRecord, each_attempt
from parrot_async.transport.wire import RUNNER, SERVICE

PATIENCE = 4.0
"""Seconds that a job waits for the first worker of a pool before it fails as unschedulable."""
RETURNING = 30.0
"""The same where there were workers: their nannies may be starting them again."""
STARTING = 120.0
"""The same for pools that the cluster has promised, and whose workers are still starting."""
LOST = "processing", "released"
"""How Dask calls it when a task's worker went."""
SWITCH_INTERVAL = 0.0005
"""Seconds after which the recorder's thread gets the interpreter from the scheduler's."""

logger = logging.getLogger(__name__)


class JobService(SchedulerPlugin):
    """Owns the tree: install it with `JobClient`, or with `dask scheduler --preload`."""

    name = SERVICE

    def __init__(
        self,
        store_url: str | None = None,
        results_url: str | None = None,
        pools: Mapping[str, int] | None = None,
    ) -> None:
        """`pools` are labels of workers that will surely come, with all their slots.

        Without URLs, `$PARROT_STORE` and `$PARROT_RESULTS` of the scheduler's process say where
        things are kept, else the data folder of the user who runs it; workers on other machines
        need a `results_url` that they can write to.
        """
        self.store_url = store_url or ""
        self.results_url = results_url or ""
        self.promised = dict(pools or {})

    def __getstate__(self) -> dict[str, object]:
        """Travel to a scheduler with the settings only."""
        return {
            "store_url": self.store_url,
            "results_url": self.results_url,
            "promised": self.promised,
        }

    # Life of the plugin.

    async def start(self, scheduler: Scheduler) -> None:
        """Begin, unless another service did while two clients came at once: that one counts."""
        self._tried = asyncio.Event()
        while (first := scheduler.extensions.setdefault(SERVICE, self)) is not self:
            await first._tried.wait()  # noqa: SLF001 - one of ours
            if scheduler.extensions.get(SERVICE) is first:
                return
        try:
            await self._begin(scheduler)
        except BaseException:
            del scheduler.extensions[SERVICE]
            raise
        finally:
            self._tried.set()

    async def _begin(self, scheduler: Scheduler) -> None:
        """Open the store, and begin with it; it is closed where that cannot be."""
        sys.setswitchinterval(SWITCH_INTERVAL)
        self._scheduler = scheduler
        self._closing = False
        self._loop = asyncio.get_running_loop()
        self._begun = time.monotonic()
        self._find_home()
        store = await asyncio.to_thread(open_store, self.store_url)
        try:
            await self._assemble(scheduler, store)
        except BaseException:
            await asyncio.to_thread(store.close)
            raise

    async def _assemble(self, scheduler: Scheduler, store: JobStore) -> None:
        """Make the parts, renew the lease, listen, and have every worker get a runner."""
        queues = await asyncio.to_thread(known_queues, store)
        self._placement = self._reach(scheduler)
        self._deaths = WorkerDeaths(self._placement.memory)
        self.watch = Watch()
        self._journal = Journal(
            store, await asyncio.to_thread(new_owner), self.watch, self._ended, self._taken
        )
        lease = Lease(self._journal.recorder, self._regained)
        await lease.renew()
        self._dispatch = Dispatch(self._placement, queues, self._load, lease.is_over)
        self._executor = Executor(self._journal, self._dispatch, self._gives_up_at)
        checking = Checking(self._journal, self._dispatch, self._placement)
        self._recovery = Recovery(self._journal, self._executor, self._dispatch, queues, checking)
        folder = f"{self.results_url.rstrip('/')}/{results.part_of(self.store_url)}"
        retention = Retention(self._journal, self._executor, folder)
        self._following = following = Following(
            self._journal, self._executor, self.watch, self._recovery
        )
        self._silence = self._make_silence()
        abandoned = Abandoned(self._executor, self.watch)
        self._rpc = self._make_rpc(
            Parts(
                journal=self._journal,
                executor=self._executor,
                dispatch=self._dispatch,
                placement=self._placement,
                watch=self.watch,
                queues=queues,
                recovery=self._recovery,
                following=following,
                retention=retention,
                abandoned=abandoned,
                files=ArgumentFiles(folder),
            )
        )
        self._idle_since: float | None = time.monotonic()
        lasting = (retention, lease, following, abandoned, self._silence)
        self._tasks = [asyncio.create_task(each.keep()) for each in lasting]
        self._listen(scheduler)
        await self._equip(scheduler, folder)
        scheduler.set_metadata([SERVICE], VERSION)  # so that clients know without a failing call

    async def _equip(self, scheduler: Scheduler, folder: str) -> None:
        """Have every worker get a runner, and every nanny a guard."""
        guard = ProcessGuard()
        await scheduler.register_nanny_plugin(None, dumps(guard), guard.name, idempotent=False)
        runner = dumps(Runner(f"{folder}/{self._journal.recorder.owner.rpartition(' ')[2]}"))
        await scheduler.register_worker_plugin(None, plugin=runner, name=RUNNER, idempotent=False)

    def _make_silence(self) -> Silence:
        return Silence(
            self._dispatch,
            self._placement,
            lost=self._executor.unheard,
            begun=self._executor.begun,
            timed_out=self._executor.stopping.time_out,
        )

    def _make_rpc(self, parts: Parts) -> Rpc:
        return Rpc(parts)

    def _reach(self, scheduler: Scheduler) -> Placement:
        """Return the way to the workers."""
        return DaskPlacement(scheduler)

    def _find_home(self) -> None:
        store_url, results_url = scheduler_places()
        self.store_url = self.store_url or store_url
        self.results_url = self.results_url or results_url

    def _listen(self, scheduler: Scheduler) -> None:
        scheduler.handlers.update(self._rpc.handlers())
        reports = handlers(RunnerReports, self)
        scheduler.stream_handlers.update({name: guarded(each) for name, each in reports.items()})

    async def before_close(self) -> None:
        """Take no more notice: that the workers go now is no loss of theirs."""
        self._closing = True

    async def close(self) -> None:
        """Write what is left."""
        for task in self._tasks:
            task.cancel()
        await self._journal.recorder.close()

    def idle_since(self) -> float | None:
        """Since when nobody watches and nothing runs (monotonic seconds); None if busy."""
        busy = bool(self._executor.jobs) or len(self.watch) > 0
        if busy:
            self._idle_since = None
        elif self._idle_since is None:
            self._idle_since = time.monotonic()
        return self._idle_since

    # Dask's hooks.

    def restart(self, scheduler: Scheduler) -> None:
        """Say again that there is a service: Dask has cleared its metadata."""
        scheduler.set_metadata([SERVICE], VERSION)

    def transition(self, key: object, start: str, finish: str, *_: object, **__: object) -> None:
        """See a shift end."""
        if self._closing or not isinstance(key, str) or not key.startswith(SHIFT):
            return
        if finish in ("memory", "erred", "no-worker") or (start, finish) == LOST:
            self._loop.call_soon(self._placement.shift_over, key)

    def remove_worker(self, scheduler: Scheduler, worker: str, **_: object) -> None:  # noqa: ARG002 - Dask's own hook
        """See a worker go."""
        if self._closing:
            return
        slots = self._dispatch.slots_of(worker)
        lost = [(job, job.attempt) for job in self._dispatch.forget_worker(worker)]
        if lost and self._deaths.is_unclear(worker):
            self._loop.call_later(CAUSE_WITHIN, self._lost, worker, lost, slots)
        else:
            self._lost(worker, lost, slots)
        self._executor.unschedulable.worker_left()

    def _lost(self, worker: str, lost: Sequence[tuple[TrackedJob, int]], slots: int) -> None:
        """End the attempts that were on a worker, unless something else has ended them."""
        jobs = [job for job, attempt in lost if job.attempt == attempt]
        self._executor.lost(jobs, self._deaths.told(worker), slots)
        self._placement.worker_left(worker)

    def log_event(self, topic: str, msg: Any) -> None:
        """See what nannies say of their workers."""
        self._deaths.event(topic, msg)

    def valid_workers_downscaling(
        self,
        scheduler: Scheduler,  # noqa: ARG002 - Dask's own hook
        workers: list[WorkerState],
    ) -> list[WorkerState]:
        """Have Dask close no worker that has jobs."""
        return [state for state in workers if not self._dispatch.has_work(state.address)]

    def _gives_up_at(self, pool: str, since: float) -> float:
        """Return until when a job waits for a worker that is ready `since` then (monotonic)."""
        known = self._dispatch.pools.get(pool)
        if known is not None and known.slots >= self.promised.get(pool, sys.maxsize):
            return since  # all are there, and no other will come
        is_empty = known is None or not known.members
        if is_empty and pool in self.promised and since - self._begun < STARTING:
            return since + STARTING
        at = since + (RETURNING if known is not None and is_empty else PATIENCE)
        if known is not None and known.left_at is not None:
            at = max(at, known.left_at + RETURNING)
        return at

    # Runners.

    def worker_ready(
        self, worker: str, labels: Sequence[str], slots: int, version: int = 0
    ) -> None:
        """Send a runner jobs from now on, unless it speaks another version."""
        if version != VERSION:
            logger.error(
                "the worker %s gets no jobs: its parrot_async speaks version %s of the protocol, "
                "this one %s. Use the same parrot_async on both sides",
                worker,
                version,
                VERSION,
            )
            return
        self._placement.worker_joined(worker)
        self._dispatch.add_worker(worker, labels, slots)

    def happened(self, worker: str, records: Sequence[PackedRecord]) -> None:  # noqa: ARG002 - the port
        """Take in events of attempts."""
        take_in(records, self._on_event)

    def _on_event(self, event: Event, record: events.Record) -> None:
        """Take in what counts of an event: a late word of an older attempt does not."""
        if isinstance(event, events.Spent | events.Logged):
            self._journal.take(event, record)
            return
        if isinstance(event, events.Submitted | events.Requeued | events.Failed):
            return
        attempts = getattr(event, "attempts", ())
        current = self._executor.is_current
        keep = [i for i, pair in enumerate(zip(event.ids, attempts, strict=True)) if current(*pair)]
        if keep:
            event, record = part_of(event, record, keep)
            keep = self._react(event, record)
        if keep:
            self._journal.take(*part_of(event, record, keep))

    def _react(self, event: Event, record: events.Record) -> list[int]:
        """Tell the executor; returns the columns that are to be recorded now."""
        match event:
            case events.Started():
                self._executor.started(event)
            case events.Waiting() | events.Paused():
                self._executor.waiting(event)
            case events.Continued():
                self._executor.continued(event)
            case events.Completed():
                return self._executor.completed(event, record.blobs)
            case events.AttemptFailed():
                self._journal.take(event, record)
                self._executor.attempt_failed(event, record.blobs)
                return []
        return list(range(len(events.ids_of(event))))

    def returned(self, worker: str, attempts: Attempts) -> None:
        """Take attempts back that a runner has not started."""
        self._executor.returned(each_attempt(attempts))
        if attempts["ids"]:
            self._dispatch.set_stuck(worker)

    def outdated(self, worker: str, function_id: str, attempts: Attempts, why: str) -> None:
        """Have a fresh process run attempts that this worker cannot; end them where none comes."""
        if self._placement.can_kill(worker):
            logger.info("the worker %s is replaced when its jobs are done: %s", worker, why)
            self._executor.returned(each_attempt(attempts))
            self._dispatch.refuse(worker, function_id)
        else:
            advice = f"{why}. Nobody starts that worker again: restart it"
            error = ErrorInfo("exception", advice, FunctionChangedError.__qualname__)
            self._executor.refused(each_attempt(attempts), error)

    def attempts(self, worker: str, number: int, running: Attempts, queued: Attempts) -> None:
        """Take in which attempts a runner has."""
        self._silence.answered(worker, number, running, queued)

    def unfit(self, worker: str, fault: str) -> None:
        """Replace a worker's process that can run no further attempt; its other jobs run again."""
        logger.warning("the worker %s is replaced: %s", worker, fault)
        lost = self._dispatch.forget_worker(worker)
        self._executor.lost(lost, f"its worker was replaced: {fault}", counts=False)
        if not self._placement.can_kill(worker):
            logger.error("the worker %s has no nanny and gets no more jobs: restart it", worker)
        self._placement.kill(worker)

    def _ended(self, event: Terminal, record: events.Record) -> None:
        """Tell running parents of the ends of their children, now that they are durable."""
        by_worker: defaultdict[str, list[OutcomeMessage]] = defaultdict(list)
        for index, job_id in enumerate(event.ids):
            parent = self._executor.jobs.get(parent_of(job_id) or "")
            if parent is not None and parent.has_body and parent.worker:
                by_worker[parent.worker].append(outcome_of(event, record, index))
        for worker, outcomes in by_worker.items():
            self._placement.runner(worker).children_ended(outcomes)

    def _taken(self, root_ids: Collection[JobId]) -> None:
        """Let go of trees that another service took for interrupted, and goes on with."""
        logger.error("another job service goes on with %s: stopped here", ", ".join(root_ids))
        for root_id in root_ids:
            self._following.follow(root_id, self._journal.published(root_id))
            self._recovery.let_go(root_id)

    async def _regained(self) -> None:
        """Let go of what others claimed while the lease was over; send the rest after this turn."""
        if lost := await self._recovery.lost():
            self._taken(lost)
        self._dispatch.wake()

    def _load(self, runs: Sequence[TrackedJob]) -> "asyncio.Future[LoadedValues]":
        return asyncio.ensure_future(load(self._journal, runs))


async def install(
    scheduler: Scheduler,
    *,
    store_url: str,
    results_url: str,
    pools: Mapping[str, int] | None = None,
) -> None:
    """Install the service in this scheduler's own process."""
    service = JobService(store_url, results_url, pools)
    await scheduler.register_scheduler_plugin(service, name=SERVICE, idempotent=True)
