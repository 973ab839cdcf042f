"""A function's code: what is inside wrappers, what it does, and which variables it uses."""

from collections.abc import Callable, Iterator
from functools import lru_cache, partial
from types import CodeType, FunctionType, MethodType
from typing import Any


def innermost(fn: Any) -> Callable[..., Any]:
    """Return the function that a method, a partial or a decorated function calls in the end."""
    while (inner := _wrapped(fn)) is not None:
        fn = inner
    found: Callable[..., Any] = fn
    return found


def _wrapped(fn: object) -> object:
    """Return the function directly inside a method, a partial or a decorated one, or None."""
    if isinstance(fn, MethodType):
        return fn.__func__
    return fn.func if isinstance(fn, partial) else getattr(fn, "__wrapped__", None)


def variables_of(fn: Callable[..., object]) -> Iterator[tuple[str, str, object]]:
    """Yield the variables of a function, and of those of the same module that it calls.

    Each comes with the name of the function that uses it.
    """
    seen: set[int] = set()
    left = [fn]
    while left:
        one = innermost(left.pop())
        if not isinstance(one, FunctionType) or id(one) in seen:
            continue
        seen.add(id(one))
        for name, value in _used(one):
            inner = innermost(value)
            if isinstance(inner, FunctionType) and inner.__module__ == one.__module__:
                left.append(inner)
            else:
                yield one.__qualname__, name, value


def _used(fn: FunctionType) -> Iterator[tuple[str, object]]:
    for name, cell in zip(fn.__code__.co_freevars, fn.__closure__ or (), strict=True):
        try:
            yield name, cell.cell_contents
        except ValueError:  # it is not set yet
            continue
    names = dict.fromkeys(_names(fn.__code__))
    yield from ((name, fn.__globals__[name]) for name in names if name in fn.__globals__)


def _names(code: CodeType) -> Iterator[str]:
    yield from code.co_names
    for inner in code.co_consts:
        if isinstance(inner, CodeType):
            yield from _names(inner)


@lru_cache(maxsize=1024)
def code_text(code: CodeType) -> str:
    """Return what code does as text, equal in every process of one version of Python."""
    # A frozenset's order depends on the process's hash seed, so it is sorted.
    constants = [
        code_text(one)
        if isinstance(one, CodeType)
        else repr(sorted(map(repr, one)) if isinstance(one, frozenset) else one)
        for one in code.co_consts
    ]
    names = (code.co_names, code.co_varnames, code.co_freevars, code.co_flags)
    return repr((code.co_code.hex(), constants, names))
