"""Batches of jobs for one worker, with the values that their arguments name."""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from parrot_async.model.models import JobId
from parrot_async.runner.jobs_loop import LOOP_LOST
from parrot_async.service.engine.state import TrackedJob
from parrot_async.transport import results
from parrot_async.transport.messages import Batch, ValueMessage
from parrot_async.transport.wire import Value, beside

Values = Mapping[JobId, Value]


class LoadedValues(NamedTuple):
    """What attempts take along: results that their arguments name, and saved checkpoints."""

    values: Values
    states: Values


NOTHING = LoadedValues({}, {})


def takes_more(job: TrackedJob) -> bool:
    """Return whether something must be fetched from the store before the job can start."""
    arguments = job.arguments
    far = arguments is None or results.url_in(arguments) is not None
    return far or bool(job.needs) or job.node.saved_at is not None


def batch_of(jobs: Sequence[TrackedJob], loaded: LoadedValues) -> Batch:
    """Return jobs as a worker gets them, with the values that they need."""
    specs = [job.node.spec for job in jobs]
    return Batch(
        ids=tuple(job.id for job in jobs),
        attempts=tuple(job.attempt for job in jobs),
        functions=tuple(spec.function_id or "" for spec in specs),
        arguments=tuple(beside(job.arguments or b"") for job in jobs),
        coroutines=tuple(spec.is_async for spec in specs),
        graces=tuple(spec.grace for spec in specs),
        values=_messages(_whole((i for job in jobs for i in job.needs), loaded.values)),
        names={job.id: _names(job) for job in jobs if job.node.known_as},
        states=_messages({i.id: loaded.states[i.id] for i in jobs if i.id in loaded.states}),
        edited=tuple(job.id for job in jobs if job.recovered or job.node.origin is not None),
        alone=tuple(job.id for job in jobs if job.unstarted and _lost_its_loop(job)),
    )


def _lost_its_loop(job: TrackedJob) -> bool:
    """Whether an attempt was lost with a loop that others shared: any of them broke it."""
    errors = [attempt.error for attempt in job.node.attempts if attempt.error is not None]
    return any(error.kind == "lost" and error.message in LOOP_LOST for error in errors)


def _messages(values: Values) -> dict[JobId, ValueMessage]:
    return {
        job_id: ValueMessage(data=value.data, url=value.url, parts=value.parts)
        for job_id, value in values.items()
    }


def _names(job: TrackedJob) -> dict[JobId, JobId]:
    return dict(zip(job.node.known_as, job.node.depends_on, strict=True))


def _whole(ids: Iterable[JobId], values: Values) -> dict[JobId, Value]:
    """Return the values of these jobs that there are, and of those that they consist of."""
    found: dict[JobId, Value] = {}
    pending = list(ids)
    while pending:
        job_id = pending.pop()
        if job_id not in found and (value := values.get(job_id)) is not None:
            found[job_id] = value
            pending += value.parts or ()
    return found
