"""Rerun: a tree that has ended, or a part of it, runs again as a new tree of the same calls."""

from collections.abc import Iterable, Iterator, Mapping
from itertools import groupby

from parrot_async.errors import JobNotFoundError, NotEndedError
from parrot_async.jobs.request import new_id
from parrot_async.model.models import JobId, JobNode, Queue, root_of
from parrot_async.model.tree import JobTree
from parrot_async.service.engine.admission import Admission, Request
from parrot_async.service.engine.queues import learn
from parrot_async.service.engine.reuse import completed_before
from parrot_async.service.journal.journal import Journal
from parrot_async.service.journal.stored_tree import StoredTree


class Rerun:
    """Makes new trees of trees that have ended, which never change.

    Runs on: the scheduler's loop.
    """

    def __init__(self, journal: Journal, admission: Admission, queues: dict[str, Queue]) -> None:
        """Share the service's parts."""
        self._journal = journal
        self._admission = admission
        self._queues = queues

    async def run(self, job_id: JobId, failed_only: bool) -> JobId:
        """Run a job again, with all that a plan declared below it. Returns the new root's id.

        With `failed_only`, jobs that had completed end with their stored results, where those are
        kept. Raises JobNotFoundError for an unknown job, NotEndedError for one that has not ended.
        """
        past = await self._journal.stored_tree(root_of(job_id))
        node = past.tree.nodes.get(job_id)
        if node is None:
            raise JobNotFoundError(f"no job {job_id} is known here")
        if not node.status.terminal:
            raise NotEndedError(
                f"job {job_id} is {node.status}: cancel it, or wait for its end, then run it again"
            )
        new_ids = _new_ids(past.tree, job_id)
        arguments = await self._journal.recorder.read(lambda store: store.arguments(new_ids))
        requests = list(_copies(past, new_ids, arguments, failed_only))
        sources = {new: old for old, new in new_ids.items() if failed_only}
        ends = await completed_before(self._journal, sources)
        await learn(self._queues, self._journal, (some.spec.queue for some in requests))
        await self._admission.check_needs(requests)
        await self._admission.accept(requests, {}, ends)
        return new_ids[job_id]


def _declared(tree: JobTree, node: JobNode) -> Iterator[JobNode]:
    """Yield a job and all below plans; a body asks for its children when it runs."""
    pending = [node]
    while pending:
        here = pending.pop()
        yield here
        if here.spec.function_id is None:
            pending.extend(reversed(list(tree.children(here.id))))


def _new_ids(tree: JobTree, job_id: JobId) -> dict[JobId, JobId]:
    """Return new ids for the copies, by the old ones; they tell each job's place in the tree."""
    new_ids = {job_id: new_id()}
    for node in _declared(tree, tree[job_id]):
        if node.spec.function_id is None:
            for ordinal, child_id in enumerate(node.children):
                new_ids[child_id] = f"{new_ids[node.id]}.{ordinal}"
    return new_ids


def _copies(
    past: StoredTree,
    new_ids: Mapping[JobId, JobId],
    arguments: Mapping[JobId, bytes],
    reuse: bool,
) -> Iterator[Request]:
    """Yield the new jobs, parents first; those that were asked for together are one request."""
    nodes = (past.tree[job_id] for job_id in new_ids)
    for _, some in groupby(nodes, lambda n: (n.parent_id, id(n.spec), n.depends_on, n.known_as)):
        yield _copy(list(some), past, new_ids, arguments, reuse)


def _copy(
    nodes: list[JobNode],
    past: StoredTree,
    new_ids: Mapping[JobId, JobId],
    arguments: Mapping[JobId, bytes],
    reuse: bool,
) -> Request:
    """Return copies of like jobs.

    Their arguments are pickles that call jobs of the old tree by their old ids: `known_as` says
    which of the new ones these stand for.
    """
    node = nodes[0]
    spec = node.spec
    if spec.function_id is None:
        spec = spec.model_copy(update={"expected": len(node.children)})
    needed = tuple(new_ids.get(job_id, job_id) for job_id in node.depends_on)
    renamed = needed != node.depends_on or bool(node.known_as)
    return Request(
        spec=spec,
        ids=[new_ids[each.id] for each in nodes],
        parent_id=new_ids.get(node.parent_id or ""),
        arguments=[arguments[each.id] for each in nodes if each.spec.function_id is not None],
        summaries=[each.arguments for each in nodes],
        depends_on=needed,
        prints=_shared_prints(nodes, past) if spec.cache and not renamed else (),
        known_as=(node.known_as or node.depends_on) if renamed else (),
        origins=[each.id for each in nodes],
        reuse=reuse,
        moves_key=node.parent_id is None,
    )


def _shared_prints(nodes: Iterable[JobNode], past: StoredTree) -> list[str]:
    return [past.prints.get(node.id, "") for node in nodes]
