"""What jobs need of others: results as arguments, and outcomes of children."""

from collections.abc import Sequence

from parrot_async.errors import ErrorInfo
from parrot_async.model import events
from parrot_async.model.events import Record
from parrot_async.model.models import JobId
from parrot_async.service.engine.argument_files import send_along
from parrot_async.service.engine.batches import LoadedValues
from parrot_async.service.engine.state import TrackedJob
from parrot_async.service.journal.journal import Journal, Terminal
from parrot_async.store import StoredResult
from parrot_async.transport.messages import OutcomeMessage, error_message
from parrot_async.transport.outcome import Outcome
from parrot_async.transport.pickling import dump_value
from parrot_async.transport.wire import Value


async def load(journal: Journal, jobs: Sequence[TrackedJob]) -> LoadedValues:
    """Fill in big arguments from the store. Returns what else the attempts of jobs take along."""
    await _load_arguments(journal, [job for job in jobs if job.arguments is None])
    await send_along(jobs)
    saved = [job.id for job in jobs if job.node.saved_at is not None]
    states = await journal.checkpoints.load(journal.recorder, saved)
    return LoadedValues(await _values(journal, jobs), states)


async def _values(journal: Journal, jobs: Sequence[TrackedJob]) -> dict[JobId, Value]:
    """Return the results that arguments name.

    A plan's value consists of its children's; a child that did not complete gives its error.
    """
    needed = journal.with_parts({job_id for job in jobs for job_id in job.needs})
    values = {i: value for i in needed if (value := journal.value(i)) is not None}
    if missing := [job_id for job_id in needed if job_id not in values]:
        stored = await journal.recorder.read(lambda store: store.results(missing))
        kept = {i: found for i, found in stored.items() if not found.expired}
        values.update({i: Value(found.value, found.url) for i, found in kept.items()})
    for job_id in needed:
        node = journal.node(job_id)
        if node is not None and node.spec.function_id is None:
            values[job_id] = Value(None, None, tuple(node.children))
        elif node is not None and node.error is not None and job_id not in values:
            values[job_id] = Value(dump_value(Outcome(job_id, error=node.error).exception()))
    return values


async def _load_arguments(journal: Journal, jobs: Sequence[TrackedJob]) -> None:
    if jobs:
        ids = [job.id for job in jobs]
        arguments = await journal.recorder.read(lambda store: store.arguments(ids))
        for job in jobs:
            job.arguments = arguments.get(job.id, b"")


async def outcomes(journal: Journal, ids: Sequence[JobId]) -> list[OutcomeMessage]:
    """Return how jobs ended, as a runner takes it, those whose ends are durable.

    Parents hear of the others when they are.
    """
    stored = await journal.recorder.read(lambda store: store.results(ids))
    found: list[OutcomeMessage] = []
    for job_id in ids:
        node, result = journal.node(job_id), stored.get(job_id, StoredResult())
        if node is not None and (node.error is not None or job_id in stored):
            found.append(_outcome(job_id, result.value, result.url, node.error))
    return found


def outcome_of(event: Terminal, record: Record, index: int) -> OutcomeMessage:
    """Return how the job at an index of an event ended, as a runner takes it."""
    data = record.blobs[index] if record.blobs else None
    if isinstance(event, events.Completed):
        return _outcome(event.ids[index], data, event.results[index].url, None)
    return _outcome(event.ids[index], data, None, event.errors[index])


def _outcome(
    job_id: JobId, data: bytes | None, url: str | None, error: ErrorInfo | None
) -> OutcomeMessage:
    message = None if error is None else error_message(error)
    return OutcomeMessage(id=job_id, data=data, url=url, error=message)
