"""Whose frames a traceback shows, and what of them another process gets."""

import asyncio
import math
import pickle
import traceback
from collections.abc import Callable
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

import pytest

import parrot_async
from parrot_async.jobs.context import current_job
from parrot_async.jobs.decorator import job
from parrot_async.jobs.options import check_known
from parrot_async.transport.frames import (
    MOST_FRAMES,
    Frame,
    frames_of,
    is_ours,
    traceback_of,
    traceback_text,
)
from parrot_async.transport.outcome import error_info
from parrot_async.transport.pickling import load_value
from parrot_async.transport.waiting import hide_ours

PACKAGE = str(Path(parrot_async.__file__).parent)


def raised(call: Callable[[], object]) -> BaseException:
    """Return what a call raises, with its traceback from here on."""
    with pytest.raises(BaseException) as info:  # noqa: PT011 - the test looks at it
        call()
    return info.value


def fails() -> None:
    raise ValueError("on purpose")


def runs_a_child() -> None:
    current_job().run(fails).result()


async def awaits_a_child() -> None:
    await current_job().run(fails)


def test_our_frames_in_the_middle_of_a_traceback_are_left_out() -> None:
    text = traceback_text(raised(runs_a_child))

    assert "in runs_a_child" in text
    assert "in fails" in text
    assert PACKAGE not in text


def test_so_are_those_of_asyncio_between_ours() -> None:
    text = traceback_text(raised(lambda: asyncio.run(awaits_a_child())))

    assert "in awaits_a_child" in text
    assert "in fails" in text
    assert PACKAGE not in text
    assert "asyncio/futures.py" not in text


def test_a_users_own_way_through_asyncio_stays() -> None:
    async def in_a_thread() -> None:
        await asyncio.to_thread(fails)

    text = traceback_text(raised(lambda: asyncio.run(in_a_thread())))

    assert "in in_a_thread" in text
    assert "asyncio/threads.py" in text


def test_causes_contexts_and_members_of_groups_are_without_our_frames() -> None:
    def wraps() -> None:
        try:
            runs_a_child()
        except ValueError as exc:
            raise ExceptionGroup("group", [raised_here(), KeyError("last")]) from exc

    def raised_here() -> ValueError:
        found = raised(runs_a_child)
        assert isinstance(found, ValueError)
        return found

    text = traceback_text(raised(wraps))

    assert text.count("in runs_a_child") == 2
    assert "direct cause" in text
    assert PACKAGE not in text


def test_a_ring_of_causes_ends() -> None:
    one, other = raised(runs_a_child), raised(fails)
    one.__cause__, other.__cause__ = other, one

    assert "in runs_a_child" in traceback_text(one)


def only_ours(call: Callable[[], object]) -> BaseException:
    """Return what our own code raises, as if nobody else's had called it."""
    exc = raised(call)
    trace = exc.__traceback__
    while trace is not None and not is_ours(trace.tb_frame.f_code.co_filename):
        trace = trace.tb_next
    assert trace is not None
    return exc.with_traceback(trace)


def refuses() -> None:
    check_known({"nonsense": 1})  # type: ignore[typeddict-unknown-key]


def test_an_error_that_we_raise_on_purpose_needs_no_frames() -> None:
    text = traceback_text(only_ours(refuses))

    assert text.startswith("parrot_async.errors.OptionsError: ")
    assert "nonsense" in text


def test_a_mistake_of_ours_keeps_our_frames() -> None:
    mistake = only_ours(lambda: load_value(b""))

    assert "in load_value" in traceback_text(mistake, ours=True)


def test_a_job_without_python_code_needs_no_frames() -> None:
    text = traceback_text(only_ours(lambda: job(math.sqrt)(-1)))

    assert text == "ValueError: math domain error\n"


def module_in(folder: Path, name: str, text: str) -> ModuleType:
    """Import a module from a file that is written for that."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}.py").write_text(text, "utf-8")
    spec = spec_from_file_location(name, folder / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("folder", ["parrot_async", "parrot_async/jobs", "my_parrot_async"])
def test_a_folder_of_the_users_that_is_named_as_ours_stays(tmp_path: Path, folder: str) -> None:
    theirs = module_in(tmp_path / folder, "children", "def breaks():\n    raise KeyError(3)\n")

    text = traceback_text(raised(theirs.breaks))

    assert "in breaks\n    raise KeyError(3)" in text


def test_our_ready_made_jobs_are_shown_as_a_users() -> None:
    assert not is_ours(f"{PACKAGE}/ingest/stages.py")
    assert is_ours(f"{PACKAGE}/jobs/children.py")


def test_frames_come_back_with_file_line_and_source() -> None:
    exc = raised(runs_a_child)

    made = ValueError("elsewhere").with_traceback(traceback_of(load_value(pickled(exc))))

    text = "".join(traceback.format_exception(made))
    assert "in runs_a_child\n    current_job().run(fails).result()\n" in text
    assert 'in fails\n    raise ValueError("on purpose")\nValueError: elsewhere' in text
    assert PACKAGE not in text
    assert "^" not in text


def pickled(exc: BaseException) -> bytes:
    return pickle.dumps(frames_of(exc))


@pytest.mark.parametrize("below", [0, 1, 31, 32, 4_000])
def test_a_frame_may_stand_at_any_line_of_its_function(below: int) -> None:
    frame = Frame("/no/such/file.py", 7 + below, 7, "work", "raise KeyError", "")

    (entry,) = traceback.extract_tb(traceback_of([frame]))
    trace = traceback_of([frame])

    assert (entry.filename, entry.lineno, entry.name) == ("/no/such/file.py", 7 + below, "work")
    assert trace is not None
    assert trace.tb_frame.f_lineno == 7 + below
    assert trace.tb_frame.f_code.co_firstlineno == 7


def test_no_frames_are_no_traceback() -> None:
    assert frames_of(ValueError()) == ()
    assert traceback_of(()) is None


def test_of_a_deep_recursion_the_innermost_frames_are_kept() -> None:
    def deeper(left: int) -> None:
        deeper(left - 1) if left else fails()

    exc = raised(lambda: deeper(200))

    assert len(frames_of(exc)) == MOST_FRAMES
    assert frames_of(exc)[-1].name == "fails"
    assert "in fails" in error_info(exc).traceback


def test_a_secret_in_a_line_of_source_does_not_travel(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FRAMES_API_KEY", "on purpose-4711")

    def tells() -> None:
        raise ValueError("on purpose-4711")

    assert "4711" not in str(frames_of(raised(tells)))


def test_an_error_on_its_way_out_loses_our_frames() -> None:
    exc = raised(runs_a_child)

    hide_ours(exc)

    assert PACKAGE not in "".join(traceback.format_exception(exc))
    assert "in fails" in "".join(traceback.format_exception(exc))


def test_a_mistake_of_ours_keeps_its_frames_on_its_way_out() -> None:
    exc = only_ours(lambda: load_value(b""))

    hide_ours(exc)

    assert "in load_value" in "".join(traceback.format_exception(exc))
