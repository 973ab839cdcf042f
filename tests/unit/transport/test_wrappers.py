"""Wrappers around functions that have no name elsewhere: they travel with what is inside."""

import functools
import pickle
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from parrot_async.errors import SerializationError
from parrot_async.transport.pickling import dump_function, load_function
from parrot_async.transport.wrappers import has_name, reduced_wrapper


def travelled(fn: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function as a worker gets it."""
    return load_function(dump_function(fn)[1])


def test_a_cached_function_that_calls_itself_travels() -> None:
    @functools.cache
    def fibonacci(n: int) -> int:
        return n if n < 2 else fibonacci(n - 1) + fibonacci(n - 2)

    def uses(n: int) -> int:
        return fibonacci(n)

    assert travelled(uses)(50) == 12586269025
    again: Any = travelled(fibonacci)
    assert (again(30), again.cache_info().misses, again.__name__) == (832040, 31, "fibonacci")


def test_a_cache_keeps_its_size() -> None:
    @functools.lru_cache(maxsize=2, typed=True)
    def double(n: int) -> int:
        return 2 * n

    assert travelled(double).cache_parameters() == {"maxsize": 2, "typed": True}  # type: ignore[attr-defined]


def test_a_single_dispatch_function_travels_with_all_that_is_registered() -> None:
    @functools.singledispatch
    def show(value: object) -> str:
        return "object"

    @show.register
    def _(value: int) -> str:
        return "int"

    again = travelled(show)

    assert (again(1), again("x")) == ("int", "object")


def test_partials_context_managers_and_methods_travel() -> None:
    class Work:
        def add(self, a: int, b: int) -> int:
            return a + b

        add_one = functools.partialmethod(add, 1)

        @functools.cached_property
        def number(self) -> int:
            return 4

        @functools.lru_cache  # noqa: B019 - as people write it
        def cached(self, n: int) -> int:
            return n

    @contextmanager
    def opened() -> Iterator[int]:
        yield 5

    def uses(n: int) -> int:
        with opened() as five:
            return Work().add_one(n) + five + Work().number + Work().cached(1)

    assert travelled(functools.partial(uses, 2))() == 13


def test_a_wrapper_with_a_name_travels_by_its_name() -> None:
    assert has_name(named)
    assert reduced_wrapper(named) is None
    assert pickle.loads(pickle.dumps(named)) is travelled(named)  # noqa: S301 - our own


@functools.cache
def named() -> int:
    """Return nothing much."""
    return 1


def test_the_variable_that_cannot_travel_is_named() -> None:
    lock = threading.Lock()

    def inner() -> bool:
        return lock.locked()

    def outer() -> bool:
        return inner()

    with pytest.raises(SerializationError, match=r"inner uses the variable 'lock', of type lock"):
        dump_function(outer)


def test_a_function_that_carries_too_much_names_the_variable() -> None:
    table = bytes(2_000_000)

    def uses() -> int:
        return len(table)

    with pytest.raises(SerializationError, match=r"'table', which has more than 1 MiB"):
        dump_function(uses, limit=2**20)
