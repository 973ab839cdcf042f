"""Threads that a job starts: they run in the job's context, so that what they do counts for it."""

import _thread
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import Context, copy_context
from functools import partial, wraps
from typing import Any, TypeVar, cast

from parrot_async.jobs.context import current_context

T = TypeVar("T")

_lock = threading.Lock()
_users = 0
_originals = (threading.Thread.start, ThreadPoolExecutor.submit, _thread.start_new_thread)


def install() -> None:
    """Have this process's threads and thread pools take over the context of the job they are for.

    Outside of jobs they do what they always did.
    """
    global _users  # noqa: PLW0603 - what is replaced is the process's own
    with _lock:
        _users += 1
        if _users == 1:
            _replace(_start, _submit, _start_new_thread)


def remove() -> None:
    """Take back one `install`; after the last one the process's own methods are back."""
    global _users  # noqa: PLW0603 - what is replaced is the process's own
    with _lock:
        _users -= 1
        if _users == 0:
            _replace(*_originals)


def _replace(start: Callable[..., Any], submit: Any, start_new: Callable[..., Any]) -> None:
    # By `setattr`, since for a type checker no method can be replaced.
    for owner, name, method in (
        (threading.Thread, "start", start),
        (ThreadPoolExecutor, "submit", submit),
        (_thread, "start_new_thread", start_new),
    ):
        setattr(owner, name, method)


@wraps(_originals[0])
def _start(self: threading.Thread) -> None:
    if current_context.get(None) is not None:
        setattr(self, "run", partial(copy_context().run, self.run))  # noqa: B010 - as above
    _originals[0](self)


@wraps(cast("Any", _originals[1]))
def _submit(
    self: ThreadPoolExecutor, fn: Callable[..., T], /, *args: Any, **kwargs: Any
) -> "Future[T]":
    if current_context.get(None) is None:
        return _originals[1](self, fn, *args, **kwargs)
    inside = partial(copy_context().run, fn, *args, **kwargs)
    # The pool may outlive the job, so the threads that it starts for this belong to no job.
    return Context().run(_originals[1], self, inside)


@wraps(_originals[2])
def _start_new_thread(function: Callable[..., Any], *args: Any) -> int:
    if current_context.get(None) is None:
        return _originals[2](function, *args)
    return _originals[2](partial(copy_context().run, function), *args)
