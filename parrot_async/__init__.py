"""Jobs for people who do AI work in notebooks: submit functions to Dask, watch the tree live."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from parrot_async.client.client import JobClient as JobClient
    from parrot_async.client.handle import JobHandle as JobHandle
    from parrot_async.client.handle import JobHandles as JobHandles
    from parrot_async.cluster import Pools as Pools
    from parrot_async.errors import JobCancelledError as JobCancelledError
    from parrot_async.errors import JobError as JobError
    from parrot_async.errors import ParrotError as ParrotError
    from parrot_async.jobs.context import JobContext as JobContext
    from parrot_async.jobs.context import current_job as current_job
    from parrot_async.jobs.decorator import job as job
    from parrot_async.jobs.plan import Plan as Plan
    from parrot_async.jobs.plan import result_of as result_of
    from parrot_async.model.models import FailurePolicy as FailurePolicy
    from parrot_async.model.models import JobNode as JobNode
    from parrot_async.model.models import JobResult as JobResult
    from parrot_async.model.models import JobStatus as JobStatus
    from parrot_async.model.models import JobType as JobType
    from parrot_async.model.models import Priority as Priority
    from parrot_async.model.models import Queue as Queue
    from parrot_async.model.models import Usage as Usage
    from parrot_async.model.tree import JobTree as JobTree

_PLACES = {
    "FailurePolicy": "model.models",
    "JobCancelledError": "errors",
    "JobClient": "client.client",
    "JobContext": "jobs.context",
    "JobError": "errors",
    "JobHandle": "client.handle",
    "JobHandles": "client.handle",
    "JobNode": "model.models",
    "JobResult": "model.models",
    "JobStatus": "model.models",
    "JobTree": "model.tree",
    "JobType": "model.models",
    "ParrotError": "errors",
    "Plan": "jobs.plan",
    "Pools": "cluster",
    "Priority": "model.models",
    "Queue": "model.models",
    "Usage": "model.models",
    "current_job": "jobs.context",
    "job": "jobs.decorator",
    "result_of": "jobs.plan",
}

__all__ = [
    "FailurePolicy",
    "JobCancelledError",
    "JobClient",
    "JobContext",
    "JobError",
    "JobHandle",
    "JobHandles",
    "JobNode",
    "JobResult",
    "JobStatus",
    "JobTree",
    "JobType",
    "ParrotError",
    "Plan",
    "Pools",
    "Priority",
    "Queue",
    "Usage",
    "current_job",
    "job",
    "result_of",
]

if not TYPE_CHECKING:

    def __getattr__(name: str) -> Any:
        """Import what is asked for when it is asked for: Dask alone takes a second."""
        if name not in _PLACES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        found = getattr(import_module(f"{__name__}.{_PLACES[name]}"), name)
        globals()[name] = found
        return found


def __dir__() -> list[str]:
    return [*globals(), *__all__]
