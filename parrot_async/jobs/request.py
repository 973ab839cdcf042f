"""How jobs are asked for: groups of like jobs, as a client and a running job send them."""

import secrets
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from graphlib import CycleError, TopologicalSorter
from itertools import pairwise
from operator import is_
from types import FunctionType
from typing import Any, NamedTuple
from weakref import WeakKeyDictionary

from parrot_async.errors import OptionsError
from parrot_async.jobs.options import WithOptions, depends_on, options_of, retry_on
from parrot_async.jobs.plan import Plan, Step
from parrot_async.jobs.spec import spec_of
from parrot_async.model.models import FailurePolicy, JobId, JobSpec, JobType
from parrot_async.transport.buffer import MOST_BYTES
from parrot_async.transport.code import innermost
from parrot_async.transport.messages import Group
from parrot_async.transport.pickling import (
    Call,
    dump_call,
    dump_function,
    hash_of_all,
    hash_of_code,
    sender_state,
)
from parrot_async.transport.previews import summary
from parrot_async.transport.secrets import redact
from parrot_async.transport.wrappers import has_name

_DIGITS = "0123456789abcdefghjkmnpqrstvwxyz"


def new_id() -> JobId:
    """Return an id for a root job: 14 characters, sorted by time (Crockford's base 32)."""
    number = (time.time_ns() // 1_000_000 & (1 << 40) - 1) << 30 | secrets.randbits(30)
    return "".join(_DIGITS[number >> shift & 31] for shift in range(65, -5, -5))


class _Packed(NamedTuple):
    """A packed function, and what has to be the same for it to be packed so again."""

    state: tuple[object, ...]
    function_id: str
    data: bytes


_packed: WeakKeyDictionary[Callable[..., Any], _Packed] = WeakKeyDictionary()


def pack_function(fn: Callable[..., Any], limit: float = MOST_BYTES) -> tuple[str, bytes]:
    """Return a function's id and its pickle, with what workers need of its options."""
    if not isinstance(fn, FunctionType) or not has_name(fn):
        return dump_function(fn, retry_on(options_of(fn)), limit)
    # By its name: it is packed as before while its modules and the folders are the same.
    known = _packed.get(fn)
    if known is not None and known.state == sender_state(known.data):
        return known.function_id, known.data
    function_id, data = dump_function(fn, (), limit)
    _packed[fn] = _Packed(sender_state(data), function_id, data)
    return function_id, data


def packs_at_once(fn: Any, calls: Sequence[Call]) -> bool:
    """Return whether to pickle calls takes no time: the function was here, arguments are small.

    All else is pickled in a thread, so that the caller's loop goes on.
    """
    if not is_known(fn):
        return False
    for args, kwargs in calls:
        for value in (*args, *kwargs.values()) if kwargs else args:
            if type(value) is not int and not is_small(value):
                return False
    return True


def is_known(fn: Any) -> bool:
    """Return whether jobs of a function have been asked for before."""
    return isinstance(fn, WithOptions | FunctionType) and fn in _functions


MOST_VALUES = 200
"""Values in an argument that is still small."""
MOST_CHARACTERS = 16 * 1024
"""Of each text or bytes in it."""


def is_small(value: Any) -> bool:
    """Return whether a value is plain and small, with all that is in it."""
    if type(value) in (int, float, bool):
        return True
    left, count = [value], 0
    while left and count < MOST_VALUES:
        one = left.pop()
        count += 1
        kind = type(one)
        if kind in (str, bytes):
            if len(one) > MOST_CHARACTERS:
                return False
        elif kind in (list, tuple, set, dict):
            if len(one) > MOST_VALUES:
                return False
            left.extend(one if kind is not dict else (*one, *one.values()))
        elif kind not in (int, float, bool, type(None)) and not hasattr(kind, "__job_reference__"):
            return False
    return not left


def _group(
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
    fn: Callable[..., Any],
    calls: Sequence[Call],
    function_id: str | None = None,
    limit: float = MOST_BYTES,
) -> list[Group]:
    """Return groups of calls of one function; calls that need other jobs get one of their own.

    Raises OptionsError for several calls of a function with a key, which can name one job only,
    and SerializationError where the function or an argument cannot be pickled.
    """
    function_id = function_id or pack_function(fn)[0]
    known = _known(fn, function_id)
    if known.spec.key is not None and len(calls) > 1:
        raise OptionsError(
            f"the key {known.spec.key!r} can name one job only, not {len(calls)} of a map"
        )
    always = depends_on(fn)
    groups: list[Group] = []
    shared: Group | None = None
    for call in calls:
        data, needed = dump_call(call, limit)
        if needed or shared is None:
            home = _group(known.text, needed=(*always, *needed))
            groups.append(home)
            shared = None if needed else home
        else:
            home = shared
        home["arguments"].append(data)
        home["summaries"].append(summary(call))
    return groups


class _Known(NamedTuple):
    """What the jobs of a function have in common, also as JSON, and the parts it was read from."""

    spec: JobSpec
    text: bytes
    function_id: str
    parts: tuple[object, ...] = ()


_functions: WeakKeyDictionary[Callable[..., Any], _Known] = WeakKeyDictionary()


def _known(fn: Callable[..., Any], function_id: str) -> _Known:
    """Return what a function's jobs have in common, from memory while the function is the same.

    A submit waits for this. Between two submits the code of pydantic and of `repr` leaves the
    processor's cache, and then takes ten times as long as in a loop; so the answer is kept.
    """
    inner = innermost(fn)
    if not isinstance(inner, FunctionType) or not isinstance(fn, WithOptions | FunctionType):
        return _look_at(fn, function_id)
    # IPython's autoreload edits a function in place: the same object then has other parts.
    parts = (inner.__code__, inner.__defaults__, inner.__kwdefaults__)
    known = _functions.get(fn)
    if known is None or known.function_id != function_id or not all(map(is_, known.parts, parts)):
        known = _functions[fn] = _look_at(fn, function_id)._replace(parts=parts)
    return known


def _look_at(fn: Callable[..., Any], function_id: str) -> _Known:
    spec = _spec(fn, function_id)
    return _Known(spec, _json(spec), function_id)


def _json(spec: JobSpec) -> bytes:
    """Return a spec as it travels, with no secret in what people read."""
    if spec.key is not None and redact(spec.key) != spec.key:
        raise OptionsError("the job key holds a secret, and is stored in clear: use another key")
    shown = {"title": redact(spec.title), "description": redact(spec.description)}
    return spec.model_copy(update=shown).model_dump_json().encode()


def _spec(fn: Callable[..., Any], function_id: str) -> JobSpec:
    """Return what a function's jobs have in common, with the hashes that know it again."""
    update = {
        "function_id": function_id,
        "code": hash_of_code(fn),
        "cache": hash_of_all(fn) if options_of(fn).get("cache") else "",
    }
    return spec_of(fn).model_copy(update=update)


def pack_call(
    fn: Callable[..., Any], call: Call, root_id: JobId, limit: float
) -> tuple[list[Group], dict[str, bytes]]:
    """Return the group of a root job, and its function by its id."""
    function_id, data = pack_function(fn, limit)
    groups = groups_of_calls(fn, [call], function_id, limit)
    groups[0]["ids"] = [root_id]
    return groups, {function_id: data}


def groups_of_piece(
    fn: Callable[..., Any],
    calls: Sequence[Call],
    function_id: str,
    root_id: JobId,
    start: int,
    limit: float = MOST_BYTES,
) -> list[Group]:
    """Return the groups of some jobs of a `map`, the first of which has the ordinal `start`."""
    groups = groups_of_calls(fn, calls, function_id, limit)
    for group in groups:
        count = len(group["arguments"])
        group["parent_id"] = root_id
        group["ids"] = [f"{root_id}.{n}" for n in range(start, start + count)]
        start += count
    return groups


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
    return _group(_json(spec), ids=[root_id])


class _Place(NamedTuple):
    """A node of a plan, and where it stands in the tree."""

    node: Plan | Step
    parent_id: JobId | None
    depth: int


def groups_of_plan(
    plan: Plan, root_id: JobId, limit: float = MOST_BYTES
) -> tuple[list[Group], dict[str, bytes]]:
    """Return the groups of a whole declared tree, parents first, and its functions by id.

    Raises OptionsError where a step is in the plan twice, or where steps wait for each other.
    """
    # Every node is named before any argument is pickled, since steps may refer to later ones.
    places = _named(plan, root_id)
    functions: dict[str, bytes] = {}
    groups = [_group_of(job_id, place, functions, limit) for job_id, place in places.items()]
    _refuse_cycle(places, groups)
    return groups, functions


def _named(plan: Plan, root_id: JobId) -> dict[JobId, _Place]:
    """Give every node its id; return their places, parents first.

    It does not recurse, so that a plan may be nested deeper than Python's stack.
    """
    places: dict[JobId, _Place] = {}
    pending = [(root_id, _Place(plan, None, 0))]
    while pending:
        job_id, place = pending.pop()
        node = place.node
        if node.id in places:
            raise OptionsError(f"{node.title!r} is in the plan twice: bind it once for each place")
        node.id = job_id
        places[job_id] = place
        if isinstance(node, Plan):
            below = [
                (f"{job_id}.{ordinal}", _Place(step, job_id, place.depth + 1))
                for ordinal, step in enumerate(node.steps)
            ]
            pending.extend(reversed(below))
    return places


def _group_of(job_id: JobId, place: _Place, functions: dict[str, bytes], limit: float) -> Group:
    """Return the group of one node; the function of a step is added to `functions`."""
    node, parent_id, depth = place
    if isinstance(node, Plan):
        return _group(_json(node.spec(depth)), parent_id, [job_id])
    function_id, data = pack_function(node.fn, limit)
    functions[function_id] = data
    (made,) = groups_of_calls(node.fn, [(node.args, node.kwargs)], function_id, limit)
    return {**made, "ids": [job_id], "parent_id": parent_id}


def _refuse_cycle(places: Mapping[JobId, _Place], groups: Iterable[Group]) -> None:
    """Raise OptionsError where jobs wait for each other."""
    # Of each job, the start and the end are nodes of a graph: a parent starts before its children
    # and ends after them; a job starts after the ends of those that it needs.
    before: TopologicalSorter[tuple[JobId, str]] = TopologicalSorter()
    for group in groups:
        (job_id,) = group["ids"]
        node, parent_id, _ = places[job_id]
        before.add((job_id, "end"), (job_id, "start"))
        before.add((job_id, "start"), *((i, "end") for i in group["depends_on"] if i in places))
        if parent_id is not None:
            before.add((job_id, "start"), (parent_id, "start"))
            before.add((parent_id, "end"), (job_id, "end"))
        if isinstance(node, Plan) and node.sequential:
            for first, second in pairwise(node.steps):
                before.add((second.id or "", "start"), (first.id or "", "end"))
    try:
        before.prepare()
    except CycleError as exc:
        titles = (repr(places[job_id].node.title) for job_id, _ in exc.args[1])
        chain = " < ".join(dict.fromkeys(titles))
        raise OptionsError(f"steps of the plan wait for each other: {chain}") from exc
