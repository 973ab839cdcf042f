"""What clients and runners may ask the service, one method a question."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from distributed.comm.core import Comm
from distributed.core import Status

from parrot_async.errors import InterruptedJobError
from parrot_async.model.models import JobId, JobStatus, Queue, root_of
from parrot_async.service.custody.parts import Custody
from parrot_async.service.engine.admission import Submissions
from parrot_async.service.engine.dispatch import Dispatch
from parrot_async.service.engine.executor import Executor
from parrot_async.service.engine.functions import Functions
from parrot_async.service.engine.needs import ends
from parrot_async.service.engine.placement import Placement
from parrot_async.service.engine.queues import queue_of, save
from parrot_async.service.engine.rerun import Again
from parrot_async.service.journal.journal import Journal
from parrot_async.service.journal.watch import Watch
from parrot_async.store import JobStore
from parrot_async.transport.wire import VERSION


class Desk:
    """Answers over Dask's RPC; an error that is raised here is raised at the caller."""

    def __init__(
        self,
        journal: Journal,
        executor: Executor,
        dispatch: Dispatch,
        placement: Placement,
        watch: Watch,
        *,
        queues: dict[str, Queue],
        custody: Custody,
    ) -> None:
        """Share the service's parts."""
        self._journal = journal
        self._executor = executor
        self._dispatch = dispatch
        self._placement = placement
        self._watch = watch
        self._queues = queues
        self._functions = Functions()
        self._under_way: dict[JobId, asyncio.Future[tuple[JobId, bytes]]] = {}
        self._submissions = Submissions(journal, executor, queues, self._functions)
        self._again = Again(journal, self._submissions, queues)
        self._custody = custody

    def handlers(self) -> dict[str, Callable[..., Any]]:
        """Return the questions by the names that clients and runners use."""
        return {
            "parrot_hello": self.hello,
            "parrot_submit": self.submit,
            "parrot_children": self.children,
            "parrot_cancel": self.cancel,
            "parrot_pause": self.pause,
            "parrot_resume": self.resume,
            "parrot_hold_queues": self.hold_queues,
            "parrot_recover": self.recover,
            "parrot_retry": self.retry,
            "parrot_gc": self._custody.retention.answer,
            "parrot_function": self.function,
            "parrot_attach": self.attach,
            "parrot_events": self.events,
            "parrot_detach": self.detach,
            "parrot_results": self.results,
            "parrot_jobs": self.jobs,
            "parrot_set_queue": self.set_queue,
            "parrot_watch": self.serve,
        }

    async def hello(self) -> dict[str, Any]:
        """Say whether a client fits, what functions have taken, and how many trees nobody runs."""
        return {
            "version": VERSION,
            "history": self._dispatch.history.means(),
            "interrupted": len(await self._custody.recovery.interrupted()),
        }

    async def submit(
        self,
        groups: Sequence[Mapping[str, Any]],
        functions: Mapping[str, bytes],
        client: str | None = None,
    ) -> tuple[JobId, bytes]:
        """Accept trees; durable when it returns. The client watches them from the start.

        Returns the root's id, and its first event for a client that has not seen it yet. A client
        whose line was cut asks again, perhaps before we have done what it asked for first.
        """
        first_id = groups[0]["ids"][0]
        if (asked_before := self._under_way.get(first_id)) is not None:
            return await asyncio.shield(asked_before)
        # No task of its own: its end would reach the client after the jobs have been sent out.
        answer: asyncio.Future[tuple[JobId, bytes]] = asyncio.get_running_loop().create_future()
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
        groups: Sequence[Mapping[str, Any]],
        functions: Mapping[str, bytes],
        client: str | None,
    ) -> tuple[JobId, bytes]:
        is_tree, root_id = not groups[0]["parent_id"], groups[0]["ids"][:1]
        if client is not None and is_tree and len(groups) > 1:
            self._watch.subscribe(client, *root_id)
        job_id = await self._submissions.from_client(groups, functions)
        if client is not None and is_tree and len(groups) == 1:
            # Its first event goes with this answer, and there has been no other yet.
            self._watch.subscribe(client, *root_id)
        if client is not None and is_tree:
            self._custody.abandoned.begun(job_id, client)
        # Where another job has the key, the client knows nothing of that job's tree, and attaches.
        is_new = is_tree and job_id in root_id
        return job_id, await self._journal.first_event(job_id) if is_new else b""

    async def children(
        self,
        parent_id: JobId,
        attempt: int,
        groups: Sequence[Mapping[str, Any]],
        functions: Mapping[str, bytes],
    ) -> list[JobId]:
        """Accept children of a running job."""
        ids, known = await self._submissions.from_body(parent_id, attempt, groups, functions)
        over = [job_id for job_id in known if job_id not in self._executor.runs]
        if over:
            await self._tell_again(parent_id, over)
        return ids

    async def _tell_again(self, parent_id: JobId, ids: Sequence[JobId]) -> None:
        """Tell a parent's new attempt of children that had ended before."""
        ended = await ends(self._journal, ids)
        parent = self._executor.runs.get(parent_id)
        if parent is not None:
            self._placement.control(parent.worker, outcomes=ended)

    async def cancel(self, ids: Sequence[JobId]) -> list[bool]:
        """Stop jobs and all below them."""
        return [
            self._executor.cancel(job_id) or await self._cancel_interrupted(job_id)
            for job_id in ids
        ]

    async def _cancel_interrupted(self, job_id: JobId) -> bool:
        cancelled = await self._custody.recovery.cancel(job_id)
        if cancelled:
            self._custody.following.goes_on([job_id])
        return cancelled

    async def recover(self, ids: Sequence[JobId] = (), changed: str = "error") -> list[JobId]:
        """Go on with trees that nobody runs, those of `ids` or all; returns their roots."""
        found = await self._custody.recovery.recover(ids, changed == "accept")
        self._custody.following.goes_on(found)
        return found

    async def retry(self, ids: Sequence[JobId], failed_only: bool = False) -> list[JobId]:
        """Run jobs that have ended again, each as a new tree; returns the new roots."""
        return [await self._again.run(job_id, failed_only) for job_id in ids]

    async def pause(self, ids: Sequence[JobId]) -> list[bool]:
        """Hold jobs and all below them; InterruptedJobError for one that nobody runs."""
        await self._check_run(ids)
        return [self._executor.pausing.pause_tree(job_id) for job_id in ids]

    async def resume(self, ids: Sequence[JobId]) -> list[bool]:
        """Let jobs and all below them go on; InterruptedJobError for one that nobody runs."""
        await self._check_run(ids)
        return [self._executor.pausing.resume_tree(job_id) for job_id in ids]

    async def _check_run(self, ids: Sequence[JobId]) -> None:
        if all(root_of(job_id) in self._executor.runs for job_id in ids):
            return
        interrupted = set(await self._custody.recovery.interrupted())
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
    ) -> list[tuple[JobId, int, bytes]]:
        """Send a client all that comes of these trees; for their past it asks, page by page.

        Returns a page of what came after the number that is given with each tree.
        """
        for root_id in after:
            self._watch.subscribe(client, root_id)
        await self._custody.following.attach(after)
        return await self._journal.recorder.read(lambda store: _page(store, after, limit))

    async def events(
        self, root_id: JobId, after: int = 0, limit: int | None = None
    ) -> list[tuple[int, bytes]]:
        """Return a tree's past, after an event's number."""
        return await self._journal.recorder.read(lambda store: store.events(root_id, after, limit))

    async def detach(self, client: str, root_ids: Sequence[JobId]) -> None:
        """Send a client nothing more of these trees."""
        self._watch.unsubscribe(client, root_ids)

    async def results(self, ids: Sequence[JobId]) -> dict[JobId, tuple[Any, ...]]:
        """Stored results: pickle, URL, and whether their time is over."""
        found = await self._journal.recorder.read(lambda store: store.results(ids))
        return {i: (result.value, result.url, result.expired) for i, result in found.items()}

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
        self._dispatch.queue_changed(made.name)

    async def serve(self, comm: Comm, client: str, number: int) -> Status:
        """Stream to a client until it goes."""
        await self._watch.serve(comm, client, number)
        return Status.dont_reply


def _page(
    store: JobStore, after: Mapping[JobId, int], limit: int
) -> list[tuple[JobId, int, bytes]]:
    """Return what came of some trees, no more than `limit` events."""
    page: list[tuple[JobId, int, bytes]] = []
    for root_id, number in after.items():
        past = store.events(root_id, number, limit - len(page))
        page += [(root_id, seq, body) for seq, body in past]
        if len(page) == limit:
            break
    return page
