"""Tracebacks as people read them: without our own frames, and with those of other processes."""

import asyncio
import concurrent.futures
import linecache
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from traceback import FrameSummary, StackSummary, TracebackException
from types import FrameType, TracebackType
from typing import Any, NamedTuple, TypeVar, cast

from parrot_async.transport.secrets import redact
from parrot_async.transport.sources import function_at, label_of, learn_lines
from parrot_async.transport.text import sendable

T = TypeVar("T")

MOST_FRAMES = 50
"""Frames of one exception that are shown and that travel, the innermost."""
MOST_LINE = 200
"""Characters of a line of source that travels."""
MOST_TEXT = 10_000
"""Characters of functions that travel with one exception; after that it is only their lines."""

_PACKAGE = f"{Path(__file__).parents[1]}{os.sep}"
_BODIES = tuple(f"{_PACKAGE}{name}{os.sep}" for name in ("ai", "ingest"))
"""What runs as jobs of their own: their frames say what went wrong in them."""
_PLUMBING = tuple(
    f"{Path(module.__file__ or '').parent}{os.sep}" for module in (asyncio, concurrent.futures)
)
"""What stands between our frames and a user's, and beside them is as little of use."""


class Frame(NamedTuple):
    """One frame of a traceback, as it travels."""

    file: str
    line: int
    first: int
    """The first line of its function, where IPython begins to show that."""
    name: str
    text: str
    """Its line; of a function in no file, all lines from the first one."""
    label: str
    """What people know the source by where it is in no file."""


def is_ours(file: str) -> bool:
    """Whether code of this file only brings a user's code to run, or to wait."""
    return file.startswith(_PACKAGE) and not file.startswith(_BODIES)


def without_ours(frames: Iterable[T], file_of: Callable[[T], str]) -> list[T]:
    """Return the frames of a traceback without ours, and without asyncio's next to ours."""
    kept: list[T] = []
    between: list[T] = []
    after_ours = False
    for frame in frames:
        file = file_of(frame)
        if is_ours(file):
            between.clear()
            after_ours = True
        elif file.startswith(_PLUMBING):
            if not after_ours:
                between.append(frame)
        else:
            kept += [*between, frame]
            between.clear()
            after_ours = False
    return kept + between


# As text.


class _Stack(StackSummary):
    """Names cells as IPython does."""

    def format_frame_summary(self, frame_summary: FrameSummary, **options: Any) -> str:
        text = super().format_frame_summary(frame_summary, **options)
        label = label_of(frame_summary.filename)
        return text.replace(f'File "{frame_summary.filename}"', label, 1) if label else text


def traceback_text(exc: BaseException, *, ours: bool = False) -> str:
    """Return an exception with its traceback, causes and members, without our frames.

    Where there are no others, it comes without a traceback; with `ours`, for what may be our own
    mistake, with ours.
    """
    whole = TracebackException(type(exc), exc, exc.__traceback__, lookup_lines=False)
    parts = list(_parts(whole))
    stacks = [without_ours(part.stack, _summary_file) for part in parts]
    if ours and not any(stacks):
        stacks = [list(part.stack) for part in parts]
    for part, stack in zip(parts, stacks, strict=True):
        # Without a stack there is no line that says "Traceback".
        cast("Any", part).stack = _Stack(stack[-MOST_FRAMES:]) if stack else None
    return "".join(whole.format())


def _parts(whole: TracebackException) -> Iterator[TracebackException]:
    """Yield an exception, those that led to it, and its members; each once."""
    left = [whole]
    while left:
        one = left.pop()
        yield one
        linked = (one.__cause__, one.__context__, *(one.exceptions or ()))
        left += [part for part in linked if part is not None]


def _summary_file(frame: FrameSummary) -> str:
    return frame.filename


# From one process to another.


def frames_of(exc: BaseException) -> tuple[Frame, ...]:
    """Return the frames of an exception, without ours, with the lines of their source."""
    kept = without_ours(entries(exc.__traceback__), entry_file)[-MOST_FRAMES:]
    frames: list[Frame] = []
    left = MOST_TEXT
    for entry in reversed(kept):
        frames.append(_frame(entry, left))
        left -= len(frames[-1].text)
    return tuple(reversed(frames))


def traceback_of(frames: Sequence[Frame]) -> TracebackType | None:
    """Return a traceback that shows frames of another process; None where there are none."""
    trace: TracebackType | None = None
    for frame in reversed(frames):
        first = frame.first if "\n" in frame.text else frame.line
        learn_lines(frame.file, first, frame.text, frame.label)
        made = _made_frame(frame)
        trace = TracebackType(trace, made, made.f_lasti, frame.line)
    return trace


def _frame(entry: TracebackType, most: int) -> Frame:
    code = entry.tb_frame.f_code
    text = function_at(code.co_filename, code.co_firstlineno)
    if not text or len(text) > most:
        line = linecache.getline(code.co_filename, entry.tb_lineno).rstrip()
        text = redact(line)[:MOST_LINE]
    return Frame(
        sendable(code.co_filename),
        entry.tb_lineno,
        min(code.co_firstlineno, entry.tb_lineno),
        sendable(code.co_name),
        sendable(text),
        label_of(code.co_filename),
    )


_STUB = compile("own_frame()", "", "eval")


_UNITS = len(_STUB.co_code) // 2


def _line_table(lines: int) -> bytes:
    """Return a table that puts all of the stub so many lines below its first, without columns.

    Its format is that of CPython's `Objects/locations.md`: no columns is kind 13, for up to eight
    units of code. With columns, carets would stand under the text of another code.
    """
    table = bytearray()
    for start in range(0, _UNITS, 8):
        table.append(0x80 | 13 << 3 | min(_UNITS - start, 8) - 1)
        rest = 0 if start else lines << 1
        while rest >= 1 << 6:
            table.append(1 << 6 | rest & 63)
            rest >>= 6
        table.append(rest)
    return bytes(table)


def _made_frame(frame: Frame) -> FrameType:
    """Return a frame that looks as one of another process, for what reads tracebacks."""
    code = _STUB.replace(
        co_filename=frame.file,
        co_name=frame.name,
        co_qualname=frame.name,
        co_firstlineno=frame.first,
        co_linetable=_line_table(frame.line - frame.first),
    )
    made: FrameType = eval(code, {"own_frame": sys._getframe})  # noqa: S307, SLF001 - of our own text
    return made


def entries(trace: TracebackType | None) -> Iterator[TracebackType]:
    """Yield the entries of a traceback, the outermost first."""
    while trace is not None:
        yield trace
        trace = trace.tb_next


def entry_file(entry: TracebackType) -> str:
    """Return the file of an entry's code."""
    return entry.tb_frame.f_code.co_filename
