"""What a body raised, as bytes: whole where it can be pickled and is small, else what is left."""

from collections.abc import Callable
from contextlib import suppress
from typing import Any

from parrot_async.errors import SerializationError
from parrot_async.transport.exceptions import ExceptionState
from parrot_async.transport.pickled_secrets import without_secrets
from parrot_async.transport.pickling import dump_value, load_value
from parrot_async.transport.previews import preview
from parrot_async.transport.secrets import KNOWN, redact
from parrot_async.transport.text import is_interrupt

MOST_BYTES = 256 * 1024
"""Bytes of one exception, beside its event; a bigger one is cut."""
MOST_TEXT = 2000
"""Characters of each text in an exception that is cut."""
MOST_SEARCHED = 10 * MOST_TEXT
"""Characters of such a text in which secrets are looked for before it is cut."""
MOST_ATTRIBUTE = 4096
"""Bytes of anything else in an exception that is cut."""
MOST_MEMBERS = 50
"""Exceptions of a group that is cut."""


def dump_error(exc: BaseException) -> bytes | None:
    """Pickle an exception, with stars in place of each secret; None where that cannot be done.

    None as well where its text would end the process of whoever prints it. Of one that cannot be
    pickled, or is too big, come its type and what of its arguments, attributes, cause and context
    can; its notes say what is missing.
    """
    try:
        with suppress(Exception):
            str(exc)
        return _dumped(exc)
    except BaseException as raised:  # whatever its class's own code raises
        if is_interrupt(raised):
            raise
        return None


def _dumped(exc: BaseException) -> bytes | None:
    for cut in (None, _picklable, _small, _alone):
        try:
            data = dump_value(exc, cut)
        except SerializationError:
            continue
        if len(data) <= MOST_BYTES:
            return without_secrets(data)
    return None


def load_error(data: bytes) -> Exception | None:
    """Return the exception; None where it cannot be made here, or is none to be raised here.

    SystemExit would end this process. A coroutine cannot raise StopIteration: the caller would get
    a RuntimeError that names no job.
    """
    try:
        found = load_value(data)
    except BaseException as exc:  # whatever its class's own code does
        if is_interrupt(exc):
            raise
        return None
    raisable = isinstance(found, Exception) and not isinstance(
        found, StopIteration | StopAsyncIteration
    )
    return found if raisable else None


def body_error(exc: BaseException) -> BaseException:
    """Return what a body raised: Python puts a RuntimeError around a coroutine's StopIteration."""
    cause = exc.__cause__
    if type(exc) is RuntimeError and isinstance(cause, StopIteration | StopAsyncIteration):
        return cause
    return exc


def is_one_of(exc: BaseException, kinds: tuple[type[BaseException], ...]) -> bool:
    """Return whether an exception is of one of these types; of a group, whether all in it are."""
    if isinstance(exc, kinds):
        return True
    return isinstance(exc, BaseExceptionGroup) and all(is_one_of(e, kinds) for e in exc.exceptions)


def _picklable(exc: BaseException, state: ExceptionState) -> ExceptionState:
    """Leave out what cannot be pickled."""
    return _kept(exc, state, lambda value: value, _can_travel)


def _small(exc: BaseException, state: ExceptionState) -> ExceptionState:
    """Leave out what is big as well."""
    if isinstance(exc, BaseExceptionGroup) and len(exc.exceptions) > MOST_MEMBERS:
        said = f"the first {MOST_MEMBERS} of {len(exc.exceptions):,} exceptions"
        notes = [*getattr(exc, "__notes__", ()), said]
        state.attributes["__notes__"] = notes
        state = state._replace(args=(exc.message, list(exc.exceptions[:MOST_MEMBERS])))
    return _kept(exc, state, _short, lambda value: _can_travel(value, MOST_ATTRIBUTE))


def _alone(exc: BaseException, state: ExceptionState) -> ExceptionState:
    """Leave out cause and context as well."""
    return _small(exc, state)._replace(cause=None, context=None)


def _can_travel(value: object, most: float = float("inf")) -> bool:
    try:
        return len(dump_value(value)) <= most
    except SerializationError:
        return False


def _kept(
    exc: BaseException,
    state: ExceptionState,
    short: Callable[[object], object],
    can_travel: Callable[[object], bool],
) -> ExceptionState:
    """Return a state of what `can_travel`, texts made `short` before, and a note of the rest."""
    missing: list[str] = []

    def kept(values: dict[str, object]) -> dict[str, object]:
        found = {name: short(value) for name, value in values.items()}
        bad = [name for name, value in found.items() if not can_travel(value)]
        missing.extend(f"{name} ({type(found[name]).__qualname__})" for name in bad)
        return {name: value for name, value in found.items() if name not in bad}

    values: dict[str, Any] = {**state.attributes}
    notes = [short(note) for note in values.pop("__notes__", ())]
    attributes, fields = kept(values), kept(state.fields)
    if missing:
        notes.append(f"too big, or not to be pickled, and left behind: {', '.join(missing)}")
    if notes:
        attributes["__notes__"] = notes
    args = state.args
    if not isinstance(exc, BaseExceptionGroup):
        shortened = map(short, args)
        args = tuple(value if can_travel(value) else preview(value) for value in shortened)
    return state._replace(args=args, attributes=attributes, fields=fields)


def _short(value: object) -> object:
    """Return a text, or bytes, of at most MOST_TEXT, and anything else as it is.

    A cut might leave half of a secret, which nobody would find: they are hidden before.
    """
    if isinstance(value, str) and len(value) > MOST_TEXT:
        shown = redact(value[:MOST_SEARCHED])[:MOST_TEXT]
        return f"{shown}... (cut, {len(value):,} characters)"
    if isinstance(value, bytes | bytearray) and len(value) > MOST_TEXT:
        masked = KNOWN.mask(bytes(value[:MOST_SEARCHED])).decode("latin-1")
        return redact(masked).encode("latin-1")[:MOST_TEXT]
    return value
