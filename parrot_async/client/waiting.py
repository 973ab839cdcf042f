"""What who waits for a job sees when the wait ends by an error: that error, and no code of ours."""

from asyncio import CancelledError
from types import TracebackType

from parrot_async.transport.frames import hide_ours


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
