"""What answers clients and runners: the service's side of `ServiceApi`."""

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from distributed.comm.core import Comm
from distributed.core import Status

from parrot_async.errors import InterruptedJobError
from parrot_async.model.models import JobId, JobStatus, Queue, root_of
from parrot_async.service.custody.abandoned import Abandoned
from parrot_async.service.custody.following import Following
from parrot_async.service.custody.recovery import Recovery
from parrot_async.service.custody.retention import Retention
from parrot_async.service.engine.admission import Admission
from parrot_async.service.engine.argument_files import ArgumentFiles
from parrot_async.service.engine.dispatch import Dispatch
from parrot_async.service.engine.executor import Executor
from parrot_async.service.engine.function_cache import FunctionCache
from parrot_async.service.engine.needs import outcomes
from parrot_async.service.engine.placement import Placement
from parrot_async.service.engine.queues import queue_of, save
from parrot_async.service.engine.rerun import Rerun
from parrot_async.service.journal.journal import Journal
from parrot_async.service.journal.watch import Watch
from parrot_async.store import JobStore
from parrot_async.transport.api import VERSION, WATCH, ServiceApi, handlers
from parrot_async.transport.messages import Accepted, Group, ServiceHello, StoredEvent, StoredValue


@dataclass(slots=True, frozen=True)
class Parts:
    """The parts of a running service that answers are made of."""

    journal: Journal
    executor: Executor
    dispatch: Dispatch
    placement: Placement
    watch: Watch
    queues: dict[str, Queue]
    recovery: Recovery
    following: Following
    retention: Retention
    abandoned: Abandoned
    files: ArgumentFiles


class Rpc:
    """Implements `ServiceApi` over Dask's RPC; what it raises is raised at the caller.

    Runs on: the scheduler's loop.
    """

    def __init__(self, parts: Parts) -> None:
        """Answer from these parts."""
        self._parts = parts
        self._journal = parts.journal
        self._executor = parts.executor
        self._queues = parts.queues
        self._functions = FunctionCache()
        self._under_way: dict[JobId, asyncio.Future[Accepted]] = {}
        self._admission = Admission(
            parts.journal, parts.executor, parts.queues, self._functions, parts.files
        )
        self._rerun = Rerun(parts.journal, self._admission, parts.queues)

    def handlers(self) -> dict[str, Callable[..., Any]]:
        """Return what Dask's server calls, by names on the wire."""
        return {**handlers(ServiceApi, self), WATCH: self.watch}

    async def hello(self) -> ServiceHello:
        """Return which version the service speaks, and what it knows."""
        means = self._parts.dispatch.history.means()
        return ServiceHello(
            version=VERSION,
            history={name: mean for name, mean in means.items() if name is not None},
            interrupted=len(await self._parts.recovery.interrupted()),
        )

    async def submit(
        self,
        groups: Sequence[Group],
        functions: Mapping[str, bytes],
        client: str | None = None,
    ) -> Accepted:
        """Accept jobs of a tree; they are durable on return, and the client watches the tree.

        A client whose line was cut asks again, perhaps before the first call has been answered.
        """
        first_id = groups[0]["ids"][0]
        if (asked_before := self._under_way.get(first_id)) is not None:
            return await asyncio.shield(asked_before)
        # No task of its own: its end would reach the client after the jobs have been sent out.
        answer: asyncio.Future[Accepted] = asyncio.get_running_loop().create_future()
        self._under_way[first_id] = answer
        try:
            answer.set_result(await self._submit(groups, functions, client))
        except Exception as exc:  # noqa: BLE001 - raised to all who have asked
            answer.set_exception(exc)
        finally:
            answer.cancel()
            del self._under_way[first_id]
        return answer.result()

    async def _submit(
        self,
        groups: Sequence[Group],
        functions: Mapping[str, bytes],
        client: str | None,
    ) -> Accepted:
        is_tree, root_id = not groups[0]["parent_id"], groups[0]["ids"][:1]
        if client is not None and is_tree and len(groups) > 1:
            self._parts.watch.subscribe(client, *root_id)
        job_id = await self._admission.from_client(groups, functions)
        if client is not None and is_tree and len(groups) == 1:
            # Its first event goes with this answer, and there has been no other yet.
            self._parts.watch.subscribe(client, *root_id)
        if client is not None and is_tree:
            self._parts.abandoned.begun(job_id, client)
        # Where another job has the key, the client knows nothing of that job's tree, and attaches.
        is_new = is_tree and job_id in root_id
        return Accepted(id=job_id, first=await self._journal.first_event(job_id) if is_new else b"")

    async def children(
        self,
        parent_id: JobId,
        attempt: int,
        groups: Sequence[Group],
        functions: Mapping[str, bytes],
    ) -> list[JobId]:
        """Accept children of a running job."""
        ids, known = await self._admission.from_body(parent_id, attempt, groups, functions)
        over = [job_id for job_id in known if job_id not in self._executor.jobs]
        if over:
            await self._tell_again(parent_id, over)
        return ids

    async def _tell_again(self, parent_id: JobId, ids: Sequence[JobId]) -> None:
        """Tell a parent's new attempt of children that had ended before."""
        ended = await outcomes(self._journal, ids)
        parent = self._executor.jobs.get(parent_id)
        if parent is not None:
            self._parts.placement.runner(parent.worker).children_ended(ended)

    async def cancel(self, ids: Sequence[JobId]) -> list[bool]:
        """Stop jobs and all below them."""
        return [
            self._executor.stopping.cancel(job_id) or await self._cancel_interrupted(job_id)
            for job_id in ids
        ]

    async def _cancel_interrupted(self, job_id: JobId) -> bool:
        cancelled = await self._parts.recovery.cancel(job_id)
        if cancelled:
            self._parts.following.goes_on([job_id])
        return cancelled

    async def recover(self, ids: Sequence[JobId] = (), changed: str = "error") -> list[JobId]:
        """Go on with trees that nobody runs, those of `ids` or all; returns their roots."""
        found = await self._parts.recovery.recover(ids, changed == "accept")
        self._parts.following.goes_on(found)
        return found

    async def retry(self, ids: Sequence[JobId], failed_only: bool = False) -> list[JobId]:
        """Run jobs that have ended again, each as a new tree; returns the new roots."""
        return [await self._rerun.run(job_id, failed_only) for job_id in ids]

    async def pause(self, ids: Sequence[JobId]) -> list[bool]:
        """Hold jobs and all below them; InterruptedJobError for one that nobody runs."""
        await self._check_run(ids)
        return [self._executor.pausing.pause_tree(job_id) for job_id in ids]

    async def resume(self, ids: Sequence[JobId]) -> list[bool]:
        """Let jobs and all below them go on; InterruptedJobError for one that nobody runs."""
        await self._check_run(ids)
        return [self._executor.pausing.resume_tree(job_id) for job_id in ids]

    async def _check_run(self, ids: Sequence[JobId]) -> None:
        if all(root_of(job_id) in self._executor.jobs for job_id in ids):
            return
        interrupted = set(await self._parts.recovery.interrupted())
        for job_id in ids:
            if root_of(job_id) in interrupted:
                raise InterruptedJobError(
                    f"nobody runs job {job_id}: `await client.recover()` goes on with it"
                )

    async def hold_queues(self, queue: str | None, holds: bool) -> None:
        """Hold the jobs of a queue, of all where none is named, or let them go on."""
        names = list(self._queues) if queue is None else [queue]
        found = [queue_of(self._queues, name) for name in names]
        changed = [known.model_copy(update={"paused": holds}) for known in found]
        await self._journal.recorder.read(lambda store: save(store, changed))
        self._queues.update((made.name, made) for made in changed)
        self._executor.pausing.queues_changed(names, holds)

    async def gc(
        self, older_than: float | None, keep: int | None, size: int | None
    ) -> dict[str, int]:
        """Delete finished trees and files that nobody needs; returns the fields of a `Pruned`."""
        return asdict(await self._parts.retention.prune(older_than, keep, size))

    async def function(self, function_id: str) -> bytes:
        """Give a function to a worker."""
        found = self._functions.get(function_id)
        if found is None:
            found = await self._journal.recorder.read(lambda store: store.function(function_id))
        if found is None:
            raise LookupError(f"function {function_id} is not known")
        self._functions.add({function_id: found})
        return found

    async def attach(
        self, client: str, after: Mapping[JobId, int], limit: int
    ) -> list[StoredEvent]:
        """Send a client all that comes of these trees; for their past it asks, page by page.

        Returns a page of what came after the number that is given with each tree.
        """
        for root_id in after:
            self._parts.watch.subscribe(client, root_id)
        await self._parts.following.attach(after)
        return await self._journal.recorder.read(lambda store: _page(store, after, limit))

    async def events(
        self, root_id: JobId, after: int = 0, limit: int | None = None
    ) -> list[StoredEvent]:
        """Return a tree's past after the event of this number."""
        return await self._journal.recorder.read(
            lambda store: _stored(root_id, store.events(root_id, after, limit))
        )

    async def detach(self, client: str, root_ids: Sequence[JobId]) -> None:
        """Send a client nothing more of these trees."""
        self._parts.watch.unsubscribe(client, root_ids)

    async def results(self, ids: Sequence[JobId]) -> dict[JobId, StoredValue]:
        """Stored results: pickle, URL, and whether their time is over."""
        found = await self._journal.recorder.read(lambda store: store.results(ids))
        return {
            i: StoredValue(value=result.value, url=result.url, expired=result.expired)
            for i, result in found.items()
        }

    async def jobs(
        self,
        status: str | None = None,
        queue: str | None = None,
        function: str | None = None,
        since: float | None = None,
        limit: int = 100,
    ) -> list[dict[str, Any]]:
        """Rows of the newest trees that fit."""
        rows = await self._journal.recorder.read(
            lambda store: store.roots(
                status=None if status is None else JobStatus(status),
                queue=queue,
                function=function,
                since=since,
                limit=limit,
            )
        )
        return [row.plain() for row in rows]

    async def set_queue(self, queue: bytes) -> None:
        """Keep a queue, in place of the one of the same name."""
        made = Queue.model_validate_json(queue)
        known = self._queues.get(made.name)
        made = made.model_copy(update={"paused": known is not None and known.paused})
        await self._journal.recorder.read(lambda store: store.save_queue(made))
        self._queues[made.name] = made
        self._parts.dispatch.queue_changed(made.name)

    async def watch(self, comm: Comm, client: str, number: int) -> Status:
        """Stream to a client until it goes."""
        await self._parts.watch.serve(comm, client, number)
        return Status.dont_reply


def _stored(root_id: JobId, past: Iterable[tuple[int, bytes]]) -> list[StoredEvent]:
    return [StoredEvent(root_id=root_id, seq=seq, body=body) for seq, body in past]


def _page(store: JobStore, after: Mapping[JobId, int], limit: int) -> list[StoredEvent]:
    """Return what came of some trees, no more than `limit` events."""
    page: list[StoredEvent] = []
    for root_id, number in after.items():
        page += _stored(root_id, store.events(root_id, number, limit - len(page)))
        if len(page) == limit:
            break
    return page
