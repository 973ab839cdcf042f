"""Ways to the workers, each with one worker whose end of the stream a test can read."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from types import SimpleNamespace
from typing import Any

from distributed import Scheduler, Worker

from parrot_async.service.dask_placement import SHIFT, DaskPlacement
from parrot_async.testing.scheduler import WORKER, EagerPlacement
from parrot_async.transport.api import Arguments, Operation, RunnerApi, handlers
from parrot_async.transport.messages import Attempts, Batch, StoredFunction
from parrot_async.transport.wire import RUNNER

BATCH = Batch(
    ids=("a",),
    attempts=(1,),
    functions=("f",),
    arguments=(b"arguments",),
    coroutines=(False,),
    graces=(5.0,),
    values={},
    names={},
    states={},
    edited=(),
    alone=(),
)


class Heard:
    """A runner as the service calls it: what arrives is written down."""

    def __init__(self) -> None:
        self.messages: list[tuple[str, Any]] = []
        self.asked: dict[str, StoredFunction] = {}

    def take(self, batch: Batch) -> None:
        self.messages.append(("take", batch))

    def recall(self, attempts: Attempts) -> None:
        self.messages.append(("recall", attempts))

    def rest(self, key: str) -> None:
        self.messages.append(("rest", key))

    def call(self, operation: Operation, arguments: Arguments) -> Any:
        """Take a call, as the eager worker does."""
        return getattr(self, operation.name)(**arguments)

    async def check(self, functions: dict[str, StoredFunction]) -> dict[str, str]:
        self.asked = functions
        return {"f": "was changed"}

    async def until(self, count: int) -> list[tuple[str, Any]]:
        """Return what has arrived, once there are so many."""
        async with asyncio.timeout(5):
            while len(self.messages) < count:  # noqa: ASYNC110 - the stream tells nobody
                await asyncio.sleep(0.005)
        return self.messages


class Shifts:
    """In the place of a runner: shifts that end when they are told to."""

    def __init__(self) -> None:
        self.ends: dict[str, asyncio.Event] = {}

    async def shift(self, key: str) -> None:
        await self.ends.setdefault(key, asyncio.Event()).wait()


@asynccontextmanager
async def on_dask() -> AsyncIterator[SimpleNamespace]:
    """Yield a placement in Dask's scheduler, with a worker without a nanny in this process."""
    heard, shifts = Heard(), Shifts()
    async with (
        Scheduler(protocol="inproc", dashboard=False, dashboard_address=":0") as scheduler,
        Worker(scheduler.address, nthreads=1) as worker,
    ):
        placement = DaskPlacement(scheduler)
        worker.plugins[RUNNER] = shifts

        def rest(key: str) -> None:
            heard.rest(key)
            shifts.ends.setdefault(key, asyncio.Event()).set()

        known = handlers(RunnerApi, heard, ["take", "recall", "rest"])
        (rests,) = handlers(RunnerApi, heard, ["rest"])
        worker.stream_handlers.update({**known, rests: rest})
        worker.handlers.update(handlers(RunnerApi, heard, ["check"]))
        placement.worker_joined(worker.address)
        yield SimpleNamespace(
            placement=placement,
            worker=worker.address,
            heard=heard,
            scheduler=scheduler,
            dask_worker=worker,
        )
        for key in [key for key in scheduler.tasks if str(key).startswith(SHIFT)]:
            placement.shift_over(str(key))


@asynccontextmanager
async def eager() -> AsyncIterator[SimpleNamespace]:
    """Yield the eager client's placement."""
    heard = Heard()
    yield SimpleNamespace(placement=EagerPlacement(heard), worker=WORKER, heard=heard)
