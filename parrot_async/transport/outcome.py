"""How a job ended, as those who wait for it get it: a value, or the error to raise."""

from dataclasses import dataclass
from typing import Any

from parrot_async.errors import (
    ChildrenFailedError,
    DependencyError,
    ErrorInfo,
    JobCancelledError,
    JobError,
    JobFailedError,
    JobLostError,
    JobTimeoutError,
    ParrotError,
    SerializationError,
    UnschedulableError,
    error_name,
)
from parrot_async.model.models import JobId
from parrot_async.transport import results
from parrot_async.transport.frames import traceback_text
from parrot_async.transport.pickling import dump_value, load_value
from parrot_async.transport.raised import dump_error, is_one_of, load_error
from parrot_async.transport.secrets import redact
from parrot_async.transport.text import guarded, is_interrupt, sendable, text_of, type_name
from parrot_async.transport.waiting import raises_what_jobs_raised

LONGEST = 2000
"""Characters of an error's text that are kept."""

HEADER = "Traceback (most recent call last)"
"""Is in a traceback that has frames."""

RAISED: dict[str, type[JobError]] = {
    "exception": JobFailedError,
    "timeout": JobTimeoutError,
    "lost": JobLostError,
    "budget": JobFailedError,
    "dependency": DependencyError,
    "unschedulable": UnschedulableError,
    "cancelled": JobCancelledError,
    "cancelled_by_parent": JobCancelledError,
    "children": ChildrenFailedError,
}
"""What `await handle` raises for each kind of end."""


LONGEST_NOTES = 40_000
"""Characters of what jobs note on an error that passes them."""


@dataclass(slots=True, frozen=True)
class Outcome:
    """The end of one job: its value's pickle, or the URL of that, or its error.

    `data` holds the pickled exception where there is an error and it could be pickled.
    """

    job_id: JobId = ""
    data: bytes | None = None
    url: str | None = None
    error: ErrorInfo | None = None

    @classmethod
    def of(cls, value: Any) -> "Outcome":
        """Return the outcome of a call that returned."""
        return cls(data=dump_value(value))

    @classmethod
    def of_error(cls, exc: BaseException) -> "Outcome":
        """Return the outcome of a call that raised."""
        return cls(data=dump_error(exc), error=error_info(exc))

    @raises_what_jobs_raised
    def value(self) -> Any:
        """Return the value or raise the job's error.

        Raises ResultExpiredError where its file is gone, and SerializationError where unpickling
        it would end this process.
        """
        if self.error is not None:
            raise self.exception()
        return loaded(results.read(self.url) if self.url else self.data or b"")

    def exception(self) -> BaseException:
        """Return the exception that awaiting the job raises; LookupError where it did not fail.

        What the body raised comes back as itself where it can be unpickled here, with the worker's
        frames and a note that names the job; all else comes as a `JobError`.
        """
        error = self.error
        if error is None:
            raise LookupError(f"job {self.job_id} did not fail")
        if error.kind == "exception" and self.data is not None:
            original = load_error(self.data)
            if original is not None:
                original.add_note(self._where(original, error))
                _drop_middle_notes(original)
                return original
        text = f"job {self.job_id}: {error.message}"
        if HEADER in error.traceback:
            text = f"{text}\n{error.traceback}"
        return RAISED[error.kind](text, self.job_id, error)

    def _where(self, exc: BaseException, error: ErrorInfo) -> str:
        """Return the note that names the job, with the worker's traceback where `exc` has none."""
        where = f"in job {self.job_id}" if self.job_id else "in a local call"
        # An older worker's exception came without its frames; ours need none.
        lacks = exc.__traceback__ is None and not isinstance(exc, ParrotError)
        return (
            f"{where}\n{error.traceback}".rstrip() if lacks and HEADER in error.traceback else where
        )


def loaded(data: bytes) -> Any:
    """Return an unpickled value; SerializationError where its own code would end this process."""
    try:
        return load_value(data)
    except (SystemExit, KeyboardInterrupt, GeneratorExit) as exc:
        if is_interrupt(exc):
            raise
        raise SerializationError(f"unpickling the value raised {type_name(exc)}") from exc


def _drop_middle_notes(exc: BaseException) -> None:
    """Drop what jobs between the first and the last one noted, where all of it is too long.

    Each job that an error passes on its way up adds a note: hundreds of them would make it too big
    to travel. The first names the job that raised it.
    """
    notes: list[str] = exc.__notes__
    ours = [note for note in notes if note.startswith("in job ")]
    left = sum(map(len, ours)) - LONGEST_NOTES
    for note in ours[1:-1]:
        if left > 0:
            notes.remove(note)
            left -= len(note)


def error_info(
    exc: BaseException, retry_on: tuple[type[BaseException], ...] = (), *, ours: bool = False
) -> ErrorInfo:
    """Describe an exception with its traceback, without our own frames.

    With `ours` it may be our own mistake: where there are no other frames, ours say more than none.
    It says whether it is one of `retry_on`, where that is given, and never raises, whatever the
    exception's own code does.
    """
    try:
        return _described(exc, retry_on, ours)
    except BaseException as raised:
        if is_interrupt(raised):
            raise
        text = f"<{type_name(exc)}, which cannot be described: {type_name(raised)}>"
        return ErrorInfo("exception", text, type_name(exc))


def _described(
    exc: BaseException, retry_on: tuple[type[BaseException], ...], ours: bool
) -> ErrorInfo:
    return ErrorInfo(
        kind="exception",
        message=_text(exc),
        type_name=type_name(exc),
        traceback=sendable(redact(traceback_text(exc, ours=ours))[-20_000:]),
        bases=tuple(text_of(error_name(base)) for base in type(exc).__mro__ if base is not object),
        retryable=is_one_of(exc, retry_on) if retry_on else None,
    )


def _text(exc: BaseException) -> str:
    # Without secrets first: a cut might leave half of one.
    return redact(guarded(str, exc, 10 * LONGEST))[:LONGEST] or type_name(exc)
