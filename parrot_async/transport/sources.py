"""The source of functions that are in no file: it travels with them, for tracebacks to show.

Such are the cells of a notebook, the lines of a Python prompt, `python -c` and doctests. Python
looks for the source of code in `linecache` by the name of its file, which is where it is found in
the process that has it, and put in all others.
"""

import inspect
import io
import linecache
import sys
import tokenize
from collections import OrderedDict
from collections.abc import Iterable, Iterator
from functools import lru_cache
from hashlib import sha256
from threading import Lock
from types import CodeType
from typing import Any, NamedTuple

from parrot_async.transport.secrets import redact

MOST_TEXT = 32 * 1024
"""Characters of functions of one source that travel; those below have no lines elsewhere."""
MOST_SOURCES = 1000
"""Sources that a process keeps, the latest."""
MOST_FUNCTION = 2_000
"""Characters of one function, where only that travels."""
MOST_LINES = 10_000
"""The last line of a source of which only some lines are known."""

Entry = tuple[int, None, list[str], str]
"""What `linecache` has of a source that is in no file."""


class Source(NamedTuple):
    """A source, as it travels."""

    name: str
    """What code of it has as its file's name; no other source has the same."""
    label: str
    """What people know it by, as Python begins a line of a traceback: `Cell In[2]`."""
    text: str


class _Kept(NamedTuple):
    entry: Entry
    """What `linecache` had when it was found here, or was given."""
    source: Source
    given: bool
    """Whether `linecache` has it from here."""


_kept: OrderedDict[str, _Kept] = OrderedDict()
"""By the names that code has for them."""
_missing: set[str] = set()
"""Names in which nothing was found; they never get a source later."""
_lock = Lock()


def source_of(code: CodeType) -> Source | None:
    """Return the source of code that is in no file; None where it is in one, or is not known."""
    name = code.co_filename
    if name == "<string>" and not _is_of_command(code):
        return None  # what was compiled while the program ran has the same name
    entry = linecache.cache.get(name)
    kept = _kept.get(name)
    if kept is not None and (entry is kept.entry or (entry is None and kept.given)):
        return kept.source
    if entry is not None:
        return _found(name, entry) if len(entry) == 4 and entry[1] is None else None
    if name in _missing or not name.startswith("<"):
        return None
    is_command = name == "<string>"
    lines = _command().splitlines(keepends=True) if is_command else _interactive(code)
    if not lines:
        _note_missing(name)
        return None
    return _found(name, (0, None, lines, name))


def excerpt(source: Source, firsts: frozenset[int]) -> Source | None:
    """Return a source as it travels: with the functions that begin at these lines alone.

    What else is in a cell is nobody's affair elsewhere. None where a secret spans several lines.
    """
    text = _excerpt(source.text, firsts)
    return None if text is None else source._replace(text=text)


@lru_cache(maxsize=256)
def _excerpt(text: str, firsts: frozenset[int]) -> str | None:
    lines: list[str] = []
    left = MOST_TEXT
    for first in sorted(firsts):
        block = _block(text, first)[len(lines) - first + 1 if len(lines) >= first else 0 :]
        left -= sum(map(len, block))
        if left < 0:
            break
        lines += ["\n"] * (first - 1 - len(lines)) + block
    return _without_secrets("".join(lines))


def _without_secrets(text: str) -> str | None:
    shown = redact(text)
    return shown if shown.count("\n") == text.count("\n") else None


def learn(sources: Iterable[Source]) -> None:
    """Have tracebacks of this process show sources that came from another one."""
    for source in sources:
        _merge(source.name, source.label, 1, source.text.splitlines(keepends=True))


def learn_lines(name: str, first: int, text: str, label: str) -> None:
    """Have tracebacks show some lines of a source, or of a file, that this process has not."""
    if 0 < first <= MOST_LINES:
        mark = "" if _is_whole(text) else "# "
        _merge(name, label, first, [f"{mark}{line}\n" for line in text.splitlines()])


def _merge(name: str, label: str, first: int, new: list[str]) -> None:
    """Add lines to what came of a source before; what this process has by itself stays."""
    kept = _kept.get(name)
    if not kept.given if kept is not None else linecache.getlines(name):
        return
    old = [] if kept is None else kept.entry[2]
    lines = old + ["\n"] * (first - 1 + len(new) - len(old))
    for place, line in enumerate(new, first - 1):
        if not lines[place].strip():
            lines[place] = line
    if lines != old:
        _give(name, Source(name, label, "".join(lines)), lines)


def _is_whole(text: str) -> bool:
    """Whether lines can be read without those after them; IPython trips over others."""
    try:
        return all(tokenize.generate_tokens(io.StringIO(f"{text}\n").readline))
    except (tokenize.TokenError, SyntaxError):
        return False


def function_at(name: str, first: int) -> str:
    """Return the lines of a function in no file, which begins at this line; "" without, or big."""
    kept = _kept.get(name)
    text = "" if kept is None else "".join(_block(kept.source.text, first))
    return (_without_secrets(text) or "") if len(text) <= MOST_FUNCTION else ""


@lru_cache(maxsize=1024)
def _block(text: str, first: int) -> list[str]:
    """Return the lines of the function that begins at a line; [] where there is none."""
    try:
        return inspect.getblock(text.splitlines(keepends=True)[first - 1 :])
    except (tokenize.TokenError, SyntaxError, IndexError):
        return []


def label_of(name: str) -> str:
    """Return what people know the source of this name by; "" for a file, or an unknown one."""
    kept = _kept.get(name)
    return "" if kept is None else kept.source.label


def _found(name: str, entry: Any) -> Source:
    """Return a source of this process."""
    text = "".join(entry[2])
    label = _cell(name)
    source = Source(name, label, text)
    if not label and name.startswith("<"):
        # Every process has a `<stdin>`: a worker must not show the lines of another one's.
        unique = f"{name[:-1]} {sha256(text.encode('utf-8', 'replace')).hexdigest()[:12]}>"
        source = Source(unique, f'File "{name}"', text)
        _give(unique, source, list(entry[2]))
    _keep(name, _Kept(entry, source, given=False))
    return source


def _cell(name: str) -> str:
    """Return what IPython calls a cell in its tracebacks; "" for what is none."""
    ipython = sys.modules.get("IPython")
    shell = None if ipython is None else ipython.get_ipython()
    if shell is None or not hasattr(shell.compile, "format_code_name"):
        return ""
    return " ".join(shell.compile.format_code_name(name) or ())


def _give(name: str, source: Source, lines: list[str]) -> None:
    # Without a time of change, `linecache.checkcache` leaves an entry alone.
    entry: Entry = (sum(map(len, lines)), None, lines, name)
    linecache.cache[name] = entry
    _keep(name, _Kept(entry, source, given=True))


def _keep(name: str, kept: _Kept) -> None:
    with _lock:
        _kept[name] = kept
        _kept.move_to_end(name)
        while len(_kept) > MOST_SOURCES:
            old, dropped = _kept.popitem(last=False)
            if dropped.given and linecache.cache.get(old) is dropped.entry:
                del linecache.cache[old]


def _note_missing(name: str) -> None:
    if len(_missing) >= MOST_SOURCES:
        _missing.clear()
    _missing.add(name)


# Sources that `linecache` does not have by their names.


def _interactive(code: CodeType) -> list[str]:
    """Return the lines of a doctest, or of a prompt of newer Pythons; [] where they are gone."""
    try:
        return inspect.findsource(code)[0]
    except (OSError, TypeError, IndexError):
        return []


def _command() -> str:
    """Return the program of `python -c`; "" in a process that has none."""
    given = sys.orig_argv
    return given[given.index("-c") + 1] if "-c" in given[:-1] else ""


def _is_of_command(code: CodeType) -> bool:
    """Whether code is a function of the program of `python -c`."""
    return (code.co_qualname, code.co_firstlineno) in _functions_in(_command())


@lru_cache(maxsize=1)
def _functions_in(text: str) -> frozenset[tuple[str, int]]:
    try:
        return frozenset(_all_inside(compile(text, "<string>", "exec", dont_inherit=True)))
    except (SyntaxError, ValueError):  # another program's `-c`
        return frozenset()


def _all_inside(code: CodeType) -> Iterator[tuple[str, int]]:
    for inner in code.co_consts:
        if isinstance(inner, CodeType):
            yield inner.co_qualname, inner.co_firstlineno
            yield from _all_inside(inner)
