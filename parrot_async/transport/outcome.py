"""How a job ended, as those who wait for it get it: a value, or the error to raise."""

import traceback
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
    UnschedulableError,
    error_name,
)
from parrot_async.model.models import JobId
from parrot_async.transport import results
from parrot_async.transport.pickling import dump_value, load_value
from parrot_async.transport.raised import dump_error, is_one_of, load_error

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

    def value(self) -> Any:
        """Return the value or raise the job's error; ResultExpiredError where its file is gone."""
        if self.error is not None:
            raise self.exception()
        return load_value(results.read(self.url) if self.url else self.data or b"")

    def exception(self) -> BaseException:
        """Return the exception that awaiting the job raises; LookupError where it did not fail.

        What the body raised comes back as itself where it can be unpickled here, with the worker's
        traceback as a note; all else comes as a `JobError`.
        """
        error = self.error
        if error is None:
            raise LookupError(f"job {self.job_id} did not fail")
        if error.kind == "exception" and self.data is not None:
            original = load_error(self.data)
            if original is not None:
                where = f"in job {self.job_id}" if self.job_id else "in a local call"
                _without_frames(original)
                original.add_note(f"{where}\n{error.traceback}".rstrip())
                return original
        text = f"job {self.job_id}: {error.message}"
        if error.traceback:
            text = f"{text}\n{error.traceback}"
        return RAISED[error.kind](text, self.job_id, error)


def _without_frames(exc: BaseException) -> None:
    """Drop the worker's frames, which have no code here; the note shows them."""
    seen: dict[int, BaseException] = {}
    left = [exc]
    while left:
        one = left.pop()
        if id(one) in seen:  # a chain may be a ring
            continue
        seen[id(one)] = one
        one.__traceback__ = None
        left += [link for link in (one.__cause__, one.__context__) if link is not None]
        left += one.exceptions if isinstance(one, BaseExceptionGroup) else ()


def error_info(
    exc: BaseException, skip: int = 0, retry_on: tuple[type[BaseException], ...] = ()
) -> ErrorInfo:
    """Describe an exception with its traceback, without the first `skip` frames, our own.

    It says whether it is one of `retry_on`, where that is given.
    """
    trace = exc.__traceback__
    for _ in range(skip):
        trace = trace.tb_next if trace is not None and trace.tb_next is not None else trace
    text = "".join(traceback.format_exception(type(exc), exc, trace, limit=-50))
    return ErrorInfo(
        kind="exception",
        message=_text(exc),
        type_name=type(exc).__qualname__,
        traceback=text[-20_000:],
        bases=tuple(error_name(base) for base in type(exc).__mro__ if base is not object),
        retryable=is_one_of(exc, retry_on) if retry_on else None,
    )


def _text(exc: BaseException) -> str:
    try:
        return (str(exc) or type(exc).__qualname__)[:2000]
    except Exception:  # noqa: BLE001 - whatever its class's own code does
        return f"<{type(exc).__qualname__}, whose text cannot be made>"
