"""A command's work, run to its end: errors are sentences, and Ctrl-C is no error."""

import sys
from collections.abc import Awaitable, Callable
from typing import Any, NoReturn, TypeVar

import click

from parrot_async.errors import JobError, ParrotError

T = TypeVar("T")

FAILED, INTERRUPTED = 1, 130


def run(work: Callable[[], Awaitable[T]]) -> T:
    """Run to the end; every error on purpose is one sentence, and Ctrl-C is no error."""
    import anyio

    try:
        return anyio.run(work)
    except KeyboardInterrupt:
        click.echo("Interrupted.", err=True)
        sys.exit(INTERRUPTED)
    except ParrotError as exc:
        fail(_sentence(exc))
    except ImportError as exc:
        fail(f"{exc}: install what this command needs with pip install 'parrot-async[ingest]'")


def _sentence(exc: BaseException) -> str:
    if isinstance(exc, JobError) and exc.info is not None:
        return exc.info.message
    return str(exc)


def fail(message: str) -> NoReturn:
    """End with this sentence, and with status 1."""
    click.echo(f"parrot-async: {message}", err=True)
    sys.exit(FAILED)


def given(options: dict[str, Any]) -> dict[str, Any]:
    """Return the options that were given at all."""
    return {name: value for name, value in options.items() if value is not None}
