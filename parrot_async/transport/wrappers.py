"""How wrappers of the standard library around a function of a notebook travel by value."""

import functools
import sys
from collections.abc import Callable
from functools import cached_property, lru_cache, singledispatch, update_wrapper
from types import FunctionType, MappingProxyType
from typing import Any

_Cached = type(lru_cache(lambda: None))

Reduced = tuple[object, ...]


class _Late:
    """A function that is set after it was wrapped: what it refers to may refer to its wrapper."""

    fn: Callable[..., object]

    def __call__(self, *args: object, **kwargs: object) -> object:
        return self.fn(*args, **kwargs)


def reduced_wrapper(value: Any) -> Reduced | None:
    """Return what `pickle` writes of a wrapper that has no name elsewhere; None for all else.

    A cache travels empty.
    """
    kind = type(value)
    if kind is _Cached:
        return _reduced_cache(value)
    if kind is cached_property:  # before Python 3.12 it has a lock
        return (
            cached_property,
            (value.func,),
            {"attrname": value.attrname, "__doc__": value.__doc__},
        )
    if kind is FunctionType:
        return _reduced_dispatcher(value)
    if kind.__module__.partition(".")[0] == "wrapt" and hasattr(value, "_self_wrapper"):
        return kind, (value.__wrapped__, value._self_wrapper)  # noqa: SLF001 - as wrapt names them
    return None


def has_name(value: object) -> bool:
    """Return whether another process finds a value by its module and name."""
    module = getattr(value, "__module__", None)
    if module is None or module == "__main__":
        return False
    found: object = sys.modules.get(module)
    for name in getattr(value, "__qualname__", "<locals>").split("."):
        found = getattr(found, name, None)
    return found is value


def _reduced_cache(value: Any) -> Reduced | None:
    if has_name(value):
        return None
    made = _make_cache, tuple(value.cache_parameters().values())
    return *made, (value.__wrapped__, _attributes(value)), None, None, _set_inside


def _make_cache(maxsize: int | None, typed: bool) -> object:
    late = _Late()
    made = lru_cache(maxsize, typed)(late)
    vars(made)["__late__"] = late
    return made


def _reduced_dispatcher(value: Any) -> Reduced | None:
    registry = getattr(value, "registry", None)
    if not isinstance(registry, MappingProxyType) or not hasattr(value, "dispatch"):
        return None
    if has_name(value):
        return None
    state: object = (
        value.__wrapped__,
        {},
        [(kind, fn) for kind, fn in registry.items() if kind is not object],
    )
    return _make_dispatcher, (), state, None, None, _set_registry


def _make_dispatcher() -> object:
    late = _Late()
    update_wrapper(late, _nothing)
    made = singledispatch(late)
    vars(made)["__late__"] = late
    return made


def _nothing() -> None:
    """Have a name, for `singledispatch` to copy."""


def _set_registry(
    made: Any, state: tuple[object, dict[str, object], list[tuple[type, object]]]
) -> None:
    fn, attributes, registered = state
    _set_inside(made, (fn, attributes))
    for kind, implementation in registered:
        made.register(kind, implementation)


def _set_inside(made: Any, state: tuple[Any, dict[str, object]]) -> None:
    """Give a wrapper its function, and the function's names."""
    fn, attributes = state
    made.__late__.fn = fn
    update_wrapper(made, fn, updated=())
    made.__dict__.update(attributes)


def _attributes(value: object) -> dict[str, object]:
    """Return what people have set on a wrapper, without what wrapping it sets."""
    ours = {"__wrapped__", "__late__", "cache_parameters", *functools.WRAPPER_ASSIGNMENTS}
    return {name: one for name, one in value.__dict__.items() if name not in ours}
