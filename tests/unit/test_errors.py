"""The tree of errors: all are named, drawn and picklable, and are what the tree says."""

import copy
import pickle
import re
from collections.abc import Iterator
from typing import TypeVar

import pytest

from parrot_async import errors
from parrot_async.errors import (
    ErrorInfo,
    JobError,
    KeyTakenError,
    LeaseLostError,
    ParrotError,
    error_name,
)

E = TypeVar("E", bound=ParrotError)

DRAWN = re.compile(r"^    ([│├└─ ]*)(\w+Error)\b", re.MULTILINE)
INFO = ErrorInfo("exception", "broken", "ValueError", "Traceback ...", ("ValueError",))


def tree_of(kind: type[ParrotError]) -> Iterator[type[ParrotError]]:
    yield kind
    for below in kind.__subclasses__():
        yield from tree_of(below)


def travelled(error: E) -> E:
    """The error as it arrives in another process."""
    again: E = pickle.loads(pickle.dumps(error))  # noqa: S301 - our own
    return again


ALL = [kind for kind in tree_of(ParrotError) if kind.__module__ == errors.__name__]


def drawn() -> dict[str, str | None]:
    """The names in the module's docstring, and below which one each of them is drawn."""
    parents: list[str] = []
    found: dict[str, str | None] = {}
    for lines, name in DRAWN.findall(errors.__doc__ or ""):
        depth = len(lines) // 4
        del parents[depth:]
        found[name] = parents[-1] if parents else None
        parents.append(name)
    return found


def test_the_tree_is_drawn_as_it_is() -> None:
    of_classes = {
        kind.__name__: next(
            (base.__name__ for base in kind.__bases__ if issubclass(base, ParrotError)), None
        )
        for kind in ALL
    }

    assert drawn() == of_classes


def test_every_class_of_the_module_is_in_the_tree() -> None:
    classes = [value for value in vars(errors).values() if isinstance(value, type)]

    raised = {kind for kind in classes if issubclass(kind, BaseException)}

    assert raised == set(ALL)


@pytest.mark.parametrize("kind", ALL)
def test_a_name_ends_in_error_and_the_class_says_what_it_means(kind: type[ParrotError]) -> None:
    assert kind.__name__.endswith("Error")
    assert (kind.__doc__ or "").strip().endswith(".")


@pytest.mark.parametrize("kind", ALL)
def test_what_the_drawing_says_of_builtin_errors_is_so(kind: type[ParrotError]) -> None:
    (line,) = re.findall(rf"[─ ]*\b{kind.__name__} .*", errors.__doc__ or "") or [""]
    also = re.search(r"\(also an? (\w+)\)", line)

    assert also is None or also[1] in {base.__name__ for base in kind.__mro__}


@pytest.mark.parametrize("kind", ALL)
def test_an_error_travels_between_processes(kind: type[ParrotError]) -> None:
    error = kind("what to do next")
    error.add_note("where it was")

    again = travelled(error)

    assert type(again) is kind
    assert str(again) == "what to do next"
    assert again.__notes__ == ["where it was"]


@pytest.mark.parametrize("kind", list(tree_of(JobError)))
def test_the_error_of_a_job_travels_with_its_id_and_its_record(kind: type[JobError]) -> None:
    error = kind("it failed", "root.1", INFO)

    again = travelled(error)

    assert (str(again), again.job_id, again.info) == ("it failed", "root.1", INFO)


def test_errors_of_the_store_travel_with_what_they_name() -> None:
    lost = travelled(LeaseLostError("gone", ("a", "b")))
    taken = travelled(KeyTakenError("taken", "nightly", "a.1"))

    assert lost.root_ids == ("a", "b")
    assert (str(taken), taken.key, taken.job_id) == ("taken", "nightly", "a.1")


def test_the_record_of_an_error_cannot_be_changed() -> None:
    with pytest.raises(AttributeError):
        copy.copy(INFO).message = "another"  # type: ignore[misc]


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        (ValueError, "ValueError"),
        (JobError, "parrot_async.errors.JobError"),
        (re.error, f"re.{re.error.__name__}"),
    ],
)
def test_an_errors_name_is_that_of_its_module_but_for_builtins(kind: type, name: str) -> None:
    assert error_name(kind) == name
