"""Text that every event, store and terminal can take, whatever a user's own code gave."""

import threading
from collections.abc import Callable
from typing import Any

LONGEST_STEP = 2000
"""Characters of a step, or of an API's name, that are kept."""

_QUALNAME: Any = type.__dict__["__qualname__"]


def sendable(text: str) -> str:
    """Return a text with its lone surrogates and NULs escaped; any other is returned as it is.

    `os.listdir` gives a lone surrogate for each byte of a file's name that is no UTF-8: no JSON
    can carry it. PostgreSQL takes no NUL.
    """
    if type(text) is not str:
        text = str.__str__(text)  # a subclass has methods of its own
    if not text.isascii():
        text = text.encode("utf-8", "backslashreplace").decode("utf-8")
    return text.replace("\0", "\\x00") if "\0" in text else text


def is_sendable(text: str) -> bool:
    """Return whether a text can be sent as it is."""
    return type(text) is str and sendable(text) == text


def text_of(value: object, longest: int = LONGEST_STEP) -> str:
    """Return `str(value)`, sendable and cut; never raises, whatever the value's own code does."""
    if type(value) is str:
        return sendable(value[:longest])
    return guarded(str, value, longest)


def guarded(make: Callable[[Any], str], value: object, longest: int) -> str:
    """Return the text that `make` makes of a value, sendable and cut; what it raises is named."""
    try:
        return sendable(str.__getitem__(make(value), slice(longest)))
    except BaseException as exc:
        if is_interrupt(exc):
            raise
        name = getattr(make, "__name__", "text")
        return f"<{type_name(value)}, whose {name} raised {type_name(exc)}>"


def is_interrupt(exc: BaseException) -> bool:
    """Return whether a person interrupts this process; no job runs in the main thread."""
    in_main = threading.current_thread() is threading.main_thread()
    return isinstance(exc, KeyboardInterrupt) and in_main


def type_name(value: object) -> str:
    """Return the name of a value's type, past what its metaclass says."""
    return sendable(_QUALNAME.__get__(type(value)))
