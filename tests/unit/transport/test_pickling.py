"""How functions, calls and values travel, and how a function is known again."""

import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from functools import partial, wraps
from pathlib import Path
from types import FunctionType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from parrot_async.errors import OptionsError, SerializationError
from parrot_async.transport.code import innermost
from parrot_async.transport.import_paths import ignore_path
from parrot_async.transport.pickling import (
    code_of,
    dump_call,
    dump_function,
    dump_value,
    hash_of_all,
    hash_of_code,
    load_call,
    load_function,
    load_value,
)
from parrot_async.transport.previews import preview, summary


class Handle:
    """An argument that stands for the result of a job."""

    def __init__(self, job_id: str) -> None:
        self.id = job_id

    def __job_reference__(self) -> str:
        return self.id


class Homeless:
    """A step that is in no plan."""

    def __job_reference__(self) -> str:
        raise OptionsError("not in the same plan")


class Model:
    """A class with a method."""

    def encode(self, text: str) -> str:
        return text


class Wordless:
    """A value whose repr raises."""

    def __repr__(self) -> str:
        raise LookupError("no words")


def iter_nothing() -> Iterator[int]:
    yield from ()


def plus(left: int, right: int = 1) -> int:
    return left + right


def compiled(source: str, filename: str = "<cell>") -> FunctionType:
    """Return the function `f` that a notebook's cell defines."""
    namespace: dict[str, Any] = {"__name__": "__main__"}
    exec(compile(source, filename, "exec"), namespace)  # noqa: S102 - as a notebook does
    found = namespace["f"]
    assert isinstance(found, FunctionType)
    return found


plain = st.none() | st.booleans() | st.integers() | st.text() | st.binary() | st.floats(width=32)
values = st.recursive(
    plain.filter(lambda value: value == value),  # noqa: PLR0124 - not a number is not itself
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner) | st.tuples(inner, inner),
    max_leaves=5,
)


@given(st.lists(values).map(tuple), st.dictionaries(st.text(), values, max_size=3))
def test_arguments_come_back_as_they_went(args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    data, needed = dump_call((args, kwargs))

    assert load_call(data, {}) == (args, kwargs)
    assert needed == ()


def test_a_handle_arrives_as_the_result_of_its_job_wherever_it_stands() -> None:
    call = ((Handle("a"), [1, {"deep": Handle("b")}]), {"named": Handle("a")})

    data, needed = dump_call(call)

    assert needed == ("a", "b")
    arrived = load_call(data, {"a": "A", "b": "B"})
    assert arrived == (("A", [1, {"deep": "B"}]), {"named": "A"})


def test_a_class_whose_objects_are_handles_is_no_handle() -> None:
    data, needed = dump_call(((Handle,), {}))

    assert needed == ()
    assert load_call(data, {}) == ((Handle,), {})


@pytest.mark.parametrize(
    ("args", "kwargs", "culprit"),
    [
        ((1, threading.Lock()), {}, "argument 2, of type lock, cannot be pickled"),
        ((), {"door": threading.Lock()}, "argument door, of type lock, cannot be pickled"),
        (([threading.Lock()],), {}, "argument 1, of type list, cannot be pickled"),
    ],
)
def test_an_argument_that_cannot_be_pickled_is_named(
    args: tuple[Any, ...], kwargs: dict[str, Any], culprit: str
) -> None:
    with pytest.raises(SerializationError, match=culprit):
        dump_call((args, kwargs))


def test_a_step_of_no_plan_says_so_itself() -> None:
    with pytest.raises(OptionsError, match="not in the same plan"):
        dump_call(((Homeless(),), {}))


def test_values_and_exceptions_come_back() -> None:
    error = load_value(dump_value(ValueError("on purpose")))

    assert load_value(dump_value({"a": [1, None]})) == {"a": [1, None]}
    assert (type(error), error.args) == (ValueError, ("on purpose",))


def test_what_only_cloudpickle_takes_comes_back_too() -> None:
    double = load_value(dump_value(lambda number: 2 * number))

    assert double(3) == 6


def test_a_value_that_cannot_be_pickled_is_refused_with_its_type() -> None:
    with pytest.raises(SerializationError, match="a value of type generator cannot be pickled"):
        dump_value(iter_nothing())


def test_what_only_this_script_knows_travels_by_value() -> None:
    # Pickled by name, `__main__.Point` would be looked for in the `__main__` of the reader.
    script = (
        "import sys; from parrot_async.transport.pickling import dump_value\n"
        "class Point:\n    x = 7\n"
        "sys.stdout.buffer.write(dump_value(Point()))"
    )

    data = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True).stdout

    assert load_value(data).x == 7


def test_a_function_of_a_module_travels_by_name() -> None:
    assert load_function(dump_function(plus)[1]) is plus


def test_a_closure_brings_what_it_closes_over() -> None:
    offset = 10

    def moved(number: int) -> int:
        return number + offset

    assert load_function(dump_function(moved)[1])(1) == 11


def test_a_function_that_cannot_be_pickled_says_what_to_do() -> None:
    lock = threading.Lock()

    def locked() -> None:
        lock.acquire()

    with pytest.raises(SerializationError, match=r"locked cannot be pickled: .*open it inside"):
        dump_function(locked)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A folder that this process imports from."""
    monkeypatch.setattr(sys, "path", [*sys.path, str(tmp_path)])
    return str(tmp_path)


def test_a_function_brings_the_folders_that_it_is_imported_from(
    folder: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, data = dump_function(plus)
    monkeypatch.setattr(sys, "path", [path for path in sys.path if path != folder])

    load_function(data)

    assert sys.path[0] == folder


def test_a_folder_that_is_not_here_is_left_out(
    folder: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, data = dump_function(plus)
    monkeypatch.setattr(sys, "path", [path for path in sys.path if path != folder])
    Path(folder).rmdir()

    load_function(data)

    assert folder not in sys.path


def test_an_id_tells_the_code_and_the_folders_apart(folder: str) -> None:
    elsewhere, _ = dump_function(plus)
    ignore_path(folder)

    here, _ = dump_function(plus)

    assert len(here) == 64
    assert elsewhere != here
    assert code_of(elsewhere) == code_of(here)
    assert code_of(dump_function(preview)[0]) != code_of(here)


def test_an_edit_changes_the_hash_of_the_code_and_a_comment_does_not() -> None:
    cells = {
        "first": "def f(a, b=1):\n    return a + b",
        "comment": "# said later\n\ndef f(a, b=1):\n    return a + b  # the sum",
        "edit": "def f(a, b=1):\n    return a - b",
        "default": "def f(a, b=2):\n    return a + b",
        "constant": "def f(a, b=1):\n    return a + b + 0",
        "inner": "def f(a, b=1):\n    return (lambda: a + b)()",
    }

    hashes = {name: hash_of_code(compiled(source)) for name, source in cells.items()}

    assert hashes.pop("comment") == hashes["first"]
    assert len(set(hashes.values())) == len(hashes)


def test_the_hash_of_the_code_is_the_same_in_every_process() -> None:
    source = "def f(word):\n    return word in {'tea', 'milk', 'sugar'}"
    script = (
        "from parrot_async.transport.pickling import hash_of_code\n"
        f"exec({source!r})\nprint(hash_of_code(f))"
    )

    there = subprocess.run(
        [sys.executable, "-c", script], check=True, capture_output=True, text=True
    ).stdout.strip()

    assert there == hash_of_code(compiled(source))


@pytest.mark.parametrize("fn", [len, partial(len, "a"), Model()], ids=["builtin", "partial", "own"])
def test_what_has_no_code_has_no_hash_of_it(fn: Any) -> None:
    assert hash_of_code(fn) == ""


def test_the_whole_hash_ignores_where_the_code_was_typed() -> None:
    source = "def f(a):\n    return a + 1"

    first = hash_of_all(compiled(source, "<cell 1>"))
    moved = hash_of_all(compiled("\n\n\n" + source, "<cell 7>"))

    assert first == moved


def test_the_whole_hash_knows_what_the_function_closes_over() -> None:
    def made(offset: int) -> Callable[[int], int]:
        return lambda number: number + offset

    assert hash_of_all(made(1)) == hash_of_all(made(1))
    assert hash_of_all(made(1)) != hash_of_all(made(2))
    assert hash_of_code(made(1)) == hash_of_code(made(2))


def test_the_innermost_function_is_found() -> None:
    @wraps(plus)
    def wrapper(*args: int) -> int:
        return plus(*args)

    method: Callable[..., Any] = Model().encode

    assert innermost(partial(partial(plus, 1), 2)) is plus
    assert innermost(wrapper) is plus
    assert innermost(method) is Model.encode
    assert innermost(partial(wrapper)) is plus
    assert innermost(len) is len


def test_a_preview_is_short_whatever_the_value() -> None:
    assert preview([1, 2]) == "[1, 2]"
    assert preview(list(range(9))) == "[0, 1, 2, 3, ...]"
    assert len(preview("x" * 10_000)) <= 200
    assert len(preview([["x" * 100] * 10] * 10)) <= 200


@pytest.mark.parametrize("value", [Wordless(), 10**5000], ids=["raises", "too long a number"])
def test_a_preview_of_a_value_without_a_repr_names_its_type(value: object) -> None:
    assert preview(value).startswith(f"<{type(value).__name__}")


def test_a_summary_shows_the_arguments_as_they_are_written() -> None:
    assert summary(((1, "a"), {"right": None})) == "1, 'a', right=None"
    assert summary(((), {})) == ""
    assert len(summary((tuple("x" * 50 for _ in range(50)), {}))) == 200
