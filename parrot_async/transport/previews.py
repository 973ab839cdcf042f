"""Values as people see them: a few words, made in a short time, whatever the value is."""

import reprlib
import threading
import time
from collections import deque
from collections.abc import Iterable
from contextvars import copy_context
from dataclasses import fields, is_dataclass
from itertools import islice
from typing import Any

from parrot_async.transport.secrets import redact
from parrot_async.transport.text import guarded, sendable

MOST = 200
"""Characters of a value, or of all arguments of a call."""
MOST_SEARCHED = 10_000
"""Characters of a text in which secrets are looked for before it is cut."""
PATIENCE = 0.1
"""Seconds that the repr of a type may take which was not seen before."""
QUICK = 0.005
"""Seconds: a type whose repr takes less is asked for it at once the next time."""
BIG = 1000
"""Elements of an array whose repr is not made."""

_slow: set[type] = set()
"""Types that are shown by their name only."""
_quick: set[type] = set()


class _Repr(reprlib.Repr):
    """Bounded reprs, which neither sort a big collection nor call a repr that takes its time.

    Secrets are hidden before a text is cut, since half of one is not found any more.
    """

    def __init__(self) -> None:
        super().__init__()
        self.maxstring = self.maxother = 80
        self.maxlist = self.maxtuple = self.maxdict = self.maxset = self.maxfrozenset = 4

    def repr_dict(self, x: dict[object, object], level: int) -> str:
        return super().repr_dict(_some(x), level)

    def repr_set(self, x: set[object], level: int) -> str:
        return super().repr_set(x if len(x) <= MOST else set(islice(x, self.maxset + 1)), level)

    def repr_frozenset(self, x: frozenset[object], level: int) -> str:
        few = x if len(x) <= MOST else frozenset(islice(x, self.maxfrozenset + 1))
        return super().repr_frozenset(few, level)

    def repr_str(self, x: str, level: int) -> str:
        return super().repr_str(redact(_ends(x)), level)

    def repr_bytes(self, x: bytes, level: int) -> str:  # noqa: ARG002 - as reprlib calls it
        return self._cut(redact(repr(bytes(x[:MOST_SEARCHED]))))

    repr_bytearray = repr_bytes

    def repr_int(self, x: int, level: int) -> str:
        big = f"<int of {x.bit_length():,} bits>"
        return big if x.bit_length() > MOST * 8 else super().repr_int(x, level)

    def repr_instance(self, x: object, level: int) -> str:
        kind = type(x)
        if (named := _fields(x)) is not None:
            words = (f"{name}={self.repr1(value, level - 1)}" for name, value in named)
            # A secret may stand beside its name.
            return redact(f"{kind.__qualname__}({', '.join(islice(words, 6))})")
        shape = getattr(x, "shape", None)
        if isinstance(shape, tuple) and _count(shape) > BIG:
            return f"<{kind.__qualname__} {' x '.join(map(str, shape))}>"
        return self._cut(redact(_timely(x)))

    def _cut(self, text: str) -> str:
        return text if len(text) <= self.maxother else f"{text[: self.maxother - 3]}..."


def _ends(text: str) -> str:
    """Return the beginning and the end of a long text."""
    if len(text) <= MOST_SEARCHED:
        return text
    return text[: MOST_SEARCHED // 2] + text[-MOST_SEARCHED // 2 :]


def _some(x: dict[object, object]) -> dict[object, object]:
    return x if len(x) <= MOST else dict(islice(x.items(), 5))


def _count(shape: Iterable[object]) -> int:
    count = 1
    for size in shape:
        count *= size if isinstance(size, int) else BIG + 1
    return count


def _fields(value: object) -> list[tuple[str, object]] | None:
    """Return names and values where the repr would show all of them, however big they are."""
    kind = type(value)
    if is_dataclass(kind) and hasattr(kind.__repr__, "__wrapped__"):  # no repr of its own
        return [(f.name, getattr(value, f.name, None)) for f in fields(kind) if f.repr]
    if isinstance(value, tuple) and hasattr(kind, "_fields"):
        return list(zip(kind._fields, value, strict=False))
    return None


def _timely(value: object) -> str:
    """Return a value's repr; the name of its type where that takes too long."""
    kind = type(value)
    if vars(object)["__repr__"] is getattr(kind, "__repr__", None) or kind in _slow:
        return f"<{kind.__qualname__}>"
    if kind not in _quick:
        return _repr_within_patience(value)
    began = time.perf_counter()
    text = guarded(repr, value, MOST_SEARCHED)
    if time.perf_counter() - began > QUICK:
        _quick.discard(kind)
    return text


def _repr_within_patience(value: object) -> str:
    """Make a repr in a thread of its own, which is left to itself where it takes too long."""
    kind = type(value)
    found: list[str] = []

    def make() -> None:
        found.append(guarded(repr, value, MOST_SEARCHED))

    began = time.perf_counter()
    run = copy_context().run  # a repr may look at what is being shown around it
    thread = threading.Thread(target=run, args=(make,), name="parrot-repr", daemon=True)
    thread.start()
    thread.join(PATIENCE)
    if not found:
        _slow.add(kind)
        return f"<{kind.__qualname__}>"
    if time.perf_counter() - began < QUICK:
        _quick.add(kind)
    return found[0]


_REPR = _Repr()
_WORD = 1 << 63
_PLAIN = (float, bool, type(None))
_CONTAINERS = (dict, list, tuple, set, frozenset, deque)


def preview(value: Any) -> str:
    """Return a value's repr in at most 200 characters; it never raises, whatever the repr does."""
    kind = type(value)
    if kind is int and -_WORD < value < _WORD:
        return repr(value)
    if kind in _PLAIN:
        return repr(value)
    if kind is str and len(value) < _REPR.maxstring - 20:
        return repr(redact(value))[:MOST]
    text = guarded(_REPR.repr, value, MOST_SEARCHED)
    # Other types have none left; in these, a secret may stand beside its name.
    return redact(text)[:MOST] if kind in _CONTAINERS else text[:MOST]


def summary(call: tuple[tuple[object, ...], dict[str, object]]) -> str:
    """Return the arguments as they are written in a call, in at most 200 characters."""
    args, kwargs = call
    parts = [preview(arg) for arg in args[:MOST]]
    parts += [f"{name}={preview(value)}" for name, value in kwargs.items()]
    text = sendable(", ".join(parts))
    return redact(text)[:MOST] if kwargs else text[:MOST]  # password='...' is one by its name
