"""What who waits for a job sees when the wait ends by an error: that error, and no code of ours."""

from asyncio import CancelledError
from collections.abc import Callable
from types import CodeType, TracebackType
from typing import ParamSpec, TypeVar

from parrot_async.errors import ParrotError
from parrot_async.transport.frames import entries, entry_file, without_ours

P = ParamSpec("P")
T = TypeVar("T")

_DELIBERATE: set[CodeType] = set()


def raises_what_jobs_raised(fn: Callable[P, T]) -> Callable[P, T]:
    """Mark a function of ours whose errors are no mistakes of ours, without any cost."""
    _DELIBERATE.add(fn.__code__)
    return fn


def hide_ours(exc: BaseException) -> None:
    """Drop our frames of an exception on its way out, unless it is our own mistake.

    What is raised again by `raise` alone, or leaves a `with`, gets no other frame of ours.
    """
    all_entries = list(entries(exc.__traceback__))
    kept = without_ours(all_entries, entry_file)
    if not kept and all_entries and not _is_deliberate(exc, all_entries[-1]):
        return
    trace: TracebackType | None = None
    for entry in reversed(kept):
        trace = TracebackType(trace, entry.tb_frame, entry.tb_lasti, entry.tb_lineno)
    exc.__traceback__ = trace


def _is_deliberate(exc: BaseException, innermost: TracebackType) -> bool:
    on_purpose = isinstance(exc, ParrotError | CancelledError | KeyboardInterrupt)
    return on_purpose or innermost.tb_frame.f_code in _DELIBERATE


class ForUsers:
    """A block whose errors leave it without our frames, as the outermost one of a coroutine."""

    __slots__ = ()

    def __enter__(self) -> None:
        """Begin."""

    def __exit__(
        self,
        kind: type[BaseException] | None,
        exc: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Let an error pass, in the form in which people are to see it."""
        if exc is not None:
            self.raised(exc)
            hide_ours(exc)

    def raised(self, exc: BaseException) -> None:
        """Do nothing more."""


FOR_USERS = ForUsers()
"""Such a block; it has no state."""


class JobWait(ForUsers):
    """A block that waits for jobs.

    A cancellation says that only the wait has ended, since people take the red end of a cell for
    that of the job. It stays the `CancelledError` that it is, as `asyncio.timeout` compares its
    very type, and it keeps a message that it has, by which anyio knows its own.
    """

    __slots__ = ("_again", "_what")

    def __init__(self, what: str, again: str) -> None:
        """Say what goes on, and the code that waits for it again."""
        self._what = what
        self._again = again

    def raised(self, exc: BaseException) -> None:
        """Say of a cancellation what it is."""
        if isinstance(exc, CancelledError) and not exc.args:
            exc.args = (f"Stopped waiting. {self._what}; `{self._again}` waits again.",)
