"""How jobs are asked for: groups of like jobs, as a client and a running job send them."""

import secrets
import time
from collections.abc import Callable, Iterable, Sequence
from graphlib import CycleError, TopologicalSorter
from itertools import pairwise
from operator import is_
from types import FunctionType
from typing import Any, NamedTuple
from weakref import WeakKeyDictionary

from parrot_async.errors import OptionsError
from parrot_async.jobs.decorator import Job, Plan, Step, depends_on, spec_of
from parrot_async.model.models import FailurePolicy, JobId, JobSpec, JobType
from parrot_async.transport.messages import Group
from parrot_async.transport.pickling import (
    Call,
    dump_call,
    dump_function,
    hash_of_all,
    hash_of_code,
    innermost,
    summary,
)

_DIGITS = "0123456789abcdefghjkmnpqrstvwxyz"


def new_id() -> JobId:
    """Return an id for a root job: 14 characters, sorted by time (Crockford's base 32)."""
    number = (time.time_ns() // 1_000_000 & (1 << 40) - 1) << 30 | secrets.randbits(30)
    return "".join(_DIGITS[number >> shift & 31] for shift in range(65, -5, -5))


def group(
    spec: bytes,
    parent_id: JobId | None = None,
    ids: Iterable[JobId] = (),
    needed: Iterable[JobId] = (),
) -> Group:
    """Return a group without arguments yet."""
    return Group(
        spec=spec,
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
    known = _known(fn, function_id)
    if known.spec.key is not None and len(calls) > 1:
        raise OptionsError(
            f"the key {known.spec.key!r} can name one job only, not {len(calls)} of a map"
        )
    always = depends_on(fn)
    groups: list[Group] = []
    shared: Group | None = None
    for call in calls:
        data, needed = dump_call(call)
        if needed or shared is None:
            home = group(known.text, needed=(*always, *needed))
            groups.append(home)
            shared = None if needed else home
        else:
            home = shared
        home["arguments"].append(data)
        home["summaries"].append(summary(call))
    return groups


class _Known(NamedTuple):
    """What the jobs of a function have in common, also as JSON, and what it was said of."""

    spec: JobSpec
    text: bytes
    function_id: str
    parts: tuple[object, ...] = ()


_functions: WeakKeyDictionary[Callable[..., Any], _Known] = WeakKeyDictionary()


def _known(fn: Callable[..., Any], function_id: str) -> _Known:
    """Return what a function's jobs have in common, from memory while the function is the same.

    Who submits job after job waits for this, and what is not in the processor's cache, as pydantic
    and `repr` are by then, takes ten times as long as in a loop.
    """
    inner = innermost(fn)
    if not isinstance(inner, FunctionType) or not isinstance(fn, Job | FunctionType):
        return _look_at(fn, function_id)
    parts = (inner.__code__, inner.__defaults__, inner.__kwdefaults__)
    known = _functions.get(fn)
    if known is None or known.function_id != function_id or not all(map(is_, known.parts, parts)):
        known = _functions[fn] = _look_at(fn, function_id)._replace(parts=parts)
    return known


def _look_at(fn: Callable[..., Any], function_id: str) -> _Known:
    spec = _spec(fn, function_id)
    return _Known(spec, _json(spec), function_id)


def _json(spec: JobSpec) -> bytes:
    return spec.model_dump_json().encode()


def _spec(fn: Callable[..., Any], function_id: str) -> JobSpec:
    """Return what a function's jobs have in common, with the hashes that know it again."""
    cached = isinstance(fn, Job) and fn.given.get("cache")
    update = {
        "function_id": function_id,
        "code": hash_of_code(fn),
        "cache": hash_of_all(fn) if cached else "",
    }
    return spec_of(fn).model_copy(update=update)


def groups_of_piece(
    fn: Callable[..., Any],
    calls: Sequence[Call],
    function_id: str,
    root_id: JobId,
    start: int,
) -> list[Group]:
    """Return the groups of some jobs of a `map`, the first of which has this ordinal."""
    groups = groups_of_calls(fn, calls, function_id)
    for group in groups:
        count = len(group["arguments"])
        group["parent_id"] = root_id
        group["ids"] = [f"{root_id}.{n}" for n in range(start, start + count)]
        start += count
    return groups


def groups_of_plan(plan: Plan, root_id: JobId) -> tuple[list[Group], dict[str, bytes]]:
    """Return the groups of a whole declared tree, parents first, and its functions by id."""
    functions: dict[str, bytes] = {}
    named: dict[JobId, Plan | Step] = {}
    _name(plan, root_id, named)
    groups = list(_groups(plan, None, 0, functions))
    _refuse_cycle(named, groups)
    return groups, functions


def _name(node: Plan | Step, job_id: JobId, named: dict[JobId, Plan | Step]) -> None:
    """Name every node before any argument is pickled, since steps may refer to later ones."""
    if node.id in named:
        raise OptionsError(f"{_title(node)} is in the plan twice: bind it once for each place")
    node.id = job_id
    named[job_id] = node
    for ordinal, step in enumerate(node.steps if isinstance(node, Plan) else ()):
        _name(step, f"{job_id}.{ordinal}", named)


def _title(node: Plan | Step) -> str:
    return repr(node.title if isinstance(node, Plan) else spec_of(node.fn).title)


def _refuse_cycle(named: dict[JobId, Plan | Step], groups: Sequence[Group]) -> None:
    """OptionsError where jobs wait for each other; of each job, start and end are nodes."""
    before: TopologicalSorter[tuple[JobId, str]] = TopologicalSorter()
    for group in groups:
        (job_id,) = group["ids"]
        node, parent_id = named[job_id], group["parent_id"]
        before.add((job_id, "end"), (job_id, "start"))
        before.add((job_id, "start"), *((i, "end") for i in group["depends_on"] if i in named))
        if parent_id is not None:
            before.add((job_id, "start"), (parent_id, "start"))
            before.add((parent_id, "end"), (job_id, "end"))
        if isinstance(node, Plan) and node.sequential:
            for first, second in pairwise(node.steps):
                before.add((second.id or "", "start"), (first.id or "", "end"))
    try:
        before.prepare()
    except CycleError as exc:
        chain = " < ".join(dict.fromkeys(_title(named[job_id]) for job_id, _ in exc.args[1]))
        raise OptionsError(f"steps of the plan wait for each other: {chain}") from exc


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
    yield group(_json(node.spec(depth)), parent_id, ids)
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
    return group(_json(spec), ids=[root_id])
