"""The engine with a real journal and store, and with workers for which a test speaks."""

import asyncio
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from parrot_async.errors import ErrorInfo
from parrot_async.model import events
from parrot_async.model.events import Event, Record
from parrot_async.model.models import QUEUES, JobId, JobResult, JobSpec, JobStatus, Queue, root_of
from parrot_async.service.engine.admission import Admission
from parrot_async.service.engine.argument_files import ArgumentFiles
from parrot_async.service.engine.batches import LoadedValues
from parrot_async.service.engine.dispatch import Dispatch
from parrot_async.service.engine.executor import Executor
from parrot_async.service.engine.function_cache import FunctionCache
from parrot_async.service.engine.needs import load
from parrot_async.service.engine.placement import Placement
from parrot_async.service.engine.rerun import Rerun
from parrot_async.service.engine.state import TrackedJob
from parrot_async.service.journal.journal import Journal, Terminal, part_of
from parrot_async.service.journal.watch import Watch
from parrot_async.store import open_store
from parrot_async.transport.api import Operation, RunnerApi, runner_stub
from parrot_async.transport.messages import Batch, Group, each_attempt
from parrot_async.transport.pickling import dump_value

WORKER = "tcp://a"
PATIENCE = 1000.0
BROKEN = ErrorInfo("exception", "broken", "ValueError", "", ("builtins.ValueError", "ValueError"))
ENDS = {"completed", "failed", "cancelled"}


class SpokenFor(Placement):
    """Workers that do nothing by themselves: what they are sent is written down."""

    def __init__(self) -> None:
        self.sent: defaultdict[str, list[JobId]] = defaultdict(list)
        self.batches: list[Batch] = []
        self.controls: list[tuple[str, Operation, dict[str, Any]]] = []
        self.resting: list[str] = []
        self.away: set[str] = set()
        self.nannies: set[str] = set()
        self.killed: list[str] = []
        self.wrong: dict[str, str] = {}
        self.checked: dict[str, list[str]] = {}

    def worker_joined(self, worker: str) -> None:
        self.away.discard(worker)

    def start(self, batch: Batch, worker: str) -> None:
        self.sent[worker] += batch["ids"]
        self.batches.append(batch)

    def rest(self, worker: str) -> None:
        self.resting.append(worker)

    def shift_over(self, key: str) -> None:
        raise AssertionError(f"nothing runs in a shift here, and {key} ended")

    def worker_left(self, worker: str) -> None:
        self.away.add(worker)

    def runner(self, worker: str) -> RunnerApi:
        def call(operation: Operation, arguments: dict[str, Any]) -> Any:
            if operation.answers:
                return self._check(worker, **arguments)
            return self.controls.append((worker, operation, arguments))

        return runner_stub(call)

    async def _check(self, worker: str, functions: Mapping[str, Any]) -> dict[str, str]:
        self.checked[worker] = list(functions)
        return {name: text for name, text in self.wrong.items() if name in functions}

    def takes(self, worker: str) -> bool:
        return worker not in self.away

    def can_kill(self, worker: str) -> bool:
        return worker in self.nannies

    def kill(self, worker: str) -> None:
        self.killed.append(worker)

    def told(self, what: str) -> list[tuple[Any, ...]]:
        """Return what workers were told to stop, recall, pause, ..., each as its fields."""
        said = [arguments for _, operation, arguments in self.controls if operation.name == what]
        if what == "stop":
            return [tuple(stop.values()) for arguments in said for stop in arguments["stops"]]
        return [name for arguments in said for name in each_attempt(arguments["attempts"])]


class Engine:
    """The engine's parts, wired as the service's plugin does it."""

    def __init__(self, journal_of: "JournalOf") -> None:
        self.queues: dict[str, Queue] = {queue.name: queue for queue in QUEUES}
        self.workers = SpokenFor()
        self.now: Callable[[], float] = time.time
        """The clock of the workers."""
        self.journal = journal_of(self)
        self.dispatch = Dispatch(self.workers, self.queues, self._load)
        self.patience = PATIENCE
        self.executor = Executor(self.journal, self.dispatch, self._gives_up_at)
        self.functions = FunctionCache()
        files = ArgumentFiles("memory://arguments")
        parts = (self.journal, self.executor, self.queues, self.functions, files)
        self.admission = Admission(*parts)
        self.rerun = Rerun(self.journal, self.admission, self.queues)
        self.durable: list[Terminal] = []

    def ended(self, event: Terminal, _: Record) -> None:
        """Hear of durable ends."""
        self.durable.append(event)

    def taken(self, root_ids: Collection[JobId]) -> None:
        """No other service runs here."""
        raise AssertionError(f"{root_ids} were taken over")

    def _gives_up_at(self, pool: str, since: float) -> float:
        """Return when the patience is over that began when the job was ready, or a worker left."""
        known = self.dispatch.pools.get(pool)
        left = known.left_at if known is not None else None
        return max(since, left or 0.0) + self.patience

    def _load(self, jobs: Sequence[TrackedJob]) -> "asyncio.Future[LoadedValues]":
        return asyncio.ensure_future(load(self.journal, jobs))

    # What a client asks.

    async def submit(self, *groups: Group) -> TrackedJob:
        """Accept trees; returns the first job, which may have ended at once."""
        first = await self.admission.from_client(groups, {"f": b"function"})
        await turns()
        return self.job(first)

    def job(self, job_id: JobId) -> TrackedJob:
        """Return a job that has not ended."""
        return self.executor.jobs[job_id]

    async def children(self, parent: TrackedJob, *arguments: bytes, **spec: Any) -> list[JobId]:
        """Have a running job ask for children."""
        group = asked(*[""] * len(arguments), parent=parent.id, arguments=arguments, **spec)
        ids, _ = await self.admission.from_body(parent.id, parent.attempt, [group], {})
        await turns()
        return ids

    # What workers report.

    async def report(self, event: Event, *blobs: bytes) -> None:
        """Take in what a worker says, as the plugin does."""
        executor, record = self.executor, Record(events.dump(event), blobs)
        match event:
            case events.Started():
                executor.started(event)
            case events.Waiting() | events.Paused():
                executor.waiting(event)
            case events.Continued():
                executor.continued(event)
            case events.AttemptFailed():
                self.journal.take(event, record)
                executor.attempt_failed(event, blobs)
            case events.Completed():
                if keep := executor.completed(event, blobs):
                    self.journal.take(*part_of(event, record, keep))
        if not isinstance(event, events.Completed | events.AttemptFailed):
            self.journal.take(event, record)
        await turns()

    async def started(self, *jobs: TrackedJob) -> None:
        at = (self.now(),) * len(jobs)
        ids, attempts = columns(jobs)
        await self.report(events.Started(ids=ids, attempts=attempts, at=at, worker=WORKER))

    async def waiting(self, *jobs: TrackedJob) -> None:
        ids, attempts = columns(jobs)
        await self.report(events.Waiting(ids=ids, attempts=attempts, at=self.now()))

    async def paused(self, *jobs: TrackedJob) -> None:
        ids, attempts = columns(jobs)
        await self.report(events.Paused(ids=ids, attempts=attempts, at=self.now()))

    async def continued(self, *jobs: TrackedJob) -> None:
        ids, attempts = columns(jobs)
        await self.report(events.Continued(ids=ids, attempts=attempts, at=self.now()))

    async def completed(self, *jobs: TrackedJob, value: object = None) -> None:
        ids, attempts = columns(jobs)
        at, results = (self.now(),) * len(jobs), (JobResult(1),) * len(jobs)
        event = events.Completed(ids=ids, attempts=attempts, at=at, results=results)
        await self.report(event, *[dump_value(value)] * len(jobs))

    async def failed(self, *jobs: TrackedJob, error: ErrorInfo = BROKEN) -> None:
        ids, attempts = columns(jobs)
        at, errors = (self.now(),) * len(jobs), (error,) * len(jobs)
        event = events.AttemptFailed(ids=ids, attempts=attempts, at=at, errors=errors)
        await self.report(event, *[b""] * len(jobs))

    async def lose(self, worker: str) -> None:
        """Have a worker die."""
        slots = self.dispatch.slots_of(worker)
        self.executor.lost(self.dispatch.forget_worker(worker), "its worker died", slots)
        self.executor.unschedulable.worker_left()
        await turns()

    async def run(self, *jobs: TrackedJob, value: object = None) -> None:
        """Have jobs start and complete."""
        await self.started(*jobs)
        await self.completed(*jobs, value=value)

    # What can be seen.

    async def past(self, root_id: JobId) -> list[Event]:
        """Return all that the store has of a tree."""
        await turns()
        found = await self.journal.recorder.read(lambda store: store.events(root_id, 0))
        return [events.load(body) for _, body in found]

    async def kinds(self, job_id: JobId) -> list[str]:
        """Return what happened to a job, by the store."""
        past = await self.past(root_of(job_id))
        return [event.kind for event in past if job_id in events.ids_of(event)]

    async def ends(self, root_id: JobId) -> list[JobId]:
        """Return the jobs of a tree that have ended, in the order in which they did."""
        past = await self.past(root_id)
        return [i for event in past if event.kind in ENDS for i in events.ids_of(event)]

    def status(self, job_id: JobId) -> JobStatus | None:
        return self.journal.status(job_id)

    def error(self, job_id: JobId) -> ErrorInfo | None:
        node = self.journal.node(job_id)
        return None if node is None else node.error


class JournalOf:
    """Makes the journal of an engine, whose store was opened before."""

    def __init__(self, url: str) -> None:
        self.store = open_store(url)

    def __call__(self, engine: Engine) -> Journal:
        return Journal(self.store, "tests", Watch(), engine.ended, engine.taken)


@asynccontextmanager
async def engine_in(folder: Path) -> AsyncIterator[Engine]:
    """Yield an engine whose store is a file in this folder."""
    engine = Engine(await asyncio.to_thread(JournalOf, f"sqlite:///{folder / 'jobs.db'}"))
    yield engine
    await engine.journal.recorder.close()


async def turns(count: int = 12) -> None:
    """Let the loop do what it has to do at once."""
    for _ in range(count):
        await asyncio.sleep(0)


def columns(jobs: Sequence[TrackedJob]) -> tuple[tuple[JobId, ...], tuple[int, ...]]:
    return tuple(job.id for job in jobs), tuple(job.attempt for job in jobs)


def asked(
    *ids: JobId,
    parent: JobId | None = None,
    needs: Sequence[JobId] = (),
    arguments: Sequence[bytes] = (),
    **spec: Any,
) -> Group:
    """Return jobs with a body as a client asks for them."""
    words = {"title": "job", "function": "tests:f", "function_id": "f", "pool": "cpu", **spec}
    return Group(
        spec=JobSpec(**words).model_dump_json().encode(),
        ids=list(ids),
        parent_id=parent,
        arguments=list(arguments) or [b"arguments"] * len(ids),
        summaries=["()"] * len(ids),
        depends_on=list(needs),
    )


def plan(job_id: JobId, expected: int, parent: JobId | None = None, **spec: Any) -> Group:
    """Return a plan as a client asks for it."""
    words = {"title": "plan", "on_failure": "fail", "expected": expected, **spec}
    return Group(
        spec=JobSpec(**words).model_dump_json().encode(),
        ids=[job_id],
        parent_id=parent,
        arguments=[],
        summaries=["()"],
        depends_on=[],
    )
