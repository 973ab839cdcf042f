"""Where commands read jobs: in a store, which needs no cluster, or from a job service."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial, wraps
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, TypeVar

import click

if TYPE_CHECKING:
    from parrot_async.client.client import JobClient
    from parrot_async.history import History
    from parrot_async.model.events import Event
    from parrot_async.model.models import JobId
    from parrot_async.model.rows import RootRow
    from parrot_async.model.tree import JobTree

T = TypeVar("T")

MOST = 1_000_000
"""Jobs among which an abbreviated id is looked for."""
SHOWN = 5
"""Ids that an error lists when an abbreviated id is ambiguous."""
POLL = 0.25
"""Seconds between two readings of the store while a job is followed."""

_options = (
    click.option("--name", metavar="NAME", help="A local cluster's name.  [default: default]"),
    click.option("--store", metavar="URL", help="Read this job store, such as sqlite:///jobs.db."
                 "  [env: PARROT_STORE; default: the local cluster's]"),
    click.option("--cluster", metavar="ADDRESS", envvar="PARROT_CLUSTER",
                 help="Ask the job service beside this Dask scheduler instead."
                 "  [env: PARROT_CLUSTER]"),
)  # fmt: skip


class Location(NamedTuple):
    """Where a command finds its jobs, as its options say."""

    name: str | None = None
    store: str | None = None
    cluster: str | None = None


def location_options(command: Callable[..., None]) -> Callable[..., None]:
    """Add the options of all commands that read jobs; the command gets them as its `location`."""

    @wraps(command)
    def with_location(
        *, name: str | None, store: str | None, cluster: str | None, **options: Any
    ) -> None:
        # A store that was named counts more than a cluster that the environment names.
        command(location=Location(name, store, None if store else cluster), **options)

    for option in reversed(_options):
        with_location = option(with_location)
    return with_location


class JobSource(Protocol):
    """Where commands read jobs."""

    async def jobs(self, **filters: Any) -> "list[RootRow]":
        """Return the newest root jobs that match."""

    async def interrupted(self) -> "set[JobId]":
        """Return roots of trees that nothing runs any more."""

    async def tree(self, job_id: "JobId") -> "JobTree":
        """Return the tree that a job is part of."""

    def follow(self, job_id: "JobId") -> "AsyncIterator[Event]":
        """Yield the events of its tree until the job has ended, or nothing runs it any more."""

    async def result(self, job_id: "JobId") -> Any:
        """Return a job's result; raises its error."""


class StoreJobSource:
    """The jobs of a store, read in a thread of their own: a store blocks."""

    def __init__(self, history: "History") -> None:
        self._history = history

    async def _read(self, read: Callable[..., T], *args: Any, **options: Any) -> T:
        from anyio import to_thread

        return await to_thread.run_sync(partial(read, *args, **options))

    async def jobs(self, **filters: Any) -> "list[RootRow]":
        """Return the newest root jobs that match."""
        return await self._read(self._history.jobs, **filters)

    async def interrupted(self) -> "set[JobId]":
        """Return roots of trees that nothing runs any more."""
        return {row.id for row in await self._read(self._history.interrupted)}

    async def tree(self, job_id: "JobId") -> "JobTree":
        """Return the tree that a job is part of."""
        return await self._read(self._history.tree, job_id)

    async def follow(self, job_id: "JobId") -> "AsyncIterator[Event]":
        """Yield the events of its tree until the job has ended, or nothing runs it any more."""
        from anyio import sleep

        from parrot_async.model.events import Cancelled, Completed, Failed
        from parrot_async.model.models import root_of

        after = 0
        while True:
            found = await self._read(self._history.events, job_id, after)
            for after, event in found:  # noqa: B007 - the next reading begins there
                yield event
                if isinstance(event, Completed | Failed | Cancelled) and job_id in event.ids:
                    return
            if not found and root_of(job_id) in await self.interrupted():
                return
            await sleep(POLL)

    async def result(self, job_id: "JobId") -> Any:
        """Return a job's result; raises its error."""
        return await self._read(self._history.result, job_id)


class ServiceJobSource:
    """The jobs that a job service knows."""

    def __init__(self, client: "JobClient") -> None:
        self._client = client

    async def jobs(self, **filters: Any) -> "list[RootRow]":
        """Return the newest root jobs that match."""
        return await self._client.jobs(**filters)

    async def interrupted(self) -> "set[JobId]":
        """Return no job: the service runs them all."""
        return set()

    async def tree(self, job_id: "JobId") -> "JobTree":
        """Return the tree that a job is part of."""
        return (await self._client.attach(job_id)).tree

    async def follow(self, job_id: "JobId") -> "AsyncIterator[Event]":
        """Yield the events of its tree until the job has ended."""
        async for event in (await self._client.attach(job_id)).events():
            yield event

    async def result(self, job_id: "JobId") -> Any:
        """Return a job's result; raises its error."""
        from parrot_async.errors import NotEndedError

        handle = await self._client.attach(job_id)
        if not handle.done:
            raise NotEndedError(f"job {job_id} is {handle.status}: it has no result yet")
        return await handle


@asynccontextmanager
async def open_source(location: Location) -> "AsyncIterator[JobSource]":
    """Open the store, or connect to the service, of a location; no cluster is started."""
    if location.cluster is not None:
        from parrot_async.client.client import JobClient

        async with JobClient(location.cluster) as client:
            yield ServiceJobSource(client)
        return
    from anyio import to_thread

    from parrot_async.history import History

    history = await to_thread.run_sync(partial(History, location.store, name=location.name))
    with history:
        yield StoreJobSource(history)


async def find_job(source: JobSource, text: str) -> "JobId":
    """Return the id of the job whose id is `text`, or begins or ends with it.

    Raises JobNotFoundError if there is no such job, or more than one.
    """
    from parrot_async.errors import JobNotFoundError

    root, dot, below = text.partition(".")
    ids = [row.id for row in await source.jobs(limit=MOST)]
    if root not in ids:
        ids = [job_id for job_id in ids if job_id.startswith(root) or job_id.endswith(root)]
        if not ids:
            raise JobNotFoundError(f"no job {text} is known here: see `parrot-async jobs`")
        if len(ids) > 1:
            some = ", ".join(ids[:SHOWN])
            raise JobNotFoundError(f"{text} may be {len(ids):,} jobs: {some}; say more of the id")
        root = ids[0]
    return f"{root}{dot}{below}"
