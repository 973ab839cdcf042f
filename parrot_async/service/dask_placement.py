"""Dask's scheduler as the engine uses it: the only code that touches the inside of it."""

import asyncio
import logging
from collections.abc import Awaitable
from functools import partial
from time import time
from typing import Any
from urllib.parse import urlsplit

from dask._task_spec import Task
from distributed import Scheduler, Status
from distributed.scheduler import WorkerState
from distributed.spans import SpanMetadata
from distributed.system import MEMORY_LIMIT

from parrot_async.runner.shifts import run_shift
from parrot_async.service.engine.placement import Placement
from parrot_async.service.worker_deaths import WorkerMemory
from parrot_async.transport.api import Arguments, Operation, RunnerApi, runner_stub
from parrot_async.transport.messages import Batch
from parrot_async.transport.wire import tune

OWNER = "parrot-service"
"""The name under which the service wants its keys, as a Dask client would."""
SHIFT = "parrot-shift"
"""Before the number of a shift, in the key of its task."""
KILL_WITHIN = 5.0
"""Seconds that a nanny has to kill its worker, before that is put out of the cluster."""
REST_AFTER = 0.5
"""Seconds after which the shift of a worker ends that has nothing left to do."""

logger = logging.getLogger(__name__)


class DaskPlacement(Placement):
    """Sends batches and messages to Dask's workers, and has Dask know which of them are busy.

    Written against distributed 2026.8. Batches of attempts go to a worker over its own stream, in
    their order. For Dask, a worker that has any is busy with one long task, its shift: that is what
    its dashboard, its idle timeout and its adaptive scaling see.

    Runs on: the scheduler's loop.
    """

    def __init__(self, scheduler: Scheduler) -> None:
        """`scheduler` is the one whose plugin the service is."""
        self._scheduler = scheduler
        self._loop = asyncio.get_running_loop()
        self._shifts: dict[str, str] = {}
        """Keys by worker."""
        self._runners: dict[str, RunnerApi] = {}
        self._states: dict[str, WorkerState] = {}
        """Workers as Dask knows them, also those that it has just forgotten."""
        self._resting: set[str] = set()
        self._timer: asyncio.TimerHandle | None = None
        self._count = 0
        self._closing: set[asyncio.Task[None]] = set()

    def worker_joined(self, worker: str) -> None:
        """Have messages to a worker sent at once."""
        tune(self._scheduler.stream_comms[worker])
        self._states[worker] = self._scheduler.workers[worker]

    def worker_left(self, worker: str) -> None:
        """Forget a worker that is gone."""
        self._runners.pop(worker, None)
        if worker not in self._scheduler.workers:
            self._states.pop(worker, None)

    def start(self, batch: Batch, worker: str) -> None:
        """Have a worker run a batch, in a shift."""
        self._resting.discard(worker)
        if worker not in self._shifts:
            self._begin_shift(worker)
        self.runner(worker).take(batch)

    def _begin_shift(self, worker: str) -> None:
        """Have Dask know that a worker is busy."""
        self._count += 1
        key = self._shifts[worker] = f"{SHIFT}-{self._count}"
        self._scheduler._create_taskstate_from_graph(  # noqa: SLF001 - as Dask's own client RPC
            start=time(),
            dsk={key: Task(key, run_shift, key)},
            keys={key},
            ordered={key: 0},
            client=OWNER,
            annotations_by_type={},
            global_annotations={"workers": [worker], "allow_other_workers": False},
            stimulus_id=f"parrot-start-{time()}",
            submitting_task=None,
            span_metadata=SpanMetadata(collections=[]),
        )

    def rest(self, worker: str) -> None:
        """End a worker's shift, unless it soon gets another batch."""
        self._resting.add(worker)
        if self._timer is None:
            self._timer = self._loop.call_later(REST_AFTER, self._end_shifts)

    def _end_shifts(self) -> None:
        self._timer = None
        while self._resting:
            worker = self._resting.pop()
            if (key := self._shifts.pop(worker, None)) is not None:
                self.runner(worker).rest(key)

    def shift_over(self, key: str) -> None:
        """Have Dask forget a shift, whoever ended it; the next batch begins another."""
        for worker in [worker for worker, ours in self._shifts.items() if ours == key]:
            del self._shifts[worker]
            self.runner(worker).rest(key)
        if key in self._scheduler.tasks and OWNER in self._scheduler.clients:
            self._scheduler.client_releases_keys(keys=[key], client=OWNER)

    def runner(self, worker: str) -> RunnerApi:
        """Return the runner on a worker, for calls to it; a worker that is gone hears nothing."""
        found = self._runners.get(worker)
        if found is None:
            found = self._runners[worker] = runner_stub(partial(self._call, worker))
        return found

    def _call(
        self, worker: str, operation: Operation, arguments: Arguments
    ) -> Awaitable[Any] | None:
        if operation.answers:
            return self._ask(worker, operation, arguments)
        if worker in self._scheduler.stream_comms:
            self._scheduler.worker_send(worker, {"op": operation.wire_name, **arguments})
        return None

    async def _ask(self, worker: str, operation: Operation, arguments: Arguments) -> Any:
        async with self._scheduler.rpc(worker) as remote:
            return await getattr(remote, operation.wire_name)(**arguments)

    def takes(self, worker: str) -> bool:
        """Return whether Dask would start a task on a worker."""
        state = self._scheduler.workers.get(worker)
        return state is not None and state.status is Status.running

    def can_kill(self, worker: str) -> bool:
        """Return whether a worker has a nanny, which would start it again."""
        state = self._scheduler.workers.get(worker)
        return state is not None and state.nanny is not None

    def memory(self, worker: str) -> WorkerMemory | None:
        """Return a worker's memory as its last heartbeat told it.

        One without a limit of its own has the machine's, where that is the scheduler's too.
        """
        if (state := self._states.get(worker)) is None:
            return None
        used = int(state.metrics.get("memory", 0))
        if state.memory_limit:
            return WorkerMemory(used, state.memory_limit)
        is_here = state.host == urlsplit(self._scheduler.address).hostname
        return WorkerMemory(used, MEMORY_LIMIT, "the machine's memory") if is_here else None

    def kill(self, worker: str) -> None:
        """Kill a worker's process; its nanny starts another."""
        state = self._scheduler.workers.get(worker)
        if state is not None and state.nanny is not None:
            task = asyncio.create_task(self._kill(worker, state.nanny))
            self._closing.add(task)
            task.add_done_callback(self._closing.discard)

    async def _kill(self, worker: str, nanny: str) -> None:
        try:
            async with asyncio.timeout(KILL_WITHIN), self._scheduler.rpc(nanny) as remote:
                await remote.kill(timeout=0.2, reason="parrot-job-does-not-stop")
        except (OSError, TimeoutError) as exc:
            logger.warning("the nanny %s could not kill its worker: %r", nanny, exc)
            # It gets no more jobs, so it must not look as if it could.
            await self._scheduler.remove_worker(worker, stimulus_id="parrot-job-does-not-stop")
