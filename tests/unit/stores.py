"""Stores that tests fill with events, as a service would have written them."""

import pickle

from parrot_async.model import events
from parrot_async.model.events import Event
from parrot_async.model.models import JobSpec, JobStatus
from parrot_async.model.rows import RootRow
from parrot_async.store import Commit, open_store

BODY = JobSpec(title="task", function="tests:task", function_id="f" * 64)
"""A job that has a body, and so a result of its own."""


def write(url: str, *story: Event, values: dict[str, object], row: RootRow | None = None) -> None:
    """What a service would have written of a tree."""
    store = open_store(url)
    store.commit(
        Commit(
            events=[
                (events.ids_of(event)[0].partition(".")[0], events.dump(event)) for event in story
            ],
            results=[(job_id, pickle.dumps(value), None, None) for job_id, value in values.items()],
            roots=[] if row is None else [row],
        )
    )
    store.close()


def row(job_id: str, status: JobStatus = JobStatus.COMPLETED, queue: str = "default") -> RootRow:
    return RootRow(job_id, job_id.title(), "tests:task", queue, status, 1.0)
