"""The service's functions in memory are bounded, and those in use stay."""

from parrot_async.service.engine.function_cache import FunctionCache


def test_functions_are_kept_as_long_as_they_fit() -> None:
    functions = FunctionCache(kept_bytes=100)

    functions.add({"a": b"x" * 40, "b": b"x" * 40})
    assert functions.get("a") == b"x" * 40
    functions.add({"c": b"x" * 40})

    assert "b" not in functions
    assert functions.get("a") is not None
    assert functions.get("c") is not None


def test_a_function_that_is_too_big_is_kept_alone() -> None:
    functions = FunctionCache(kept_bytes=100)

    functions.add({"a": b"x" * 40, "big": b"x" * 1000})
    functions.add({"big": b"x" * 1000})

    assert len(functions) == 1
    assert functions.get("big") is not None
    functions.add({"b": b"x"})
    assert functions.get("big") is None
