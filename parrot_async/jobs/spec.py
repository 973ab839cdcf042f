"""What the service is told of a function, and the check that a call fits it."""

import inspect
from collections.abc import Callable, Mapping
from types import FunctionType
from typing import Any

from parrot_async.errors import OptionsError
from parrot_async.jobs import options
from parrot_async.jobs.options import Options, body_of, options_of
from parrot_async.model.durations import seconds
from parrot_async.model.models import FailurePolicy, JobSpec, JobType
from parrot_async.model.texts import check_priority, check_texts, validated
from parrot_async.transport.pickling import Call
from parrot_async.transport.previews import preview
from parrot_async.transport.text import text_of

TEXTS = ("title", "key", "queue", "description", "prompt")
"""Options that are texts."""

TEXTS = ("title", "key", "queue", "description", "prompt")
"""Options that are texts."""


def name_of(fn: Callable[..., Any]) -> str:
    """Return `module:qualname` of a function, for people."""
    target = getattr(fn, "__wrapped__", fn)
    kind = type(target)
    module = getattr(target, "__module__", None) or kind.__module__
    return text_of(f"{module}:{getattr(target, '__qualname__', kind.__qualname__)}")


def is_async(fn: Callable[..., Any]) -> bool:
    """Return whether a function, method or callable object returns a coroutine."""
    body = body_of(fn)
    return any(map(inspect.iscoroutinefunction, (body, type(body).__call__)))


def spec_of(fn: Callable[..., Any]) -> JobSpec:
    """Return what a job's options say, without what the queue and the pickled function add.

    Raises OptionsError where an option makes no sense.
    """
    given = options_of(fn)
    name = name_of(fn)
    check_texts(**{text: given.get(text) for text in TEXTS})
    check_priority(given.get("priority"))
    with validated(name):
        return _spec_of(fn, given, name)


def _spec_of(fn: Callable[..., Any], given: Options, name: str) -> JobSpec:
    pool, slots = options.pool_and_slots(given, name)
    check_texts(pool=pool)
    return JobSpec(
        title=given.get("title") or name.rpartition(":")[2].rpartition(".")[2],
        function=name,
        is_async=is_async(fn),
        job_type=JobType(given.get("job_type", JobType.TASK)),
        description=given.get("description", ""),
        prompt=given.get("prompt", ""),
        queue=given.get("queue", "default"),
        pool=pool,
        slots=slots,
        priority=given.get("priority"),
        timeout=options.timeout(given),
        grace=seconds(given.get("grace", 5.0)),
        retry=options.retry_policy(given),
        weight=given.get("weight", 1.0),
        on_failure=FailurePolicy(given.get("on_failure", FailurePolicy.IGNORE)),
        key=given.get("key"),
        result_ttl=options.result_ttl(given),
        wait_for_workers=given.get("wait_for_workers", False),
        max_depth=given.get("max_depth"),
        max_jobs=given.get("max_jobs"),
    )


def check_call(fn: Any, call: Call) -> None:
    """Raise at once what the worker would raise later.

    OptionsError where `fn` is no function, TypeError where the arguments do not fit it.
    """
    if not callable(fn):
        if inspect.iscoroutine(fn):
            fn.close()
        raise OptionsError(
            f"{preview(fn)} is no function: pass the function, then its arguments, as in "
            "submit(add, 1, 2)"
        )
    body = body_of(fn)
    if _surely_fits(body, call):
        return
    try:
        signature = inspect.signature(body)
    except (TypeError, ValueError):  # some builtins have none
        return
    args, kwargs = call
    try:
        signature.bind(*args, **kwargs)
    except TypeError as exc:
        raise TypeError(f"{name_of(fn)}{signature}: {exc}{_hint(signature, kwargs)}") from None


def _surely_fits(fn: Any, call: Call) -> bool:
    """Return whether plain arguments fit a plain function by their number: a cheap first look."""
    args, kwargs = call
    if kwargs or not isinstance(fn, FunctionType) or fn.__dict__ or fn.__code__.co_kwonlyargcount:
        return False
    most = fn.__code__.co_argcount
    return most - len(fn.__defaults__ or ()) <= len(args) <= most


def _hint(signature: inspect.Signature, kwargs: Mapping[str, Any]) -> str:
    """Return where options go, if one of them stands among the arguments."""
    for name in kwargs.keys() & Options.__annotations__.keys() - signature.parameters.keys():
        return f". Options go to the job itself: .options({name}={kwargs[name]!r})"
    return ""
