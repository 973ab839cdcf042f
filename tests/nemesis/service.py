"""A scheduler with the job service and one worker, in the test's own process."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

from distributed import Scheduler, Worker

from parrot_async.service.plugin import JobService
from parrot_async.transport.wire import SERVICE


@asynccontextmanager
async def scheduler_at(folder: Path) -> AsyncIterator[tuple[Scheduler, JobService]]:
    """Have a scheduler whose jobs and results lie in a folder."""
    service = JobService(f"sqlite:///{folder / 'jobs.db'}", (folder / "results").as_uri())
    async with Scheduler(
        host="127.0.0.1", dashboard=False, dashboard_address="127.0.0.1:0"
    ) as scheduler:
        await scheduler.register_scheduler_plugin(service, name=SERVICE, idempotent=True)
        yield scheduler, service


@asynccontextmanager
async def worker_of(scheduler: Scheduler, slots: int = 8) -> AsyncIterator[Worker]:
    """Have a worker for io jobs."""
    async with Worker(
        scheduler.address, nthreads=slots, resources={"io": 1e6}, nanny=None
    ) as worker:
        yield worker


@asynccontextmanager
async def service_at(folder: Path) -> AsyncIterator[tuple[Scheduler, JobService]]:
    """Have both."""
    async with AsyncExitStack() as stack:
        scheduler, service = await stack.enter_async_context(scheduler_at(folder))
        await stack.enter_async_context(worker_of(scheduler))
        yield scheduler, service
