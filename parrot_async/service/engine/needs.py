"""What jobs need of others: their results as arguments, the ends of children."""

from collections.abc import Sequence
from typing import Any

from parrot_async.errors import ErrorInfo
from parrot_async.model import events
from parrot_async.model.events import Record
from parrot_async.model.models import JobId
from parrot_async.service.engine.dispatch import Loaded
from parrot_async.service.engine.state import Run
from parrot_async.service.journal.journal import Journal, Terminal
from parrot_async.store import StoredResult
from parrot_async.transport.outcome import Outcome
from parrot_async.transport.pickling import dump_value
from parrot_async.transport.wire import Value


async def load(journal: Journal, runs: Sequence[Run]) -> Loaded:
    """Fill in big arguments from the store; returns results that arguments name, and states."""
    await _load_arguments(journal, [run for run in runs if run.arguments is None])
    saved = [run.id for run in runs if run.node.saved_at is not None]
    states = await journal.checkpoints.load(journal.recorder, saved)
    return Loaded(await _values(journal, runs), states)


async def _values(journal: Journal, runs: Sequence[Run]) -> dict[JobId, Value]:
    """Return the results that arguments name.

    The value of a plan is made of its children's; in the place of one that did not complete
    stands its error.
    """
    needed = journal.with_parts({job_id for run in runs for job_id in run.needs})
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


async def _load_arguments(journal: Journal, runs: Sequence[Run]) -> None:
    if runs:
        ids = [run.id for run in runs]
        arguments = await journal.recorder.read(lambda store: store.arguments(ids))
        for run in runs:
            run.arguments = arguments.get(run.id, b"")


async def ends(journal: Journal, ids: Sequence[JobId]) -> list[tuple[Any, ...]]:
    """Return how these jobs ended, as a runner takes it, those whose end is durable.

    Parents are told of the others when it is.
    """
    stored = await journal.recorder.read(lambda store: store.results(ids))
    found: list[tuple[Any, ...]] = []
    for job_id in ids:
        node, result = journal.node(job_id), stored.get(job_id, StoredResult())
        if node is not None and (node.error is not None or job_id in stored):
            error = None if node.error is None else _plain(node.error)
            found.append((job_id, result.value, result.url, error))
    return found


def outcome_of(event: Terminal, record: Record, index: int) -> tuple[Any, ...]:
    """Return how the job at an index of an event ended, as a runner takes it."""
    data = record.blobs[index] if record.blobs else None
    if isinstance(event, events.Completed):
        return event.ids[index], data, event.results[index].url, None
    return event.ids[index], data, None, _plain(event.errors[index])


def _plain(info: ErrorInfo) -> tuple[Any, ...]:
    return info.kind, info.message, info.type_name, info.traceback, info.bases
