"""How an exception is made again without its `__init__`: what pickle is told about it."""

from collections.abc import Callable, Iterable, Iterator
from types import GetSetDescriptorType, MemberDescriptorType
from typing import Any, NamedTuple, cast

from parrot_async.transport.frames import Frame, frames_of, traceback_of

MOST_LINKED = 50
"""Exceptions of one pickle that bring their cause and context: a chain may be longer than Python's
stack is deep."""

Reduced = tuple[Callable[..., object], tuple[object, ...], object, None, None, Callable[..., None]]

_NOT_SET = frozenset({"args", "obj", "characters_written", "message", "exceptions"})
"""Fields of builtin exceptions that `__new__` sets, or that are no part of what is told."""


class ExceptionState(NamedTuple):
    """All of an exception but its type and what its type's `__new__` takes."""

    args: tuple[object, ...]
    attributes: dict[str, object]
    """Its `__dict__`, notes included."""
    fields: dict[str, object]
    """Its slots, and what a builtin type keeps outside of `__dict__`."""
    own: Any = None
    """What its own `__reduce__` gave as state."""
    cause: BaseException | None = None
    context: BaseException | None = None
    suppress_context: bool = False
    frames: tuple[Frame, ...] = ()
    """Those in which it was raised; none in an argument of a call."""


def reduced(exc: BaseException, state: ExceptionState) -> Reduced:
    """Return what `pickle` writes of an exception, with this state.

    A class with a `__reduce__` that works is made by that; any other without its `__init__`, which
    may take other arguments than those that are in `args`.
    """
    own = _own_reduce(exc)
    if own is not None:
        make, args, own_state = own
        return make, args, state._replace(own=own_state), None, None, _restore
    return _make, (type(exc), new_arguments(exc, state.args)), state, None, None, _restore


def state_of(exc: BaseException, *, linked: bool = True, traced: bool = True) -> ExceptionState:
    """Return an exception's state.

    Its cause and context only where it is to be `linked`, its frames where it is to be `traced`.
    """
    return ExceptionState(
        args=_arguments(exc),
        attributes=_attributes(exc),
        fields=dict(_fields(exc)),
        cause=exc.__cause__ if linked else None,
        context=exc.__context__ if linked else None,
        suppress_context=exc.__suppress_context__,
        frames=frames_of(exc) if traced else (),
    )


def _arguments(exc: BaseException) -> tuple[object, ...]:
    """Return its `args`; those of a group are what it was made of, whatever its class did."""
    if isinstance(exc, BaseExceptionGroup):
        return exc.message, list(exc.exceptions)
    return exc.args


def _attributes(exc: BaseException) -> dict[str, object]:
    attributes = dict(exc.__dict__)
    if "__notes__" in attributes:
        attributes["__notes__"] = list(attributes["__notes__"])
    return attributes


def _own_reduce(
    exc: BaseException,
) -> tuple[Callable[..., object], tuple[object, ...], object] | None:
    """Return what its class's own `__reduce__` gives; None where it has none that works."""
    if _is_builtin(_definer(type(exc), "__reduce__")) and _definer(type(exc), "__reduce_ex__") in (
        object,
        None,
    ):
        return None
    try:
        values: Any = exc.__reduce_ex__(4)
        make, args, *rest = values
        works = type(make(*args)) is type(exc)
    except Exception:  # noqa: BLE001 - whatever its own code does; then it is made without
        return None
    return (make, args, rest[0] if rest else None) if works else None


def _definer(kind: type, name: str) -> type | None:
    return next((base for base in kind.__mro__ if name in base.__dict__), None)


def _is_builtin(kind: type | None) -> bool:
    return kind is None or kind.__module__ == "builtins"


def _builtin_base(kind: type) -> Any:
    return next(base for base in kind.__mro__ if base.__module__ == "builtins")


def new_arguments(exc: BaseException, args: tuple[object, ...]) -> tuple[object, ...]:
    """Return what the builtin type below an exception's takes, to make it with these `args`."""
    if isinstance(exc, BaseExceptionGroup):
        return exc.message, list(cast("list[Exception]", args[1]))
    if isinstance(exc, OSError) and len(args) == 2 and exc.filename is not None:
        second = () if exc.filename2 is None else (None, exc.filename2)
        return (*args, exc.filename, *second)
    if isinstance(exc, UnicodeEncodeError | UnicodeDecodeError):
        return exc.encoding, exc.object, exc.start, exc.end, exc.reason
    if isinstance(exc, UnicodeTranslateError):
        return exc.object, exc.start, exc.end, exc.reason
    return args


def _make(kind: type[BaseException], args: tuple[object, ...]) -> BaseException:
    """Return an exception of a type, as the builtin type below it makes one."""
    base = _builtin_base(kind)
    made: BaseException = base.__new__(kind, *args)
    try:
        base.__init__(made, *args)
    except (TypeError, ValueError):  # it takes other arguments than those that it was left with
        made.args = args
    return made


def _restore(exc: BaseException, state: ExceptionState) -> None:
    """Give a new exception all that the old one had."""
    if state.own is not None:
        exc.__setstate__(state.own)
    exc.args = state.args
    exc.__dict__.update(state.attributes)
    for name, value in state.fields.items():
        _set(exc, name, value)
    exc.__cause__, exc.__context__ = state.cause, state.context
    exc.__suppress_context__ = state.suppress_context
    exc.__traceback__ = traceback_of(state.frames)


def _set(exc: BaseException, name: str, value: object) -> None:
    try:
        object.__setattr__(exc, name, value)
    except (AttributeError, TypeError):  # it cannot be set: `__new__` has done it
        return


def _fields(exc: BaseException) -> Iterator[tuple[str, object]]:
    """Yield the slots that are set, and what builtin types keep outside of `__dict__`."""
    for name in _field_names(type(exc)):
        value = getattr(exc, name, None)
        if value is not None:
            yield name, value


def _field_names(kind: type) -> Iterable[str]:
    bases = (base for base in kind.__mro__ if base not in (object, BaseException))
    return [name for base in bases for name, field in vars(base).items() if _is_field(name, field)]


def _is_field(name: str, field: object) -> bool:
    kinds = (MemberDescriptorType, GetSetDescriptorType)
    return isinstance(field, kinds) and not name.startswith("__") and name not in _NOT_SET
