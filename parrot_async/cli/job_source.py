"""Where commands read jobs: in a store, which needs no cluster, or at a cluster's service."""

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
"""Jobs among which an id that was cut short is looked for."""
SHOWN = 5
POLL = 0.25
"""Seconds between two looks at the store, while a job is followed."""

_options = (
    click.option("--name", metavar="NAME", help="A local cluster's name.  [default: default]"),
    click.option("--store", metavar="URL", help="Read this job store, such as sqlite:///jobs.db."
                 "  [env: PARROT_STORE; default: the local cluster's]"),
    click.option("--cluster", metavar="ADDRESS", envvar="PARROT_CLUSTER",
                 help="Ask the job service beside this Dask scheduler instead."
                 "  [env: PARROT_CLUSTER]"),
)  # fmt: skip


class Place(NamedTuple):
    """Where the jobs are that a command is about, as its options say."""

    name: str | None = None
    store: str | None = None
    cluster: str | None = None


def at_a_place(command: Callable[..., None]) -> Callable[..., None]:
    """Add the options of all commands that read jobs; the command gets them as its `place`."""

    @wraps(command)
    def placed(*, name: str | None, store: str | None, cluster: str | None, **options: Any) -> None:
        # A store that was named counts more than a cluster that the environment names.
        command(place=Place(name, store, None if store else cluster), **options)

    for option in reversed(_options):
        placed = option(placed)
    return placed


class Source(Protocol):
    """What commands read."""

    async def jobs(self, **filters: Any) -> "list[RootRow]":
        """Return the newest root jobs that fit."""

    async def interrupted(self) -> "set[JobId]":
        """Return roots of trees that nothing runs any more."""

    async def tree(self, job_id: "JobId") -> "JobTree":
        """Return the tree that a job is part of."""

    def follow(self, job_id: "JobId") -> "AsyncIterator[Event]":
        """Yield all that happens in it, until the job has ended or nothing runs it any more."""

    async def result(self, job_id: "JobId") -> Any:
        """Return a job's result; raises its error."""


class Stored:
    """A store's jobs."""

    def __init__(self, history: "History") -> None:
        self._history = history

    async def _ask(self, question: Callable[..., T], *args: Any, **options: Any) -> T:
        from anyio import to_thread

        return await to_thread.run_sync(partial(question, *args, **options))

    async def jobs(self, **filters: Any) -> "list[RootRow]":
        """Return the newest root jobs that fit."""
        return await self._ask(self._history.jobs, **filters)

    async def interrupted(self) -> "set[JobId]":
        """Return roots of trees that nothing runs any more."""
        return {row.id for row in await self._ask(self._history.interrupted)}

    async def tree(self, job_id: "JobId") -> "JobTree":
        """Return the tree that a job is part of."""
        return await self._ask(self._history.tree, job_id)

    async def follow(self, job_id: "JobId") -> "AsyncIterator[Event]":
        """Yield all that happens in it, until the job has ended or nothing runs it any more."""
        from anyio import sleep

        from parrot_async.model.events import Cancelled, Completed, Failed
        from parrot_async.model.models import root_of

        after = 0
        while True:
            found = await self._ask(self._history.events, job_id, after)
            for after, event in found:  # noqa: B007 - the next question begins there
                yield event
                if isinstance(event, Completed | Failed | Cancelled) and job_id in event.ids:
                    return
            if not found and root_of(job_id) in await self.interrupted():
                return
            await sleep(POLL)

    async def result(self, job_id: "JobId") -> Any:
        """Return a job's result; raises its error."""
        return await self._ask(self._history.result, job_id)


class Connected:
    """The jobs that a service knows."""

    def __init__(self, client: "JobClient") -> None:
        self._client = client

    async def jobs(self, **filters: Any) -> "list[RootRow]":
        """Return the newest root jobs that fit."""
        return await self._client.jobs(**filters)

    async def interrupted(self) -> "set[JobId]":
        """Return none: the service runs them."""
        return set()

    async def tree(self, job_id: "JobId") -> "JobTree":
        """Return the tree that a job is part of."""
        return (await self._client.attach(job_id)).tree

    async def follow(self, job_id: "JobId") -> "AsyncIterator[Event]":
        """Yield all that happens in it, until the job has ended."""
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
async def opened(place: Place) -> "AsyncIterator[Source]":
    """Open what the options say; no cluster is started."""
    if place.cluster is not None:
        from parrot_async.client.client import JobClient

        async with JobClient(place.cluster) as client:
            yield Connected(client)
        return
    from anyio import to_thread

    from parrot_async.history import History

    history = await to_thread.run_sync(partial(History, place.store, name=place.name))
    with history:
        yield Stored(history)


async def found(source: Source, text: str) -> "JobId":
    """Return the job whose id this is, or the beginning or end of it that no other job has."""
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
