"""One client's session with a job service: its connection, and the trees that it watches."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Iterable, Mapping
from concurrent.futures import Future
from typing import Any, TypeVar

from parrot_async.client.connection import PAGE, Connection
from parrot_async.client.replica import Changes
from parrot_async.client.trees import Claim, WatchedTrees
from parrot_async.errors import (
    ClusterError,
    DisconnectedError,
    JobNotFoundError,
    ResultExpiredError,
)
from parrot_async.model import events
from parrot_async.model.events import Event
from parrot_async.model.models import JobId, JobNode, root_of
from parrot_async.model.tree import JobTree
from parrot_async.transport.api import ServiceApi
from parrot_async.transport.outcome import Outcome

T = TypeVar("T")

VALUES_AT_ONCE = 100
"""Results that are unpickled before the caller's loop may breathe."""


_OF_CHILDREN: Any = object()
"""Stands for the result of a plan, which consists of its children's."""


class Session:
    """What a client, its handles and its live views share; it outlives the client's end.

    Runs on: any thread, except for coroutines, which run on the caller's loop. Events come in on
    the connection's thread. It is the `ViewSource` of live views.
    """

    def __init__(self) -> None:
        """Connect to nothing yet."""
        self.trees = WatchedTrees()
        self.history: Mapping[str, float] = {}
        """Mean seconds of functions by name, as the service knew them when the client opened."""
        self._connection: Connection | None = None
        self._closed = False

    # Life.

    def begin(self, connection: Connection, history: Mapping[str, float]) -> None:
        """Use an open connection from now on."""
        self._connection, self.history, self._closed = connection, dict(history), False

    async def end(self) -> bool:
        """Disconnect; False where the session was not open."""
        connection, self._connection = self._connection, None
        if connection is None:
            return False
        self._closed = True
        await asyncio.shield(connection.close())
        return True

    @property
    def is_open(self) -> bool:
        """Whether the session has a connection."""
        return self._connection is not None

    @property
    def connection(self) -> Connection:
        """The open connection; ClusterError where there is none."""
        if self._connection is None:
            raise ClusterError("the client is not open: write `async with JobClient() as client`")
        return self._connection

    @property
    def api(self) -> ServiceApi:
        """The service, as the caller's loop asks it; ClusterError where the client is not open."""
        return self.connection.api

    # Trees.

    def claim(self, root_id: JobId) -> Claim:
        """Return what keeps a tree here for as long as somebody holds it."""
        return self.trees.claim(root_id, self._drop)

    def _drop(self, root_id: JobId) -> None:
        if self._connection is not None:
            self._connection.forget(root_id, self.trees.drop)

    def tree(self, root_id: JobId) -> JobTree:
        """Return a live tree; JobNotFoundError where this client watches none of that id."""
        return self.trees.tree(root_id)

    def node(self, job_id: JobId) -> JobNode:
        """Return a job's live node; JobNotFoundError where its tree is not watched here."""
        return self.trees.tree(root_of(job_id))[job_id]

    async def attach(self, job_id: JobId) -> None:
        """Watch the tree of a job, which the caller has claimed; JobNotFoundError for none."""
        if not self.trees.knows(job_id):
            await self.connection.attach(job_id)
            if not self.trees.knows(job_id):
                raise JobNotFoundError(
                    f"no job {job_id} is known at {self.connection.address}: `await client.jobs()`"
                    " lists the newest, with their whole ids"
                )

    def events(self, job_id: JobId, since: int = 0) -> AsyncIterator[Event]:
        """Yield a tree's events but the first `since`, until the job has ended."""
        root_id = root_of(job_id)

        async def past(after: int) -> list[tuple[int, Event]]:
            page = await self.api.events(root_id, after, PAGE)
            return [(stored["seq"], events.load(bytes(stored["body"]))) for stored in page]

        return self.trees.events(job_id, past, since, self.claim(root_id))

    # Ends.

    async def ended(self, ids: Collection[JobId]) -> None:
        """Wait until all of these jobs have ended."""
        await self.trees.ended(ids)

    def ends(self, ids: Iterable[JobId]) -> AsyncIterator[JobId]:
        """Yield the ids of these jobs as they end."""
        return self.trees.ends(ids)

    async def result(self, job_id: JobId) -> Any:
        """Wait for a job's result; raises its error."""
        value = await self._own_result(job_id)
        return await self._results_below(job_id) if value is _OF_CHILDREN else value

    async def _own_result(self, job_id: JobId) -> Any:
        """Wait for a job's result; `_OF_CHILDREN` for that of a plan."""
        await self.ended([job_id])
        outcome = await self._outcome(job_id)
        if outcome.error is None and outcome.data is None and outcome.url is None:
            return _OF_CHILDREN
        if outcome.url is not None:
            return await asyncio.to_thread(outcome.value)
        return outcome.value()

    async def _results_below(self, plan_id: JobId) -> list[Any]:
        """Return the results of a plan's children, without recursion: plans nest at any depth."""
        results: list[Any] = []
        pending = [(plan_id, results)]
        while pending:
            job_id, found = pending.pop()
            for child_id in self.node(job_id).children:
                try:
                    value = await self._own_result(child_id)
                except Exception as exc:  # noqa: BLE001 - the plan completed all the same
                    value = exc
                if value is _OF_CHILDREN:
                    value = []
                    pending.append((child_id, value))
                found.append(value)
        return results

    async def _outcome(self, job_id: JobId) -> Outcome:
        """Return how an ended job ended; ResultExpiredError where its value's time is over."""
        outcome = self.trees.outcome(job_id)
        if outcome.data is not None or outcome.url is not None:
            return outcome
        if outcome.error is not None and outcome.error.kind != "exception":
            return outcome
        node = self.node(job_id)
        if node.spec.function_id is None:
            return outcome
        found = (await self.api.results([job_id])).get(job_id)
        if found is None and outcome.error is None:
            raise ResultExpiredError(f"job {job_id} completed, its result is not kept any more")
        if found is None:
            return outcome
        if found["expired"]:
            ttl = node.spec.result_ttl
            raise ResultExpiredError(f"job {job_id} completed, its result was kept for {ttl:g}s")
        return Outcome(job_id, found["value"], found["url"], outcome.error)

    async def gather(
        self, ids: Collection[JobId], plans: Collection[JobId], *, return_exceptions: bool
    ) -> list[Any]:
        """Return the results of jobs in order; the first error to come, unless errors are wanted.

        `plans` are the plans above some of the jobs: their end is waited for as well.
        """
        if return_exceptions:
            await self.ended(ids)
        else:
            await self._all_completed(ids)
        results: list[Any] = []
        for job_id in ids:
            try:
                results.append(await self._value(job_id))
            except Exception as exc:
                if not return_exceptions:
                    raise
                results.append(exc)
            if len(results) % VALUES_AT_ONCE == 0:
                await asyncio.sleep(0)
        # A map has ended with its last job, and the news of that is on its way.
        await self.ended(plans)
        return results

    async def _value(self, job_id: JobId) -> Any:
        """Return the value of a job that has ended, by the shortest way where it is at hand."""
        outcome = self.trees.outcome(job_id)
        if outcome.error is None and outcome.data is not None:
            return outcome.value()
        return await self.result(job_id)

    async def _all_completed(self, ids: Collection[JobId]) -> None:
        """Wait until all have completed, or raise the error of the first that has not."""
        async for job_id in self.ends(ids):
            if self.trees.outcome(job_id).error is not None:
                await self.result(job_id)

    # Control.

    async def cancel(self, ids: Collection[JobId]) -> None:
        """Stop jobs and all below them; those that have ended stay as they are."""
        ids = list(ids)
        stopped = await self.api.cancel(ids)
        self.trees.goes_on(root_of(i) for i, was in zip(ids, stopped, strict=True) if was)

    # The source of live views.

    @property
    def lost(self) -> str:
        """Why nothing more will come; empty while all is well."""
        return "the client was closed" if self._closed else str(self.trees.error or "")

    def find_tree(self, job_id: JobId) -> JobTree | None:
        """Return the live tree that a job is part of, or None while it has not come."""
        try:
            tree = self.trees.tree(root_of(job_id))
        except JobNotFoundError:
            return None
        return tree if job_id in tree else None

    def changes(self, job_id: JobId, wake: Callable[[], None]) -> Changes:
        """Collect what changes in a claimed tree, and ask the service for it if need be."""
        if self._connection is not None and not self.trees.knows(job_id):
            self._connection.attach_soon(job_id)
        return self.trees.changes(root_of(job_id), wake)

    def post(self, question: Callable[[ServiceApi], Awaitable[T]]) -> "Future[T]":
        """Ask the service something, from any thread, without waiting for the answer."""
        if self._connection is None:
            failed: Future[T] = Future()
            failed.set_exception(DisconnectedError("the client was closed"))
            return failed
        return self._connection.post(question)
