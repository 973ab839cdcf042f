"""What processes send each other comes back as it was."""

import pytest

from parrot_async.errors import ErrorInfo
from parrot_async.transport.messages import attempts_of, each_attempt, error_message, error_of


@pytest.mark.parametrize("pairs", [[], [("a", 1), ("b.0", 3)]])
def test_attempts_in_columns_are_the_pairs_that_they_were_made_of(
    pairs: list[tuple[str, int]],
) -> None:
    columns = attempts_of(iter(pairs))

    assert list(each_attempt(columns)) == pairs


def test_columns_of_unequal_length_are_refused() -> None:
    with pytest.raises(ValueError, match="shorter"):
        list(each_attempt({"ids": ["a", "b"], "numbers": [1]}))


def test_an_error_is_the_same_after_its_journey() -> None:
    error = ErrorInfo("timeout", "too long", "TimeoutError", "Traceback", ("OSError", "Exception"))

    message = error_message(error)
    message["bases"] = list(message["bases"])  # as msgpack has it

    assert error_of(message) == error
