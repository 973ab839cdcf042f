"""What every client does for its handles: live trees, ends, results, and words to the service."""

import asyncio
from collections.abc import AsyncIterator, Collection, Iterable, Sequence
from typing import Any, Literal, TypeVar, overload

from parrot_async.client.connection import PAGE, Connection
from parrot_async.client.handle import JobHandle, JobHandles
from parrot_async.client.trees import Mirror
from parrot_async.errors import ClusterError, JobNotFoundError, OptionsError, ResultExpiredError
from parrot_async.model import events
from parrot_async.model.events import Event
from parrot_async.model.models import JobId, root_of
from parrot_async.model.tree import JobTree
from parrot_async.transport.outcome import Outcome
from parrot_async.transport.pickling import preview
from parrot_async.view.source import Source

R = TypeVar("R")

VALUES_AT_ONCE = 100
"""Results that are unpickled before the caller's loop may breathe."""


class ServiceDoor:
    """The way of handles to their job service, over one line, beside a mirror of its trees."""

    def __init__(self) -> None:
        """Connect to nothing yet."""
        self._connection: Connection | None = None
        self._source: Source | None = None
        self._mirror = Mirror()
        self.history: dict[str, float] = {}
        """Mean seconds of functions by name, as the service knew them when the client opened."""

    @property
    def _line(self) -> Connection:
        if self._connection is None:
            raise ClusterError("the client is not open: write `async with JobClient() as client`")
        return self._connection

    @property
    def address(self) -> str:
        """Address of the Dask scheduler."""
        return self._line.address

    async def attach(self, job_id: JobId) -> JobHandle[Any]:
        """Return a handle of any job that the service knows; JobNotFoundError for another."""
        if not isinstance(job_id, str):
            raise OptionsError(f"attach takes the id of a job, a text, not {preview(job_id)}")
        handle = JobHandle[Any](self, job_id)
        if not self._mirror.knows(job_id):
            await self._line.attach(job_id)
            if not self._mirror.knows(job_id):
                raise JobNotFoundError(
                    f"no job {job_id} is known at {self.address}: `await client.jobs()` lists the"
                    " newest, with their whole ids"
                )
        return handle

    def claim(self, root_id: JobId) -> object:
        """Return what keeps a live tree here; with the last one that is held, the tree goes."""
        return self._mirror.claim(root_id, self._let_go)

    def _let_go(self, root_id: JobId) -> None:
        if self._connection is not None:
            self._connection.forget(root_id, self._mirror.drop)

    @property
    def source(self) -> Source:
        """What live views need of this client; they outlive its end."""
        if self._source is None:
            raise ClusterError("the client was never open: `client = await JobClient()`")
        return self._source

    def tree(self, root_id: JobId) -> JobTree:
        """Return a live tree that this client submitted or attached to."""
        return self._mirror.tree(root_id)

    @overload
    async def gather(
        self, *handles: JobHandle[R] | Iterable[JobHandle[R]], return_exceptions: Literal[True]
    ) -> list[R | Exception]: ...
    @overload
    async def gather(
        self, *handles: JobHandle[R] | Iterable[JobHandle[R]], return_exceptions: bool = False
    ) -> list[R]: ...
    async def gather(
        self, *handles: JobHandle[Any] | Iterable[JobHandle[Any]], return_exceptions: bool = False
    ) -> list[Any]:
        """Return all results in order; the first error to come, unless errors are wanted too."""
        ids = [job_id for some in handles for job_id in _ids(some)]
        if return_exceptions:
            await self.ended(ids)
        else:
            await self._all_good(ids)
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
        await self.ended([some.root.id for some in handles if isinstance(some, JobHandles)])
        return results

    async def _value(self, job_id: JobId) -> Any:
        """Return the value of a job that has ended, by the shortest way where it is at hand."""
        outcome = self._mirror.outcome(job_id)
        if outcome.error is None and outcome.data is not None:
            return outcome.value()
        return await JobHandle[Any](self, job_id).result()

    async def _all_good(self, ids: Collection[JobId]) -> None:
        """Wait until all have completed, or one has not."""
        async for job_id in self.ends(ids):
            if self._mirror.outcome(job_id).error is not None:
                await JobHandle[Any](self, job_id).result()

    async def as_completed(self, handles: Iterable[JobHandle[R]]) -> AsyncIterator[JobHandle[R]]:
        """Yield handles as their jobs end."""
        by_id = {handle.id: handle for handle in handles}
        async for job_id in self.ends(by_id):
            yield by_id[job_id]

    async def ended(self, ids: Collection[JobId]) -> None:
        """Wait until all of these jobs have ended."""
        await self._mirror.ended(ids)

    def ends(self, ids: Iterable[JobId]) -> AsyncIterator[JobId]:
        """Yield the ids of these jobs as they end."""
        return self._mirror.ends(ids)

    async def outcome(self, job_id: JobId) -> Outcome:
        """Return how an ended job ended; ResultExpiredError where its value's time is over."""
        outcome = self._mirror.outcome(job_id)
        if outcome.data is not None or outcome.url is not None:
            return outcome
        if outcome.error is not None and outcome.error.kind != "exception":
            return outcome
        node = self.tree(root_of(job_id))[job_id]
        if node.spec.function_id is None:
            return outcome
        stored = await self._line.call("parrot_results", ids=[job_id])
        if job_id not in stored and outcome.error is None:
            raise ResultExpiredError(f"job {job_id} completed, its result is not kept any more")
        if job_id not in stored:
            return outcome
        data, url, expired = stored[job_id]
        if expired:
            ttl = node.spec.result_ttl
            raise ResultExpiredError(f"job {job_id} completed, its result was kept for {ttl:g} s")
        return Outcome(job_id, data, url, outcome.error)

    async def cancel(self, ids: Sequence[JobId]) -> None:
        """Stop jobs and all below them; those that have ended stay as they are."""
        told = await self._line.call("parrot_cancel", ids=list(ids))
        self._mirror.goes_on(root_of(i) for i, was in zip(ids, told, strict=True) if was)

    async def retry(self, job_id: JobId, failed_only: bool = False) -> JobHandle[Any]:
        """Run a job that has ended again, as a new tree."""
        (found,) = await self._line.call("parrot_retry", ids=[job_id], failed_only=failed_only)
        return await self.attach(found)

    async def pause(self, ids: Sequence[JobId] | None = None, *, queue: str | None = None) -> None:
        """Hold jobs and all below them, or a queue; with neither, every queue that there is.

        A queue stays paused, also for jobs to come, until it is resumed. OptionsError for one
        that is not known.
        """
        await self._hold("parrot_pause", ids, queue)

    async def resume(self, ids: Sequence[JobId] | None = None, *, queue: str | None = None) -> None:
        """Let jobs and all below them go on, or a queue; with neither, every queue.

        A job that was paused both by itself and with its queue goes on when both are resumed.
        """
        await self._hold("parrot_resume", ids, queue)

    async def _hold(self, op: str, ids: Sequence[JobId] | None, queue: str | None) -> None:
        if ids is not None:
            await self._line.call(op, ids=list(ids))
        if ids is None or queue is not None:
            holds = op == "parrot_pause"
            await self._line.call("parrot_hold_queues", queue=queue, holds=holds)

    def events(self, job_id: JobId, since: int = 0) -> AsyncIterator[Event]:
        """Yield all that happened and happens in a tree, until the job has ended."""
        root_id = root_of(job_id)

        async def past(after: int) -> list[tuple[int, Event]]:
            stored = await self._line.call(
                "parrot_events", root_id=root_id, after=after, limit=PAGE
            )
            return [(seq, events.load(bytes(body))) for seq, body in stored]

        claim = self._mirror.claim(root_id, self._let_go)
        return self._mirror.events(job_id, past, since, claim)


def _ids(handles: JobHandle[Any] | Iterable[JobHandle[Any]]) -> Iterable[JobId]:
    """Return the ids of one handle or of many, without making ten thousand handles."""
    if isinstance(handles, JobHandles):
        return handles.ids()
    return [handles.id] if isinstance(handles, JobHandle) else [handle.id for handle in handles]
