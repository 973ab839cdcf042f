"""Admission: what a client or a running job asks for becomes events and jobs, or is refused."""

import asyncio
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, TypeVar

from parrot_async.errors import JobNotFoundError, KeyTakenError, NotEndedError
from parrot_async.model.events import Submitted
from parrot_async.model.models import JobId, JobNode, JobSpec, JobStatus, Queue, root_of
from parrot_async.service.engine.argument_files import ArgumentFiles
from parrot_async.service.engine.ending import CANCELLED_BY_PARENT
from parrot_async.service.engine.executor import Executor
from parrot_async.service.engine.function_cache import FunctionCache
from parrot_async.service.engine.limits import Limits
from parrot_async.service.engine.pools import pool_of
from parrot_async.service.engine.queues import queue_of
from parrot_async.service.engine.reuse import (
    completed_before,
    fingerprint,
    kept,
    results_by_content,
)
from parrot_async.service.engine.state import TrackedJob
from parrot_async.service.journal.ends import End
from parrot_async.service.journal.journal import Journal
from parrot_async.store import Commit
from parrot_async.transport.messages import Group
from parrot_async.transport.wire import whole

T = TypeVar("T")

MOST_IN_EVENT = 1000
"""Jobs in one event, so that its readers can do other things between two."""


@dataclass(slots=True)
class Request:
    """A group of like jobs that somebody asks for, with their ids and resolved options."""

    spec: JobSpec
    ids: Sequence[JobId]
    parent_id: JobId | None
    arguments: Sequence[bytes]
    summaries: Sequence[str]
    depends_on: tuple[JobId, ...]
    prints: Sequence[str] = ()
    known_as: tuple[JobId, ...] = ()
    origins: Sequence[JobId] = ()
    """The jobs that these run again, "" where one is new; or none at all."""
    reuse: bool = False
    moves_key: bool = False
    """Whether the key goes from the job that has it to this one."""

    def part(self, indexes: Sequence[int]) -> "Request":
        """Return some of the jobs."""
        return replace(
            self,
            ids=_some(self.ids, indexes),
            arguments=_some(self.arguments, indexes),
            summaries=_some(self.summaries, indexes),
            prints=_some(self.prints, indexes),
            origins=_some(self.origins, indexes),
        )


class Admission:
    """Accepts jobs: gives them ids and their queue's options, makes them durable, starts them.

    Runs on: the scheduler's loop.
    """

    def __init__(
        self,
        journal: Journal,
        executor: Executor,
        queues: Mapping[str, Queue],
        functions: FunctionCache,
        files: ArgumentFiles,
    ) -> None:
        """Share the service's parts; `functions` are those that workers may ask for."""
        self._files = files
        self._journal = journal
        self._executor = executor
        self._queues = queues
        self._functions = functions
        self._limits = Limits(journal)
        self._keys: dict[str, asyncio.Future[JobId | None]] = {}
        """By the keys of jobs that are being accepted: their ids; None where they were refused."""

    async def from_client(self, groups: Sequence[Group], functions: Mapping[str, bytes]) -> JobId:
        """Accept trees that a client has given ids. Returns the id of the first job.

        A tree that is known already is left as it is, so that a client may ask twice. A job with
        a key that a job had before is that job.
        """
        requests = [self._request(group) for group in groups]
        first = requests[0]
        if self._journal.node(first.ids[0]) is not None:
            return first.ids[0]
        key = first.spec.key if first.parent_id is None else None
        if key is not None and (known := await self._job_of_key(key)) is not None:
            return known
        accepted = None
        try:
            await self.check_needs(requests)
            await self.accept(requests, functions, await self._known_results(requests))
            accepted = first.ids[0]
        except KeyTakenError as exc:  # by a job of another service on the same store
            accepted = exc.job_id
        finally:
            if key is not None:
                self._keys.pop(key).set_result(accepted)
        return accepted

    async def _known_results(self, requests: Iterable[Request]) -> dict[JobId, End]:
        """Return how jobs end whose results are shared, and of which an equal one has completed."""
        contents: dict[JobId, str] = {}
        for request in requests:
            if request.spec.cache:
                request.prints = request.prints or [
                    fingerprint(request.spec, d) for d in request.arguments
                ]
                contents.update(zip(request.ids, request.prints, strict=True))
                for job_id in self._partial(request):
                    del contents[job_id]
        return await results_by_content(self._journal, contents)

    def _partial(self, request: Request) -> Iterator[JobId]:
        """Yield jobs that run completed ones again because of what failed below these."""
        for job_id, origin in zip(request.ids, request.origins, strict=False):
            node = self._journal.node(origin) if request.reuse and origin else None
            if node is not None and node.incomplete_below:
                yield job_id

    async def from_body(
        self,
        parent_id: JobId,
        attempt: int,
        groups: Sequence[Group],
        functions: Mapping[str, bytes],
    ) -> tuple[list[JobId], list[JobId]]:
        """Accept children of a running job. Returns their ids, and the ids that are not new.

        A body that runs again, because its worker died, finds the children that it had: the same
        function with the same arguments is the same child, unless it did not complete. Raises
        OptionsError where the tree gets too deep or too big.
        """
        self._check_current(parent_id, attempt)
        parent = self._executor.jobs[parent_id]
        self._limits.check_depth(parent.node)
        requests = [self._request(group, parent_id) for group in groups]
        for request in requests:
            request.prints = [fingerprint(request.spec, data) for data in request.arguments]
        await self._look_back(parent, {text for request in requests for text in request.prints})
        self._check_current(parent_id, attempt)
        ids: list[JobId] = []
        new: list[Request] = []
        for request in requests:
            fresh = self._name(parent, request)
            ids += request.ids
            if fresh is not None:
                new.append(fresh)
        await self.check_needs(new)
        born = {job_id for request in new for job_id in request.ids}
        if new:
            with self._limits.reserved(parent.node, len(born)):
                earlier = await self._results_of_origins(new)
                ends = await self._known_results(new) | earlier
                await self.accept(new, functions, ends, insists=True)
            self._stop_orphans(parent_id, attempt, new)
        return ids, [job_id for job_id in ids if job_id not in born]

    def _check_current(self, job_id: JobId, attempt: int) -> None:
        if not self._executor.is_current(job_id, attempt):
            raise JobNotFoundError(f"attempt {attempt} of job {job_id} does not run any more")

    async def _look_back(self, parent: TrackedJob, prints: set[str]) -> None:
        """Leave a body those of its earlier children to find whose results are kept."""
        unclaimed = parent.unclaimed or {}
        found = [i for text in prints for i in unclaimed.get(text, ())]
        ended = [i for i in found if self._journal.status(i) is JobStatus.COMPLETED]
        if ended:
            gone = set(ended) - await kept(self._journal, ended)
            for text in prints & unclaimed.keys():
                unclaimed[text] = [i for i in unclaimed[text] if i not in gone]
        if parent.reuse and parent.earlier is None and parent.node.origin is not None:
            past = await self._journal.stored_tree(root_of(parent.node.origin))
            parent.earlier = past.children_by_print(parent.node.origin)

    async def _results_of_origins(self, requests: Iterable[Request]) -> dict[JobId, End]:
        """Return how jobs end that run completed ones again."""
        sources = {
            job_id: origin
            for request in requests
            if request.reuse
            for job_id, origin in zip(request.ids, request.origins, strict=False)
            if origin
        }
        return await completed_before(self._journal, sources)

    def _stop_orphans(self, parent_id: JobId, attempt: int, new: Sequence[Request]) -> None:
        """Stop children whose parent's attempt ended while they became durable."""
        # The attempt that waits for them is over; a later one asks for its children itself.
        if not self._executor.is_current(parent_id, attempt):
            for job_id in (job_id for request in new for job_id in request.ids):
                if (job := self._executor.jobs.get(job_id)) is not None:
                    self._executor.stopping.stop(job, CANCELLED_BY_PARENT)

    def _request(self, group: Group, parent_id: JobId | None = None) -> Request:
        spec = self._resolved(_spec(bytes(group["spec"])))
        return Request(
            spec=spec,
            ids=list(group["ids"]),
            parent_id=parent_id or group["parent_id"],
            arguments=[whole(data) for data in group["arguments"]],
            summaries=list(group["summaries"]),
            depends_on=tuple(group["depends_on"]),
        )

    def _resolved(self, spec: JobSpec) -> JobSpec:
        queue = queue_of(self._queues, spec.queue)
        update: dict[str, Any] = {
            "pool": pool_of(spec, queue),
            "priority": queue.priority if spec.priority is None else spec.priority,
        }
        if spec.timeout is None and spec.function_id is not None:
            update["timeout"] = queue.timeout
        return spec.model_copy(update=update)

    def _name(self, parent: TrackedJob, request: Request) -> Request | None:
        """Give children of a body their ids. Returns those that are new."""
        unclaimed, earlier = parent.unclaimed or {}, parent.earlier or {}
        ids: list[JobId] = []
        origins: list[JobId] = []
        fresh: list[int] = []
        for index, text in enumerate(request.prints):
            known = unclaimed.get(text)
            if known:
                ids.append(known.pop(0))
            else:
                ids.append(f"{parent.id}.{parent.next_ordinal}")
                parent.next_ordinal += 1
                fresh.append(index)
            origins.append(earlier[text].pop(0) if not known and earlier.get(text) else "")
        request.ids = ids
        if any(origins):
            request.origins, request.reuse = origins, True
        return request.part(fresh) if fresh else None

    async def _job_of_key(self, key: str) -> JobId | None:
        """Return the job that has a key; None where the caller has reserved the key."""
        while (other := self._keys.get(key)) is not None:
            if (known := await other) is not None:
                return known
        mine = self._keys[key] = asyncio.get_running_loop().create_future()
        try:
            stored = await self._journal.recorder.read(lambda store: store.job_of_key(key))
        except BaseException:
            self._keys.pop(key).set_result(None)
            raise
        if stored is not None:
            del self._keys[key]
            mine.set_result(stored)
        return stored

    async def check_needs(self, requests: Iterable[Request]) -> None:
        """Refuse jobs that need unknown ones, or such as end elsewhere.

        Raises JobNotFoundError or NotEndedError. Trees that are not in memory are fetched.
        """
        requests = list(requests)
        born = {job_id for request in requests for job_id in request.ids}
        for needed in {job_id for request in requests for job_id in request.depends_on} - born:
            await self._journal.fetch(root_of(needed))
            node = self._journal.node(needed)
            if node is None:
                raise JobNotFoundError(f"it needs job {needed}, which is not known here")
            if self._journal.is_foreign(needed) and not node.status.terminal:
                raise NotEndedError(
                    f"it needs job {needed}, which another service runs, or none: wait for its "
                    "end, or `await client.recover()`"
                )

    async def accept(
        self,
        requests: Sequence[Request],
        functions: Mapping[str, bytes],
        ends: Mapping[JobId, End],
        *,
        insists: bool = False,
    ) -> None:
        """Make jobs durable and start them, except those whose ends are known already.

        With `insists` it waits for a store that is away.
        """
        await self._files.keep(requests)
        now = time.time()
        fresh = {n: bytes(data) for n, data in functions.items() if n not in self._functions}
        submitted = [part for request in requests for part in _parts(request, now)]
        submitted[0][1].functions = list(fresh.items())
        nodes = await self._journal.accept(submitted, insists=insists)
        self._functions.add(fresh)
        jobs = {node.id: self._track(node) for node in nodes}
        for request in requests:
            self._equip(request, jobs, ends)
        self._executor.accept(list(jobs.values()))
        for job_id, end in ends.items():
            self._executor.ending.finish(jobs[job_id], end)

    def _track(self, node: JobNode) -> TrackedJob:
        order = self._journal.order_of(node.root_id)
        return TrackedJob(node, order, expected=node.spec.expected, needs=node.depends_on)

    def _equip(
        self, request: Request, jobs: Mapping[JobId, TrackedJob], ends: Mapping[JobId, End]
    ) -> None:
        for index, job_id in enumerate(request.ids):
            job = jobs[job_id]
            job.reuse = request.reuse
            if request.arguments:
                job.arguments = request.arguments[index]
            if request.prints:
                job.fingerprint = request.prints[index]
                if request.spec.cache and job_id not in ends:
                    self._journal.shares(job_id, job.fingerprint)


@lru_cache(maxsize=256)
def _spec(text: bytes) -> JobSpec:
    """Return a spec, which is mostly one that was read before."""
    return JobSpec.model_validate_json(text)


def _some(column: Sequence[T], indexes: Sequence[int]) -> list[T]:
    """Return some entries of a column; none of an empty one."""
    return [column[index] for index in indexes] if column else []


def _parts(request: Request, now: float) -> Iterable[tuple[Submitted, Commit]]:
    """Return the events of a group, and the rows that go with each."""
    for start in range(0, len(request.ids), MOST_IN_EVENT):
        part = slice(start, start + MOST_IN_EVENT)
        event = Submitted(
            at=now,
            spec=request.spec,
            ids=tuple(request.ids[part]),
            parent_id=request.parent_id,
            arguments=tuple(request.summaries[part]),
            depends_on=request.depends_on,
            fingerprints=tuple(request.prints[part]),
            known_as=request.known_as,
            origins=tuple(request.origins[part]),
            reuse=request.reuse,
        )
        rows = Commit(arguments=list(zip(request.ids[part], request.arguments[part], strict=False)))
        if request.spec.key is not None and request.parent_id is None:
            keys = rows.moved_keys if request.moves_key else rows.keys
            keys.append((request.spec.key, request.ids[0]))
        yield event, rows
