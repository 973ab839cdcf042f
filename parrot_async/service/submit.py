"""The way in: what a client or a running job asks for becomes events, or is refused."""

import asyncio
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from parrot_async.errors import JobNotFoundError, OptionsError
from parrot_async.events import Submitted
from parrot_async.models import JobId, JobSpec, Queue, root_of
from parrot_async.service.executor import CANCELLED_BY_PARENT, Executor
from parrot_async.service.journal import Journal
from parrot_async.service.pools import pool_of
from parrot_async.service.run import Run
from parrot_async.store import Commit
from parrot_async.values import code_of

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


class Submissions:
    """Accepts jobs: names them, fills in what their queue says, makes them durable, starts them."""

    def __init__(
        self,
        journal: Journal,
        executor: Executor,
        queues: Mapping[str, Queue],
        functions: dict[str, bytes],
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
            await self._check_needs(asked)
            await self._accept(asked, functions)
            accepted = first.ids[0]
        finally:
            if key is not None:
                self._keys.pop(key).set_result(accepted)
        return accepted

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
        if not self._executor.is_current(parent_id, attempt):
            raise JobNotFoundError(f"attempt {attempt} of job {parent_id} does not run any more")
        parent = self._executor.runs[parent_id]
        asked = [self._asked(group, parent_id) for group in groups]
        ids: list[JobId] = []
        new: list[Asked] = []
        for some in asked:
            fresh = self._name(parent, some)
            ids += some.ids
            if fresh is not None:
                new.append(fresh)
        await self._check_needs(new)
        if new:
            await self._accept(new, functions)
            self._stop_orphans(parent_id, attempt, new)
        born = {job_id for some in new for job_id in some.ids}
        return ids, [job_id for job_id in ids if job_id not in born]

    def _stop_orphans(self, parent_id: JobId, attempt: int, new: Sequence[Asked]) -> None:
        """Stop what a parent's attempt asked for that ended while that became durable."""
        if not self._executor.is_current(parent_id, attempt):
            for job_id in (job_id for some in new for job_id in some.ids):
                if (run := self._executor.runs.get(job_id)) is not None:
                    self._executor.stop(run, CANCELLED_BY_PARENT)

    def _asked(self, group: Mapping[str, Any], parent_id: JobId | None = None) -> Asked:
        spec = self._resolved(JobSpec.model_validate_json(group["spec"]))
        return Asked(
            spec=spec,
            ids=list(group["ids"]),
            parent_id=parent_id or group["parent_id"],
            arguments=[bytes(data) for data in group["arguments"]],
            summaries=list(group["summaries"]),
            depends_on=tuple(group["depends_on"]),
        )

    def _resolved(self, spec: JobSpec) -> JobSpec:
        queue = self._queues.get(spec.queue)
        if queue is None:
            known = ", ".join(sorted(self._queues))
            raise OptionsError(
                f"{spec.title}: there is no queue {spec.queue!r}. Queues: {known}. "
                "Add one with `await client.set_queue(Queue(name=...))`"
            )
        update: dict[str, Any] = {
            "pool": pool_of(spec, queue),
            "priority": queue.priority if spec.priority is None else spec.priority,
        }
        if spec.timeout is None and spec.function_id is not None:
            update["timeout"] = queue.timeout
        return spec.model_copy(update=update)

    def _name(self, parent: Run, asked: Asked) -> Asked | None:
        """Name children of a body; returns those that are new."""
        prints = [_fingerprint(asked.spec, data) for data in asked.arguments]
        unclaimed = parent.unclaimed or {}
        ids: list[JobId] = []
        fresh: list[int] = []
        for index, fingerprint in enumerate(prints):
            known = unclaimed.get(fingerprint)
            if known:
                ids.append(known.pop(0))
            else:
                ids.append(f"{parent.id}.{parent.next_ordinal}")
                parent.next_ordinal += 1
                fresh.append(index)
        asked.ids = ids
        if not fresh:
            return None
        return Asked(
            asked.spec,
            [ids[index] for index in fresh],
            parent.id,
            [asked.arguments[index] for index in fresh],
            [asked.summaries[index] for index in fresh],
            asked.depends_on,
            [prints[index] for index in fresh],
        )

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

    async def _check_needs(self, asked: Iterable[Asked]) -> None:
        """Refuse what needs unknown jobs; trees that are not in memory are fetched."""
        asked = list(asked)
        born = {job_id for some in asked for job_id in some.ids}
        for needed in {job_id for some in asked for job_id in some.depends_on} - born:
            if self._journal.node(needed) is None:
                await self._journal.fetch(root_of(needed))
            if self._journal.node(needed) is None:
                raise JobNotFoundError(f"it needs job {needed}, which is not known here")

    async def _accept(self, asked: Sequence[Asked], functions: Mapping[str, bytes]) -> None:
        now = time.time()
        fresh = {n: bytes(data) for n, data in functions.items() if n not in self._functions}
        submitted = [part for some in asked for part in _parts(some, now)]
        submitted[0][1].functions = list(fresh.items())
        nodes = await self._journal.accept(submitted)
        self._functions.update(fresh)
        arguments = {
            job_id: data
            for some in asked
            for job_id, data in zip(some.ids, some.arguments, strict=False)
        }
        prints = {
            job_id: text
            for some in asked
            for job_id, text in zip(some.ids, some.prints, strict=False)
        }
        orders: dict[JobId, int] = {}
        born = []
        for node in nodes:
            order = orders.get(node.root_id) or self._journal.order_of(node.root_id)
            orders[node.root_id] = order
            run = Run(node, order, expected=node.spec.expected, needs=node.depends_on)
            run.arguments = arguments.get(node.id)
            run.fingerprint = prints.get(node.id, "")
            born.append(run)
        self._executor.accept(born)


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
        )
        rows = Commit(
            arguments=list(zip(asked.ids[part], asked.arguments[part], strict=False)),
            keys=[(asked.spec.key, asked.ids[0])] if asked.spec.key and start == 0 else [],
        )
        yield event, rows


def _fingerprint(spec: JobSpec, arguments: bytes) -> str:
    return sha256(code_of(spec.function_id or "").encode() + arguments).hexdigest()[:16]
