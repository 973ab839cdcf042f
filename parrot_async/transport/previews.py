"""Values as people see them: a few words, made in a short time, whatever the value is."""

import reprlib
import threading
import time
from collections.abc import Iterable
from dataclasses import fields, is_dataclass
from itertools import islice
from typing import Any

MOST = 200
"""Characters of a value, or of all arguments of a call."""
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
    """Bounded reprs, which neither sort a big collection nor call a repr that takes its time."""

    def __init__(self) -> None:
        super().__init__()
        self.maxstring = self.maxother = 80
        self.maxlist = self.maxtuple = self.maxdict = self.maxset = self.maxfrozenset = 4

    def repr_dict(self, x: dict[Any, Any], level: int) -> str:
        return super().repr_dict(_some(x), level)

    def repr_set(self, x: set[Any], level: int) -> str:
        return super().repr_set(x if len(x) <= MOST else set(islice(x, self.maxset + 1)), level)

    def repr_frozenset(self, x: frozenset[Any], level: int) -> str:
        few = x if len(x) <= MOST else frozenset(islice(x, self.maxfrozenset + 1))
        return super().repr_frozenset(few, level)

    def repr_bytes(self, x: bytes, level: int) -> str:  # noqa: ARG002 - as reprlib calls it
        return repr(bytes(x[: self.maxstring])) + ("..." if len(x) > self.maxstring else "")

    repr_bytearray = repr_bytes

    def repr_int(self, x: int, level: int) -> str:
        big = f"<int of {x.bit_length():,} bits>"
        return big if x.bit_length() > MOST * 8 else super().repr_int(x, level)

    def repr_instance(self, x: Any, level: int) -> str:
        kind = type(x)
        if (named := _fields(x)) is not None:
            words = (f"{name}={self.repr1(value, level - 1)}" for name, value in named)
            return f"{kind.__qualname__}({', '.join(islice(words, 6))})"
        shape = getattr(x, "shape", None)
        if isinstance(shape, tuple) and _count(shape) > BIG:
            return f"<{kind.__qualname__} {' x '.join(map(str, shape))}>"
        return self._cut(_timely(x))

    def _cut(self, text: str) -> str:
        return text if len(text) <= self.maxother else f"{text[: self.maxother - 3]}..."


def _some(x: dict[Any, Any]) -> dict[Any, Any]:
    return x if len(x) <= MOST else dict(islice(x.items(), 5))


def _count(shape: Iterable[Any]) -> int:
    count = 1
    for size in shape:
        count *= size if isinstance(size, int) else BIG + 1
    return count


def _fields(value: Any) -> list[tuple[str, Any]] | None:
    """Return names and values where the repr would show all of them, however big they are."""
    kind = type(value)
    if is_dataclass(kind):
        return [(f.name, getattr(value, f.name, None)) for f in fields(kind) if f.repr]
    if isinstance(value, tuple) and hasattr(kind, "_fields"):
        return list(zip(kind._fields, value, strict=False))
    return None


def _timely(value: Any) -> str:
    """Return a value's repr; the name of its type where that takes too long."""
    kind = type(value)
    if vars(object)["__repr__"] is getattr(kind, "__repr__", None) or kind in _slow:
        return f"<{kind.__qualname__}>"
    if kind not in _quick:
        return _repr_within_patience(value)
    began = time.perf_counter()
    text = repr(value)
    if time.perf_counter() - began > QUICK:
        _quick.discard(kind)
    return text


def _repr_within_patience(value: Any) -> str:
    """Make a repr in a thread of its own, which is left to itself where it takes too long."""
    kind = type(value)
    found: list[str] = []

    def make() -> None:
        found.append(preview_of_error(value, repr))

    began = time.perf_counter()
    thread = threading.Thread(target=make, name="parrot-repr", daemon=True)
    thread.start()
    thread.join(PATIENCE)
    if not found:
        _slow.add(kind)
        return f"<{kind.__qualname__}>"
    if time.perf_counter() - began < QUICK:
        _quick.add(kind)
    return found[0]


def preview_of_error(value: Any, make: Any) -> str:
    """Return what `make` makes of a value, or which error that raised."""
    try:
        return str(make(value))
    except BaseException as exc:  # noqa: BLE001 - whatever its class's own code does
        return f"<{type(value).__qualname__}, whose repr raised {type(exc).__qualname__}>"


_REPR = _Repr()
_WORD = 1 << 63
_PLAIN = (float, bool, type(None))


def preview(value: Any) -> str:
    """Return a value's repr in at most 200 characters; it never raises, whatever the repr does."""
    kind = type(value)
    if kind is int and -_WORD < value < _WORD:
        return repr(value)
    if kind in _PLAIN or (kind is str and len(value) < _REPR.maxstring - 20):
        return repr(value)
    return preview_of_error(value, _REPR.repr)[:MOST]


def summary(call: tuple[tuple[Any, ...], dict[str, Any]]) -> str:
    """Return the arguments as they are written in a call, in at most 200 characters."""
    args, kwargs = call
    parts = [preview(arg) for arg in args[:MOST]]
    parts += [f"{name}={preview(value)}" for name, value in kwargs.items()]
    return ", ".join(parts)[:MOST]
