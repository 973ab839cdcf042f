"""Text that anything can take: odd characters are escaped, and a value's own code is guarded."""

import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from parrot_async.transport.text import guarded, is_sendable, sendable, text_of, type_name

ANY_TEXT = st.text(st.characters(codec=None))
"""Lone surrogates and NULs among its characters."""


class Sly(str):
    """A text whose own methods lie."""

    __slots__ = ()

    def __str__(self) -> str:
        return "\udc80"

    def isascii(self) -> bool:
        return True


class Odd:
    """A value whose text raises."""

    def __init__(self, error: type[BaseException]) -> None:
        self.error = error

    def __str__(self) -> str:
        raise self.error


class Hiding(type):
    """A metaclass that exits where somebody asks for a name."""

    def __getattribute__(cls, name: str) -> object:
        raise SystemExit(name)


@given(ANY_TEXT)
def test_any_text_can_be_encoded_and_has_no_nul(text: str) -> None:
    sent = sendable(text)

    assert sent.encode().decode() == sent
    assert "\0" not in sent
    assert is_sendable(sent)


@given(st.text(st.characters(codec="utf-8", exclude_characters="\0")))
def test_a_text_that_can_be_sent_stays_as_it_is(text: str) -> None:
    assert sendable(text) == text


def test_what_cannot_be_sent_is_escaped() -> None:
    assert sendable("caf\udce9.txt\0") == r"caf\udce9.txt\x00"


def test_a_text_of_another_class_becomes_a_plain_one() -> None:
    sent = sendable(Sly("a\udce9"))

    assert (type(sent), sent) == (str, r"a\udce9")


@pytest.mark.parametrize(
    "error", [ValueError, SystemExit, KeyboardInterrupt, GeneratorExit, RecursionError, MemoryError]
)
def test_a_value_whose_text_cannot_be_made_is_named(error: type[BaseException]) -> None:
    said: list[str] = []

    in_a_job = threading.Thread(target=lambda: said.append(text_of(Odd(error))))
    in_a_job.start()
    in_a_job.join()

    assert said == [f"<Odd, whose str raised {error.__name__}>"]


def test_a_person_may_interrupt_the_main_thread() -> None:
    def interrupt(_: object) -> str:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        guarded(interrupt, 1, 10)


def test_a_metaclass_cannot_hide_a_types_name() -> None:
    hidden = Hiding("Hidden", (), {})()

    assert type_name(hidden) == "Hidden"
