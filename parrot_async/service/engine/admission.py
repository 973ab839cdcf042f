"""The way in: what a client or a running job asks for becomes events, or is refused."""

import asyncio
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, TypeVar

from parrot_async.errors import JobNotFoundError, KeyTakenError, NotEndedError
from parrot_async.model.events import Submitted
from parrot_async.model.models import JobId, JobNode, JobSpec, JobStatus, Queue, root_of
from parrot_async.service.engine.executor import CANCELLED_BY_PARENT, Executor
from parrot_async.service.engine.functions import Functions
from parrot_async.service.engine.pools import pool_of
from parrot_async.service.engine.queues import queue_of
from parrot_async.service.engine.reuse import (
    completed_before,
    fingerprint,
    kept,
    results_by_content,
)
from parrot_async.service.engine.state import Run
from parrot_async.service.journal.ends import End
from parrot_async.service.journal.journal import Journal
from parrot_async.store import Commit

T = TypeVar("T")

MOST_IN_EVENT = 1000
"""Jobs in one event, so that who takes it in may breathe between two."""


@dataclass(slots=True)
class Asked:
    """A group of like jobs, named and resolved."""

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

    def part(self, indexes: Sequence[int]) -> "Asked":
        """Return some of the jobs."""
        return replace(
            self,
            ids=_some(self.ids, indexes),
            arguments=_some(self.arguments, indexes),
            summaries=_some(self.summaries, indexes),
            prints=_some(self.prints, indexes),
            origins=_some(self.origins, indexes),
        )


class Submissions:
    """Accepts jobs: names them, fills in what their queue says, makes them durable, starts them."""

    def __init__(
        self,
        journal: Journal,
        executor: Executor,
        queues: Mapping[str, Queue],
        functions: Functions,
    ) -> None:
        """Share the service's parts; `functions` are those that workers may ask for."""
        self._journal = journal
        self._executor = executor
        self._queues = queues
        self._functions = functions
        self._keys: dict[str, asyncio.Future[JobId | None]] = {}
        """Of jobs that are being accepted; None where that was refused."""

    async def from_client(
        self, groups: Sequence[Mapping[str, Any]], functions: Mapping[str, bytes]
    ) -> JobId:
        """Accept trees that a client has named; returns the id of the first job.

        A tree that is known already is left as it is, so that a client may ask twice. A job with
        a key that a job had before is that job.
        """
        asked = [self._asked(group) for group in groups]
        first = asked[0]
        if self._journal.node(first.ids[0]) is not None:
            return first.ids[0]
        key = first.spec.key if first.parent_id is None else None
        if key is not None and (known := await self._job_of_key(key)) is not None:
            return known
        accepted = None
        try:
            await self.check_needs(asked)
            await self.accept(asked, functions, await self._known_results(asked))
            accepted = first.ids[0]
        except KeyTakenError as exc:  # by a job of another service on the same store
            accepted = exc.job_id
        finally:
            if key is not None:
                self._keys.pop(key).set_result(accepted)
        return accepted

    async def _known_results(self, asked: Iterable[Asked]) -> dict[JobId, End]:
        """Return how jobs end whose results are shared, and of which an equal one has completed."""
        contents: dict[JobId, str] = {}
        for some in asked:
            if some.spec.cache:
                some.prints = some.prints or [fingerprint(some.spec, d) for d in some.arguments]
                contents.update(zip(some.ids, some.prints, strict=True))
        return await results_by_content(self._journal, contents)

    async def from_body(
        self,
        parent_id: JobId,
        attempt: int,
        groups: Sequence[Mapping[str, Any]],
        functions: Mapping[str, bytes],
    ) -> tuple[list[JobId], list[JobId]]:
        """Accept children of a running job; returns their ids, and those that are not new.

        A body that runs again, because its worker died, finds the children that it had: the same
        function with the same arguments is the same child, unless it did not complete.
        """
        self._check_current(parent_id, attempt)
        parent = self._executor.runs[parent_id]
        asked = [self._asked(group, parent_id) for group in groups]
        for some in asked:
            some.prints = [fingerprint(some.spec, data) for data in some.arguments]
        await self._look_back(parent, {text for some in asked for text in some.prints})
        self._check_current(parent_id, attempt)
        ids: list[JobId] = []
        new: list[Asked] = []
        for some in asked:
            fresh = self._name(parent, some)
            ids += some.ids
            if fresh is not None:
                new.append(fresh)
        await self.check_needs(new)
        if new:
            ends = await self._known_results(new) | await self._results_of_origins(new)
            await self.accept(new, functions, ends, insists=True)
            self._stop_orphans(parent_id, attempt, new)
        born = {job_id for some in new for job_id in some.ids}
        return ids, [job_id for job_id in ids if job_id not in born]

    def _check_current(self, job_id: JobId, attempt: int) -> None:
        if not self._executor.is_current(job_id, attempt):
            raise JobNotFoundError(f"attempt {attempt} of job {job_id} does not run any more")

    async def _look_back(self, parent: Run, prints: set[str]) -> None:
        """Find out which earlier children a body may find again: those whose results are kept."""
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

    async def _results_of_origins(self, asked: Iterable[Asked]) -> dict[JobId, End]:
        """Return how jobs end that run others again which had completed."""
        sources = {
            job_id: origin
            for some in asked
            if some.reuse
            for job_id, origin in zip(some.ids, some.origins, strict=False)
            if origin
        }
        return await completed_before(self._journal, sources)

    def _stop_orphans(self, parent_id: JobId, attempt: int, new: Sequence[Asked]) -> None:
        """Stop what a parent's attempt asked for that ended while that became durable."""
        if not self._executor.is_current(parent_id, attempt):
            for job_id in (job_id for some in new for job_id in some.ids):
                if (run := self._executor.runs.get(job_id)) is not None:
                    self._executor.stop(run, CANCELLED_BY_PARENT)

    def _asked(self, group: Mapping[str, Any], parent_id: JobId | None = None) -> Asked:
        spec = self._resolved(_spec(bytes(group["spec"])))
        return Asked(
            spec=spec,
            ids=list(group["ids"]),
            parent_id=parent_id or group["parent_id"],
            arguments=[bytes(data) for data in group["arguments"]],
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

    def _name(self, parent: Run, asked: Asked) -> Asked | None:
        """Name children of a body; returns those that are new."""
        unclaimed, earlier = parent.unclaimed or {}, parent.earlier or {}
        ids: list[JobId] = []
        origins: list[JobId] = []
        fresh: list[int] = []
        for index, text in enumerate(asked.prints):
            known = unclaimed.get(text)
            if known:
                ids.append(known.pop(0))
            else:
                ids.append(f"{parent.id}.{parent.next_ordinal}")
                parent.next_ordinal += 1
                fresh.append(index)
            origins.append(earlier[text].pop(0) if not known and earlier.get(text) else "")
        asked.ids = ids
        if any(origins):
            asked.origins, asked.reuse = origins, True
        return asked.part(fresh) if fresh else None

    async def _job_of_key(self, key: str) -> JobId | None:
        """Return the job that has this key; None where it is the caller's to give, at once."""
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

    async def check_needs(self, asked: Iterable[Asked]) -> None:
        """Refuse what needs unknown jobs; trees that are not in memory are fetched."""
        asked = list(asked)
        born = {job_id for some in asked for job_id in some.ids}
        for needed in {job_id for some in asked for job_id in some.depends_on} - born:
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
        asked: Sequence[Asked],
        functions: Mapping[str, bytes],
        ends: Mapping[JobId, End],
        *,
        insists: bool = False,
    ) -> None:
        """Make jobs durable and start them, except those of which the end is known already.

        With `insists` a store that is away is waited for.
        """
        now = time.time()
        fresh = {n: bytes(data) for n, data in functions.items() if n not in self._functions}
        submitted = [part for some in asked for part in _parts(some, now)]
        submitted[0][1].functions = list(fresh.items())
        nodes = await self._journal.accept(submitted, insists=insists)
        self._functions.add(fresh)
        runs = {node.id: self._run(node) for node in nodes}
        for some in asked:
            self._equip(some, runs, ends)
        self._executor.accept(list(runs.values()))
        for job_id, end in ends.items():
            self._executor.finish(runs[job_id], end)

    def _run(self, node: JobNode) -> Run:
        order = self._journal.order_of(node.root_id)
        return Run(node, order, expected=node.spec.expected, needs=node.depends_on)

    def _equip(self, asked: Asked, runs: Mapping[JobId, Run], ends: Mapping[JobId, End]) -> None:
        for index, job_id in enumerate(asked.ids):
            run = runs[job_id]
            run.reuse = asked.reuse
            if asked.arguments:
                run.arguments = asked.arguments[index]
            if asked.prints:
                run.fingerprint = asked.prints[index]
                if asked.spec.cache and job_id not in ends:
                    self._journal.shares(job_id, run.fingerprint)


@lru_cache(maxsize=256)
def _spec(text: bytes) -> JobSpec:
    """Read a spec, which is mostly one that was read before."""
    return JobSpec.model_validate_json(text)


def _some(column: Sequence[T], indexes: Sequence[int]) -> list[T]:
    """Return those of a column that may be empty."""
    return [column[index] for index in indexes] if column else []


def _parts(asked: Asked, now: float) -> Iterable[tuple[Submitted, Commit]]:
    """Return the events of a group, and the rows that go with each."""
    for start in range(0, len(asked.ids), MOST_IN_EVENT):
        part = slice(start, start + MOST_IN_EVENT)
        event = Submitted(
            at=now,
            spec=asked.spec,
            ids=tuple(asked.ids[part]),
            parent_id=asked.parent_id,
            arguments=tuple(asked.summaries[part]),
            depends_on=asked.depends_on,
            fingerprints=tuple(asked.prints[part]),
            known_as=asked.known_as,
            origins=tuple(asked.origins[part]),
            reuse=asked.reuse,
        )
        rows = Commit(arguments=list(zip(asked.ids[part], asked.arguments[part], strict=False)))
        if asked.spec.key is not None and asked.parent_id is None:
            keys = rows.moved_keys if asked.moves_key else rows.keys
            keys.append((asked.spec.key, asked.ids[0]))
        yield event, rows
