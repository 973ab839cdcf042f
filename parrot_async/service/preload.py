"""`dask scheduler --preload parrot_async.service.preload`: load the job service at the start."""

from distributed import Scheduler

from parrot_async.service.plugin import JobService
from parrot_async.transport.wire import SERVICE


async def dask_setup(scheduler: Scheduler) -> None:
    """Install the service; `$PARROT_STORE` and `$PARROT_RESULTS` say where it keeps things."""
    await scheduler.register_scheduler_plugin(JobService(), name=SERVICE, idempotent=True)
