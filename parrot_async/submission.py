"""How jobs are asked for: groups of like jobs, as a client and a running job send them."""

import secrets
import time
from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypedDict

from parrot_async.jobs import Plan, Step, depends_on, spec_of
from parrot_async.models import FailurePolicy, JobId, JobSpec, JobType
from parrot_async.values import Call, dump_call, dump_function, summary

_DIGITS = "0123456789abcdefghjkmnpqrstvwxyz"


class Group(TypedDict):
    """Like jobs below one parent: what `events.Submitted` says of them, and their arguments."""

    spec: bytes
    """A `JobSpec` as JSON."""
    ids: list[JobId]
    """Empty below a running body: then the service names them."""
    parent_id: JobId | None
    arguments: list[bytes]
    summaries: list[str]
    depends_on: list[JobId]


def new_id() -> JobId:
    """Return an id for a root job: 14 characters, sorted by time (Crockford's base 32)."""
    number = (time.time_ns() // 1_000_000 & (1 << 40) - 1) << 30 | secrets.randbits(30)
    return "".join(_DIGITS[number >> shift & 31] for shift in range(65, -5, -5))


def group(
    spec: JobSpec,
    parent_id: JobId | None = None,
    ids: Iterable[JobId] = (),
    needed: Iterable[JobId] = (),
) -> Group:
    """Return a group without arguments yet."""
    return Group(
        spec=spec.model_dump_json().encode(),
        ids=list(ids),
        parent_id=parent_id,
        arguments=[],
        summaries=[],
        depends_on=list(needed),
    )


def groups_of_calls(
    fn: Callable[..., Any], calls: Sequence[Call], function_id: str | None = None
) -> list[Group]:
    """Return groups of calls of one function; calls that need other jobs get one of their own."""
    function_id = function_id or dump_function(fn)[0]
    spec = spec_of(fn).model_copy(update={"function_id": function_id})
    always = depends_on(fn)
    groups: list[Group] = []
    shared: Group | None = None
    for call in calls:
        data, needed = dump_call(call)
        if needed or shared is None:
            home = group(spec, needed=(*always, *needed))
            groups.append(home)
            shared = None if needed else home
        else:
            home = shared
        home["arguments"].append(data)
        home["summaries"].append(summary(call))
    return groups


def groups_of_plan(plan: Plan, root_id: JobId) -> tuple[list[Group], dict[str, bytes]]:
    """Return the groups of a whole declared tree, parents first, and its functions by id."""
    functions: dict[str, bytes] = {}
    _name(plan, root_id)
    return list(_groups(plan, None, 0, functions)), functions


def _name(node: Plan | Step, job_id: JobId) -> None:
    """Name every node before any argument is pickled, since steps may refer to later ones."""
    node.id = job_id
    for ordinal, step in enumerate(node.steps if isinstance(node, Plan) else ()):
        _name(step, f"{job_id}.{ordinal}")


def _groups(
    node: Plan | Step, parent_id: JobId | None, depth: int, functions: dict[str, bytes]
) -> Iterable[Group]:
    ids = [node.id or ""]
    if isinstance(node, Step):
        function_id, data = dump_function(node.fn)
        functions[function_id] = data
        (made,) = groups_of_calls(node.fn, [(node.args, node.kwargs)], function_id)
        yield {**made, "ids": ids, "parent_id": parent_id}
        return
    yield group(node.spec(depth), parent_id, ids)
    for step in node.steps:
        yield from _groups(step, node.id, depth + 1, functions)


def map_root(fn: Callable[..., Any], count: int, root_id: JobId) -> Group:
    """Return the plan above the jobs of one `map`."""
    of = spec_of(fn)
    spec = JobSpec(
        title=f"{of.title} x {count:,}",
        function=of.function,
        job_type=JobType.ROOT_JOB,
        queue=of.queue,
        on_failure=FailurePolicy.COLLECT,
        expected=count,
    )
    return group(spec, ids=[root_id])
