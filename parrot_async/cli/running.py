"""Runs the work of a command: errors become sentences, and Ctrl-C is no error."""

import sys
from collections.abc import Awaitable, Callable
from typing import Any, NoReturn, TypeVar

import click

from parrot_async.errors import JobError, ParrotError

T = TypeVar("T")

FAILED, INTERRUPTED = 1, 130
"""Exit statuses; 130 is that of a program that Ctrl-C ended, as shells have it."""


def run(work: Callable[[], Awaitable[T]]) -> T:
    """Run a coroutine function to its end, and return its result.

    Errors that we raise on purpose, and Ctrl-C, print one sentence and end the process.
    """
    import anyio

    try:
        return anyio.run(work)
    except BaseExceptionGroup as several:
        _end(_only(several))
    except (KeyboardInterrupt, ParrotError, ImportError) as exc:
        _end(exc)


def _only(exc: BaseException) -> BaseException:
    """Return the error that task groups have wrapped, where there is but one."""
    while isinstance(exc, BaseExceptionGroup) and len(exc.exceptions) == 1:
        exc = exc.exceptions[0]
    return exc


def _end(exc: BaseException) -> NoReturn:
    """End the process with what an error says; raise again what nobody raises on purpose."""
    if isinstance(exc, KeyboardInterrupt):
        click.echo("Interrupted.", err=True)
        sys.exit(INTERRUPTED)
    if isinstance(exc, ParrotError):
        fail(_sentence(exc))
    if isinstance(exc, ImportError):
        fail(f"{exc}: install what this command needs with pip install 'parrot-async[ingest]'")
    raise exc


def _sentence(exc: BaseException) -> str:
    if isinstance(exc, JobError) and exc.info is not None:
        return exc.info.message
    return str(exc)


def fail(message: str) -> NoReturn:
    """Print a sentence, and end the process with status 1."""
    click.echo(f"parrot-async: {message}", err=True)
    sys.exit(FAILED)


def given(options: dict[str, Any]) -> dict[str, Any]:
    """Return the options that the user gave."""
    return {name: value for name, value in options.items() if value is not None}
