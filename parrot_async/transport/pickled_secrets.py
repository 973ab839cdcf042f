"""Secrets in pickles: found, replaced by stars, or marked so that no store keeps them in clear.

A pickle is read as its opcodes say, and never executed.
"""

import json
import pickletools
import re
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from parrot_async.errors import SerializationError
from parrot_async.transport.buffer import holds
from parrot_async.transport.secret_shapes import is_header, names_secret, secrets_in
from parrot_async.transport.secrets import KNOWN, SHORTEST_GIVEN, remember

MARKED = b"\x00parrot: holds secrets\x00"
"""Before a pickle that a store must not keep in clear; no pickle begins so."""
SEALED = b"\x00parrot: sealed\x00"
"""Before what a store keeps instead."""

_SUSPICIOUS = re.compile(
    rb"(?i)passw|secret|passphrase|key|token|authorization|cookie|bearer|basic|://"
)
_HELD = b"_secret_value"
"""The attribute in which pydantic's SecretStr and SecretBytes have their value."""
_HEAD = {"SHORT_BINUNICODE": 2, "BINUNICODE": 5, "BINUNICODE8": 9}
_HEAD |= {"SHORT_BINBYTES": 2, "BINBYTES": 5, "BINBYTES8": 9, "BYTEARRAY8": 9}
"""Opcodes of text and bytes, and how many bytes stand before them."""


class _Written(NamedTuple):
    """A text, or bytes, of a pickle, and where it is written."""

    text: str
    start: int
    end: int


class _Named(NamedTuple):
    """What a pickle has below a name, in a dict, as an attribute, or as a header; or any text."""

    name: str
    value: _Written
    header: bool


def without_secrets(data: bytes) -> bytes:
    """Return the pickle of an exception with stars in place of each secret.

    Replaced are known secrets, passwords of URLs, and what lies below names such as `api_key` or
    in headers such as `x-api-key`. The pickle keeps its length, and so stays one.
    """
    data = KNOWN.mask(data)
    if _SUSPICIOUS.search(data) is None:
        return data
    secrets: set[bytes] = set()
    for name, value, header in _named(data):
        if not name:
            secrets.update(map(_encoded, secrets_in(value.text)))
        elif is_header(name) if header else names_secret(name):
            secrets.add(data[value.start : value.end])
    # The longest first: one may be part of another.
    for secret in sorted(secrets, key=len, reverse=True):
        if len(secret) >= SHORTEST_GIVEN:
            data = data.replace(secret, b"*" * len(secret))
    return data


def marked(data: bytes, inner: bytes | None = None) -> bytes:
    """Return a pickle of arguments or of a function; one that holds secrets gets a mark.

    They are looked for in `inner`, where that is the pickle inside the pickle.

    Secrets are what this process knows, and what is in a SecretStr or in SecretBytes. They go
    beside the pickle, so that the worker knows them too.
    """
    if inner is None:
        inner = data
    else:  # a function, once for all its calls: what was set just now counts
        KNOWN.look()
    secrets = KNOWN.found_in(inner)
    if holds(inner, _HELD):
        secrets.update(value.text for name, value, _ in _named(inner) if name == _HELD.decode())
        remember(secrets)
    if not secrets:
        return data
    beside = json.dumps(sorted(secrets)).encode()
    return MARKED + len(beside).to_bytes(4, "big") + beside + data


def unmarked(data: bytes) -> bytes:
    """Return the pickle without its mark, and know its secrets from now on.

    Raises SerializationError for what was sealed with the key of another service.
    """
    if data.startswith(SEALED):
        raise SerializationError(
            "it holds a secret, which was sealed with the key of another job service: copy"
            " secrets.key from the folder PARROT_HOME of that service, or submit the job again"
        )
    if data.startswith(MARKED):
        start = _start(data)
        remember(json.loads(data[len(MARKED) + 4 : start]))
        return data[start:]
    return data


def as_called(data: bytes) -> bytes:
    """Return the pickle without its mark, which depends on what a process knows."""
    return data[_start(data) :] if data.startswith(MARKED) else data


def _start(data: bytes) -> int:
    """Return where the pickle starts in what is marked."""
    head = len(MARKED)
    return head + 4 + int.from_bytes(data[head : head + 4], "big")


def _named(data: bytes) -> Iterator[_Named]:
    """Yield what a pickle has below names; nothing more after what cannot be read."""
    try:
        yield from _Reader().read(data)
    except (ValueError, IndexError, KeyError):  # not written by a pickler: nobody can load it
        return


def _encoded(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


_MARK = object()
_Item = _Written | object


class _Reader:
    """Follows the stack of a pickle's opcodes, on which only texts have a value."""

    def __init__(self) -> None:
        self._stack: list[_Item] = []
        self._memo: dict[int, _Item] = {}

    def read(self, data: bytes) -> Iterator[_Named]:
        """Yield what the pickle has below names."""
        for opcode, argument, position in pickletools.genops(data):
            taken = self._take(opcode)
            yield from _pairs(opcode.name, taken)
            self._put(opcode, argument, taken, position or 0)
            if opcode.name in _HEAD and isinstance(written := self._stack[-1], _Written):
                yield _Named("", written, header=False)

    def _take(self, opcode: pickletools.OpcodeInfo) -> list[_Item]:
        """Take from the stack what an opcode takes; what lies above a mark, without the mark."""
        if pickletools.markobject not in opcode.stack_before:
            count = len(opcode.stack_before)
            taken = self._stack[len(self._stack) - count :]
            del self._stack[len(self._stack) - count :]
            return taken
        at = max(index for index, item in enumerate(self._stack) if item is _MARK)
        below = opcode.stack_before.index(pickletools.markobject)
        taken = self._stack[at + 1 :]
        del self._stack[at - below :]
        return taken

    def _put(
        self, opcode: pickletools.OpcodeInfo, argument: object, taken: list[_Item], position: int
    ) -> None:
        handle = _OPCODES.get(opcode.name)
        if handle is not None:
            handle(self, argument, taken)
        elif opcode.name in _HEAD:
            self._stack.append(_written(opcode.name, argument, position))
        else:
            self._stack += [object()] * len(opcode.stack_after)

    def mark(self, _argument: object, _taken: list[_Item]) -> None:
        """Put a mark on the stack."""
        self._stack.append(_MARK)

    def memoize(self, argument: Any, taken: list[_Item]) -> None:
        """Note the top of the stack, and leave it there."""
        number = len(self._memo) if argument is None else int(argument)
        self._memo[number] = taken[0] if taken else self._stack[-1]
        self._stack += taken

    def get(self, argument: Any, _taken: list[_Item]) -> None:
        """Put on the stack what was noted."""
        self._stack.append(self._memo[int(argument)])

    def twice(self, _argument: object, taken: list[_Item]) -> None:
        """Put the top of the stack there twice."""
        self._stack += taken * 2


_OPCODES: dict[str, Callable[[_Reader, object, list[_Item]], None]] = {
    "MARK": _Reader.mark,
    "MEMOIZE": _Reader.memoize,
    "DUP": _Reader.twice,
    **dict.fromkeys(("PUT", "BINPUT", "LONG_BINPUT"), _Reader.memoize),
    **dict.fromkeys(("GET", "BINGET", "LONG_BINGET"), _Reader.get),
}


def _written(opcode: str, argument: Any, position: int) -> _Written:
    """Return a text of a pickle, and where it is written."""
    start = position + _HEAD[opcode]
    if isinstance(argument, str):
        return _Written(argument, start, start + len(_encoded(argument)))
    return _Written(bytes(argument).decode("latin-1"), start, start + len(argument))


def _pairs(opcode: str, taken: list[_Item]) -> Iterator[_Named]:
    """Yield names with their values, of what an opcode puts into a dict or into a small tuple."""
    if opcode in {"SETITEM", "SETITEMS", "DICT"}:
        items = taken[1:] if opcode == "SETITEM" else taken
        for name, value in zip(items[::2], items[1::2], strict=False):
            if isinstance(name, _Written) and isinstance(value, _Written):
                yield _Named(name.text, value, header=False)
    elif opcode in {"TUPLE2", "TUPLE3"}:
        first, *_, last = taken
        if isinstance(first, _Written) and isinstance(last, _Written):
            yield _Named(first.text, last, header=True)
    elif opcode == "TUPLE" and len(taken) >= 5:
        yield from _password_of_url(taken)


def _password_of_url(parts: list[_Item]) -> Iterator[_Named]:
    """Yield the password of a URL that was taken apart: scheme, user and password, host, ..."""
    scheme, user = parts[:2]
    if isinstance(scheme, _Written) and isinstance(user, _Written) and ":" in user.text:
        skipped = len(user.text.partition(":")[0].encode()) + 1
        yield _Named("password", user._replace(start=user.start + skipped), header=False)
