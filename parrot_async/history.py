"""The jobs of a store as they were last written: no cluster is needed, and none is started."""

import time
from collections.abc import Iterator
from types import TracebackType
from typing import Any, Self

from parrot_async import report
from parrot_async.errors import JobNotFoundError, NotEndedError, ResultExpiredError, StoreError
from parrot_async.model import events
from parrot_async.model.events import Event
from parrot_async.model.models import JobId, JobNode, JobStatus, root_of
from parrot_async.model.tree import JobTree, fold
from parrot_async.report.root_rows import RootRows
from parrot_async.settings import local_store
from parrot_async.store import StoredResult, is_own, open_store
from parrot_async.transport.outcome import Outcome

Stored = dict[JobId, StoredResult]


class History:
    """A store seen from outside, while a cluster uses it or when none does; it changes nothing.

    `History()` is that of the user's local cluster; `name` is that of another one. With
    `parrot_async.history.History("postgresql://...")` it is that of a team.
    """

    def __init__(self, store: str | None = None, *, name: str | None = None) -> None:
        """Open the store at a URL; StoreError where there is none, or where it cannot be read."""
        url = store or local_store(name)
        self._own = is_own(url)
        self._store = open_store(url, read_only=True)

    def __enter__(self) -> Self:
        """Nothing more to do."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        exc: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Let go of the store."""
        self.close()

    def close(self) -> None:
        """Let go of the store; a second time does nothing."""
        self._store.close()

    def jobs(
        self,
        status: JobStatus | str | None = None,
        *,
        queue: str | None = None,
        function: str | None = None,
        limit: int = 100,
    ) -> RootRows:
        """The newest root jobs that fit; a notebook shows them as a table."""
        wanted = None if status is None else JobStatus(status)
        rows = self._store.roots(status=wanted, queue=queue, function=function, limit=limit)
        return RootRows(rows)

    def interrupted(self) -> RootRows:
        """Trees that have not ended, and that no cluster runs any more, the oldest first."""
        return RootRows(self._store.interrupted(time.time()))

    def events(self, job_id: JobId, after: int = 0) -> list[tuple[int, Event]]:
        """What happened in a job's tree after the event of this number, with each one's number."""
        stored = self._store.events(root_of(job_id), after)
        return [(seq, events.load(body)) for seq, body in stored]

    def tree(self, job_id: JobId) -> JobTree:
        """The whole tree that a job is part of; JobNotFoundError where the store has none."""
        tree = fold(event for _, event in self.events(job_id))
        if job_id not in tree:
            raise JobNotFoundError(f"no job {job_id} is in this store")
        return tree

    def node(self, job_id: JobId) -> JobNode:
        """A job as it was last written."""
        return self.tree(job_id)[job_id]

    def report(self, job_id: JobId) -> str:
        """The tree below a job with results, errors and cost, as Markdown."""
        return report.markdown(self.tree(job_id), job_id)

    def result(self, job_id: JobId) -> Any:
        """The result of a job that has ended; raises the job's own error, as `await handle` does.

        NotEndedError for a job that has no result yet, ResultExpiredError for one whose time is
        over, StoreError for a store that others can write to: a value of theirs is a program.
        """
        if not self._own:
            raise StoreError(
                "others can write to this job store, and to read a result of theirs is to run"
                " what they like: copy the file, if you trust them, and open your copy"
            )
        tree = self.tree(job_id)
        node = tree[job_id]
        if not node.status.terminal:
            raise NotEndedError(f"job {job_id} is {node.status}: it has no result yet")
        return _value(tree, node, self._store.results(_with_parts(tree, node)))


def _with_parts(tree: JobTree, node: JobNode) -> Iterator[JobId]:
    """A job, or all below a plan whose results are the plan's."""
    yield node.id
    if node.spec.function_id is None:
        for child in tree.children(node.id):
            yield from _with_parts(tree, child)


def _value(tree: JobTree, node: JobNode, stored: Stored) -> Any:
    if node.error is None and node.spec.function_id is None:
        return [_part(tree, child, stored) for child in tree.children(node.id)]
    found = stored.get(node.id)
    if node.error is None and (found is None or found.expired):
        raise ResultExpiredError(f"job {node.id} completed, its result is not kept any more")
    found = found or StoredResult()
    return Outcome(node.id, found.value, found.url, node.error).value()


def _part(tree: JobTree, node: JobNode, stored: Stored) -> Any:
    try:
        return _value(tree, node, stored)
    except Exception as exc:  # noqa: BLE001 - the plan completed all the same
        return exc
