"""Schedulers with a job service in this very process, several of them on one store."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

from distributed import Scheduler, Worker

from parrot_async import JobClient
from parrot_async.service.plugin import JobService
from parrot_async.transport.wire import SERVICE


@asynccontextmanager
async def service_on(
    home: Path, store: str | None = None, port: int = 0
) -> AsyncIterator[JobClient]:
    """A client of a service, with a worker; its store is in this folder, or at a URL."""
    service = JobService(store or f"sqlite:///{home / 'jobs.db'}", (home / "results").as_uri())
    async with AsyncExitStack() as stack:
        scheduler = await stack.enter_async_context(
            Scheduler(host="127.0.0.1", port=port, dashboard=False, dashboard_address="127.0.0.1:0")
        )
        await scheduler.register_scheduler_plugin(service, name=SERVICE, idempotent=True)
        await stack.enter_async_context(Worker(scheduler.address, nthreads=8, nanny=None))
        yield await stack.enter_async_context(JobClient(scheduler.address))
        await service.before_close()
