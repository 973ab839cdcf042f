"""Results that exist already: of jobs that run again, and of equal calls from any time."""

import time
from collections.abc import Iterable, Mapping
from dataclasses import replace
from hashlib import sha256

from parrot_async.model.models import JobId, JobNode, JobSpec, JobStatus, root_of
from parrot_async.service.journal.ends import End
from parrot_async.service.journal.journal import Journal
from parrot_async.transport.pickled_secrets import as_called
from parrot_async.transport.pickling import code_of


def fingerprint(spec: JobSpec, arguments: bytes) -> str:
    """Return a hash of a call, in which a job among the arguments counts by its id.

    Where results are shared, equal calls of any tree and service have the same hash.
    """
    arguments = as_called(arguments)
    if spec.cache:
        return sha256(f"{spec.cache}{spec.code}".encode() + arguments).hexdigest()[:32]
    code = f"{code_of(spec.function_id or '')}{spec.code}"
    return sha256(code.encode() + arguments).hexdigest()[:16]


async def results_of(journal: Journal, sources: Mapping[JobId, JobId]) -> dict[JobId, End]:
    """Return how jobs end that take the results of others, where those results are kept."""
    if not sources:
        return {}
    wanted = set(sources.values())
    stored = await journal.recorder.read(lambda store: store.results(wanted))
    for root_id in {root_of(job_id) for job_id in stored if journal.node(job_id) is None}:
        await journal.fetch(root_id)
    ends: dict[JobId, End] = {}
    for job_id, source in sources.items():
        found, node = stored.get(source), journal.node(source)
        if found is None or found.expired or node is None or node.result is None:
            continue
        result = replace(node.result, url=found.url, source=node.result.source or source)
        ends[job_id] = End(time.time(), result=result, blob=found.value)
    return ends


async def completed_before(journal: Journal, sources: Mapping[JobId, JobId]) -> dict[JobId, End]:
    """Return how jobs end that run others again, where the others had completed.

    With one, all below it must have completed, and what it needs of the others as well: what runs
    again may give another result.
    """
    for root_id in {root_of(job_id) for job_id in sources.values()}:
        await journal.fetch(root_id)
    again = _to_run_again(journal, sources.values())
    return await results_of(journal, {i: of for i, of in sources.items() if of not in again})


def is_whole(node: JobNode | None) -> bool:
    """Whether a job has completed with all below it."""
    return node is not None and node.status is JobStatus.COMPLETED and not node.incomplete_below


def _to_run_again(journal: Journal, ids: Iterable[JobId]) -> set[JobId]:
    """Return those that are not whole, and those of the others that are above or need them."""
    nodes = {job_id: journal.node(job_id) for job_id in ids}
    following: dict[JobId, list[JobId]] = {}
    for node in filter(None, nodes.values()):
        for before in (*node.depends_on, *node.children):
            following.setdefault(before, []).append(node.id)
    again = {job_id for job_id, node in nodes.items() if not is_whole(node)}
    left = list(again)
    while left:
        fresh = [job_id for job_id in following.get(left.pop(), ()) if job_id not in again]
        again.update(fresh)
        left += fresh
    return again


async def results_by_content(journal: Journal, contents: Mapping[JobId, str]) -> dict[JobId, End]:
    """Return how jobs end where an equal call has completed before."""
    if not contents:
        return {}
    keys, now = set(contents.values()), time.time()
    known = await journal.recorder.read(lambda store: store.cached(keys, now))
    sources = {i: known[content] for i, content in contents.items() if content in known}
    return await results_of(journal, sources)


async def kept(journal: Journal, ids: Iterable[JobId]) -> set[JobId]:
    """Return those of completed jobs whose results are still kept."""
    wanted = list(ids)
    stored = await journal.recorder.read(lambda store: store.results(wanted))
    return {job_id for job_id, found in stored.items() if not found.expired}
