"""The jobs of a store as they were last written, read without a cluster."""

import time
from collections.abc import Iterator
from types import TracebackType
from typing import Any, Self

from parrot_async import report
from parrot_async.errors import JobNotFoundError, NotEndedError, ResultExpiredError, StoreError
from parrot_async.model import events
from parrot_async.model.events import Event
from parrot_async.model.models import JobId, JobNode, JobStatus, root_of
from parrot_async.model.texts import check_limit
from parrot_async.model.tree import JobTree, fold
from parrot_async.report.tables import RootRows
from parrot_async.settings.places import local_store
from parrot_async.store import StoredResult, is_own, open_store
from parrot_async.transport.outcome import Outcome

StoredResults = dict[JobId, StoredResult]


class History:
    """Reads a store, whether a cluster uses it or not; it changes nothing.

    `History()` reads the store of your local cluster, with `name` that of another local cluster,
    and `History("postgresql://...")` that of a team.

    Runs on: any thread, which waits for the store.
    """

    def __init__(self, store: str | None = None, *, name: str | None = None) -> None:
        """Open the store at a URL.

        Raises StoreError if there is none, or if it cannot be read.
        """
        url = store or local_store(name)
        self._own = is_own(url)
        self._store = open_store(url, read_only=True)

    def __enter__(self) -> Self:
        """Return itself: the store is open already."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        exc: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close the store."""
        self.close()

    def close(self) -> None:
        """Close the store; a second time does nothing."""
        self._store.close()

    def jobs(
        self,
        status: JobStatus | str | None = None,
        *,
        queue: str | None = None,
        function: str | None = None,
        limit: int = 100,
    ) -> RootRows:
        """Return the newest root jobs that match; a notebook shows them as a table."""
        check_limit(limit)
        wanted = None if status is None else JobStatus(status)
        rows = self._store.roots(status=wanted, queue=queue, function=function, limit=limit)
        return RootRows(rows)

    def interrupted(self) -> RootRows:
        """Return the trees that have not ended and that no cluster runs, the oldest first."""
        return RootRows(self._store.interrupted(time.time()))

    def events(self, job_id: JobId, after: int = 0) -> list[tuple[int, Event]]:
        """Return the numbered events of a job's tree after the one with the number `after`."""
        stored = self._store.events(root_of(job_id), after)
        return [(seq, events.load(body)) for seq, body in stored]

    def tree(self, job_id: JobId) -> JobTree:
        """Return the whole tree that a job is part of.

        Raises JobNotFoundError if the store does not have the job.
        """
        tree = fold(event for _, event in self.events(job_id))
        if job_id not in tree:
            raise JobNotFoundError(f"no job {job_id} is in this store")
        return tree

    def node(self, job_id: JobId) -> JobNode:
        """Return a job as it was last written."""
        return self.tree(job_id)[job_id]

    def report(self, job_id: JobId) -> str:
        """Return the tree below a job with results, errors and cost, as Markdown."""
        return report.markdown(self.tree(job_id), job_id)

    def result(self, job_id: JobId) -> Any:
        """Return the result of a job that has ended.

        Raises the job's own error, as `await handle` does; NotEndedError if the job has no result
        yet; ResultExpiredError if its result is not kept any more; StoreError if others can write
        to the store, since to read a value of theirs is to run their program.
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
    """Yield a job, and all below a plan, whose result is made of theirs."""
    pending = [node]
    while pending:
        here = pending.pop()
        yield here.id
        if here.spec.function_id is None:
            pending.extend(tree.children(here.id))


def _value(tree: JobTree, top: JobNode, stored: StoredResults) -> Any:
    """Return a job's result, a plan's without recursion, since plans nest at any depth."""
    if not _is_made_of_parts(top):
        return _own_value(top, stored)
    results: list[Any] = []
    pending = [(top, results)]
    while pending:
        node, found = pending.pop()
        for child in tree.children(node.id):
            value: Any = []
            if _is_made_of_parts(child):
                pending.append((child, value))
            else:
                value = _value_or_error(child, stored)
            found.append(value)
    return results


def _is_made_of_parts(node: JobNode) -> bool:
    return node.error is None and node.spec.function_id is None


def _own_value(node: JobNode, stored: StoredResults) -> Any:
    found = stored.get(node.id)
    if node.error is None and (found is None or found.expired):
        raise ResultExpiredError(f"job {node.id} completed, its result is not kept any more")
    found = found or StoredResult()
    return Outcome(node.id, found.value, found.url, node.error).value()


def _value_or_error(node: JobNode, stored: StoredResults) -> Any:
    try:
        return _own_value(node, stored)
    except Exception as exc:  # noqa: BLE001 - the plan completed all the same
        return exc
