"""Texts and numbers of options and queues: what cannot travel or makes no sense is refused."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from parrot_async.errors import OptionsError
from parrot_async.model.models import Queue
from parrot_async.model.texts import (
    LONGEST,
    check_limit,
    check_priority,
    check_texts,
    is_sendable,
)


@pytest.mark.parametrize("name", LONGEST)
def test_a_text_is_as_long_as_it_may_be(name: str) -> None:
    check_texts(**{name: "x" * LONGEST[name]})

    with pytest.raises(OptionsError, match=f"{name} has .* characters and may have"):
        check_texts(**{name: "x" * (LONGEST[name] + 1)})


@pytest.mark.parametrize("wrong", ["caf\udce9", "\ud800", "a\0b"])
@pytest.mark.parametrize("name", LONGEST)
def test_what_cannot_travel_is_refused_and_the_way_out_is_said(name: str, wrong: str) -> None:
    with pytest.raises(OptionsError, match="backslashreplace"):
        check_texts(**{name: wrong})


@given(st.text(st.characters(codec=None, categories=None)))
def test_a_text_is_sendable_where_it_can_be_encoded_and_has_no_nul(text: str) -> None:
    surrogates = any("\ud800" <= letter <= "\udfff" for letter in text)

    assert is_sendable(text) is not (surrogates or "\0" in text)


@pytest.mark.parametrize("name", ["key", "queue", "name"])
def test_a_name_is_not_empty(name: str) -> None:
    with pytest.raises(OptionsError, match="is empty"):
        check_texts(**{name: ""})


@pytest.mark.parametrize("wrong", [10**30, -(10**7), float("nan"), "high", 1.5])
def test_a_priority_is_a_whole_number_in_a_range(wrong: object) -> None:
    with pytest.raises(OptionsError, match="priority is a whole number"):
        check_priority(wrong)


@pytest.mark.parametrize("wrong", [0, -1])
def test_no_rows_are_not_asked_for(wrong: int) -> None:
    with pytest.raises(OptionsError, match="at least 1"):
        check_limit(wrong)


@pytest.mark.parametrize(
    "wrong",
    [
        {"name": ""},
        {"name": "a\0"},
        {"name": "x" * 1_000_000},
        {"timeout": -1},
        {"timeout": float("nan")},
        {"limit": 0},
        {"priority": 10**30},
        {"colour": "red"},
    ],
    ids=str,
)
def test_a_queue_that_makes_no_sense_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(OptionsError):
        Queue(**{"name": "queue", **wrong})


def test_a_queue_comes_back_from_its_json_form() -> None:
    queue = Queue(name="mine", limit=3, timeout=2.5)

    assert Queue.model_validate_json(queue.model_dump_json()) == queue
