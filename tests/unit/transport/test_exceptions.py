"""Exceptions that are made again without their `__init__`."""

import pytest

from parrot_async.transport.exceptions import new_arguments, reduced, state_of


class CountedError(Exception):
    """An error that counts how often it is made."""

    made = 0

    def __init__(self, first: str, second: str) -> None:
        super().__init__(first)
        self.second = second
        CountedError.made += 1


def test_an_error_is_made_without_its_init() -> None:
    error = CountedError("a", "b")
    before = CountedError.made

    make, args, state, _, _, restore = reduced(error, state_of(error))
    again = make(*args)
    assert isinstance(again, CountedError)
    restore(again, state)

    assert CountedError.made == before
    assert (again.args, again.second) == (("a",), "b")


def test_what_an_error_came_from_is_left_out_where_it_is_not_linked() -> None:
    error = ValueError("outer")
    error.__cause__ = KeyError("inner")

    assert state_of(error).cause is error.__cause__
    assert state_of(error, linked=False).cause is None


@pytest.mark.parametrize(
    ("error", "arguments"),
    [
        (OSError(2, "gone", "/a"), (2, "gone", "/a")),
        (OSError("plain"), ("plain",)),
        (UnicodeDecodeError("utf-8", b"x", 0, 1, "no"), ("utf-8", b"x", 0, 1, "no")),
    ],
)
def test_builtin_errors_get_all_that_they_are_made_of(
    error: Exception, arguments: tuple[object, ...]
) -> None:
    assert new_arguments(error, error.args) == arguments
