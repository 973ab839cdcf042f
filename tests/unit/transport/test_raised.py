"""Exceptions as they travel: of every kind of class, and whatever they hold."""

import json
import pickle
import subprocess
import threading
from typing import Any

import pytest
from pydantic import BaseModel, ValidationError

from parrot_async.errors import ErrorInfo, JobLostError
from parrot_async.transport.pickling import dump_value, load_value
from parrot_async.transport.raised import MOST_BYTES, body_error, dump_error, is_one_of, load_error


class StatusError(Exception):
    """An error as vendors' clients raise it, with arguments by keyword."""

    def __init__(self, message: str, *, response: Any, body: object | None) -> None:
        super().__init__(message)
        self.response = response
        self.body = body


class FolderError(OSError):
    """An error of the system with an `__init__` of its own."""

    def __init__(self, folder: str) -> None:
        super().__init__(2, "no such folder", folder)
        self.folder = folder


class SlotError(ValueError):
    """An error that keeps something in a slot."""

    __slots__ = ("code",)

    def __init__(self, code: int) -> None:
        self.code = code


class Outer:
    """A class with an error inside."""

    class InnerError(KeyError):
        """An error inside a class."""


class Model(BaseModel):
    """A model, for an error of pydantic's."""

    number: int


def invalid() -> ValidationError:
    with pytest.raises(ValidationError) as raised:
        Model.model_validate({"number": "many"})
    return raised.value


def undecodable() -> UnicodeDecodeError:
    with pytest.raises(UnicodeDecodeError) as raised:
        b"\xff".decode()
    return raised.value


def linked() -> Exception:
    error = StatusError("outer", response=1, body=None)
    error.__cause__, error.__context__ = KeyError("inner"), OSError(5, "io")
    return error


def travelled(exc: BaseException) -> Any:
    """Return what comes out at the other end."""
    data = dump_error(exc)
    assert data is not None
    return load_error(data)


@pytest.mark.parametrize(
    "exc",
    [
        StatusError("slow down", response={"status": 429}, body=b"{}"),
        FolderError("/nowhere"),
        SlotError(7),
        Outer.InnerError("key"),
        FileNotFoundError(2, "gone", "/a", None, "/b"),
        subprocess.CalledProcessError(3, ["ls"], b"out", b"err"),
        subprocess.CalledProcessError(returncode=3, cmd="ls"),
        json.JSONDecodeError("bad", "{", 1),
        undecodable(),
        UnicodeEncodeError("ascii", "é", 0, 1, "no"),
        invalid(),
        ImportError("no", name="module", path="/m"),
        SyntaxError("bad", ("f.py", 1, 2, "text")),
        JobLostError("gone", "r", ErrorInfo("lost", "gone")),
        ExceptionGroup("several", [SlotError(1), StatusError("x", response=1, body=2)]),
    ],
    ids=lambda exc: type(exc).__name__,
)
def test_an_error_comes_back_as_it_was(exc: Exception) -> None:
    exc.add_note("a note")

    found = travelled(exc)

    assert type(found) is type(exc)
    assert (str(found), repr(found.args)) == (str(exc), repr(exc.args))
    assert repr(found.__dict__) == repr(exc.__dict__)
    for name in ("code", "filename", "filename2", "errno", "start", "name", "lineno"):
        assert getattr(found, name, None) == getattr(exc, name, None)


def test_an_error_brings_what_it_came_from() -> None:
    found = travelled(linked())

    assert isinstance(found.__cause__, KeyError)
    assert isinstance(found.__context__, OSError)
    assert found.__suppress_context__


def test_a_chain_that_is_a_ring_or_very_long_travels() -> None:
    ring = ValueError("ring")
    ring.__cause__ = KeyError("of two")
    ring.__cause__.__cause__ = ring
    long: Exception = ValueError("0")
    for number in range(5000):
        after = ValueError(str(number))
        after.__context__, long = long, after

    assert travelled(ring).__cause__.__cause__.args == ("ring",)
    assert travelled(long).args == ("4999",)


def test_a_class_of_a_function_comes_back_as_that_class() -> None:
    class LocalError(Exception):
        def __init__(self, code: int, text: str) -> None:
            super().__init__(text)
            self.code = code

    found = travelled(LocalError(3, "text"))

    assert isinstance(found, LocalError)
    assert found.code == 3


def test_what_cannot_be_pickled_is_left_behind_and_a_note_says_so() -> None:
    error = StatusError("slow", response=threading.Lock(), body=[1])
    error.args = ("slow", threading.Lock())

    found = travelled(error)

    assert (type(found), found.body, found.args[0]) == (StatusError, [1], "slow")
    assert not hasattr(found, "response")
    assert "response (lock)" in found.__notes__[0]


def test_a_big_error_keeps_its_type_and_the_beginning_of_its_text() -> None:
    big = StatusError("x" * 10_000_000, response={"status": 429}, body="y" * 10_000_000)
    data = dump_error(big)

    assert data is not None
    assert len(data) <= MOST_BYTES
    found: Any = load_error(data)
    assert type(found) is StatusError
    assert found.response == {"status": 429}
    assert found.args[0].endswith("(cut, 10,000,000 characters)")


def test_a_big_group_keeps_its_first_members() -> None:
    group = ExceptionGroup("many", [ValueError("x" * 1000 + str(n)) for n in range(10_000)])

    found = travelled(group)

    assert len(found.exceptions) == 50
    assert "50 of 10,000" in found.__notes__[0]


def test_an_error_inside_a_value_comes_back_as_it_was() -> None:
    found = load_value(dump_value({"results": [1, StatusError("no", response=1, body=2)]}))

    assert found["results"][1].response == 1


def test_what_runs_code_of_its_own_class_when_it_is_pickled_is_made_without() -> None:
    class RudeError(Exception):
        def __reduce__(self) -> tuple[Any, ...]:
            raise pickle.PicklingError("never")

    assert travelled(RudeError("kept")).args == ("kept",)


def test_a_coroutines_stop_iteration_is_what_the_body_raised() -> None:
    wrapped = RuntimeError("coroutine raised StopIteration")
    wrapped.__cause__ = StopIteration(3)

    assert body_error(wrapped) is wrapped.__cause__
    assert load_error(dump_error(StopIteration(3)) or b"") is None


def test_a_group_is_retried_where_all_in_it_are() -> None:
    both = ExceptionGroup("both", [OSError(), ExceptionGroup("in", [FileNotFoundError()])])

    assert is_one_of(both, (OSError,))
    assert not is_one_of(ExceptionGroup("mixed", [OSError(), ValueError()]), (OSError,))
    assert is_one_of(Outer.InnerError(), (LookupError,))
