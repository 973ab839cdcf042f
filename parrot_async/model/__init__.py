"""The data of jobs: nodes, events, and the tree that they fold into; pure, without a clock.

It runs in every process, and everybody may call it; users import its names from here.
"""

from parrot_async.model import events
from parrot_async.model.durations import Duration
from parrot_async.model.events import Event
from parrot_async.model.models import (
    FailurePolicy,
    JobId,
    JobNode,
    JobResult,
    JobSpec,
    JobStatus,
    JobType,
    Priority,
    Queue,
    Usage,
)
from parrot_async.model.progress import JobStatusReport
from parrot_async.model.rows import RootRow
from parrot_async.model.tree import JobTree, fold

__all__ = [
    "Duration",
    "Event",
    "FailurePolicy",
    "JobId",
    "JobNode",
    "JobResult",
    "JobSpec",
    "JobStatus",
    "JobStatusReport",
    "JobTree",
    "JobType",
    "Priority",
    "Queue",
    "RootRow",
    "Usage",
    "events",
    "fold",
]
