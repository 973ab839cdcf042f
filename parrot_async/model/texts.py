"""What may be written into a job's options or a queue: texts and numbers that can travel."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from pydantic import ValidationError

from parrot_async.errors import OptionsError

LONGEST: Mapping[str, int] = {
    "title": 1_000,
    "key": 1_000,
    "queue": 200,
    "name": 200,
    "pool": 200,
    "description": 100_000,
    "prompt": 1_000_000,
}
"""Characters that each text may have: all are kept in memory and in the store."""
NEVER_EMPTY = frozenset({"key", "queue", "name"})
FURTHEST = 1_000_000
"""The largest priority; its negative is the smallest one."""


def check_texts(**texts: object) -> None:
    """Raise OptionsError for the first of these options that no job or queue can have."""
    for name, text in texts.items():
        if text is not None:
            _check_text(name, text)


def _check_text(name: str, text: object) -> None:
    if not isinstance(text, str):
        raise OptionsError(f"{name} is a text, not {type(text).__qualname__}")
    if not text and name in NEVER_EMPTY:
        raise OptionsError(f"{name} is empty: give it at least one character, or leave it out")
    if len(text) > LONGEST[name]:
        raise OptionsError(
            f"{name} has {len(text):,} characters and may have {LONGEST[name]:,}: pass what is "
            "longer as an argument of the job, or in a file"
        )
    if not is_sendable(text):
        raise OptionsError(
            f"{name} {text[:80]!a} holds a NUL or a lone surrogate, as a file name of another "
            "encoding does: write text.encode('utf-8', 'backslashreplace').decode()"
        )


def is_sendable(text: str) -> bool:
    """Return whether a text has a form in UTF-8 that every store takes."""
    try:
        return b"\0" not in text.encode()
    except UnicodeEncodeError:
        return False


def check_priority(priority: object) -> None:
    """Raise OptionsError for what is no priority, or one that is out of range."""
    is_fine = priority is None or (isinstance(priority, int) and abs(priority) <= FURTHEST)
    if not is_fine:
        wanted = f"a whole number from -{FURTHEST:,} to {FURTHEST:,}"
        raise OptionsError(f"priority is {wanted}, not {repr(priority)[:40]}")


def check_limit(limit: int) -> None:
    """Raise OptionsError for a number of rows that is less than one."""
    if limit < 1:
        raise OptionsError(f"limit={limit} gives no row: ask for at least 1")


@contextmanager
def validated(what: str) -> Iterator[None]:
    """Raise OptionsError, which names the option, for what pydantic finds wrong."""
    try:
        yield
    except ValidationError as exc:
        first = exc.errors(include_url=False)[0]
        option = ".".join(str(part) for part in first["loc"]) or "an option"
        message = f"{what}: {option}={first['input']!r} makes no sense: {first['msg']}"
        raise OptionsError(message) from None
