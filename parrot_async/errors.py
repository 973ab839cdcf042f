"""All that is raised on purpose.

    ParrotError
    ├── OptionsError            an option, a queue or a plan that makes no sense (also a ValueError)
    ├── SerializationError      a function, an argument or a result that cannot travel
    ├── JobNotFoundError        no such job here (also a LookupError)
    ├── NotEndedError           the job has not ended, and what was asked needs its end
    ├── ResultExpiredError      the job completed, its result's time to live is over
    ├── InterruptedJobError     the job's service ended before it: `await client.recover()`
    ├── FunctionChangedError    a job's function, or a module that it needs, is another now, or gone
    ├── JobError                a job ended without a result; `.job_id`, `.info`
    │   ├── JobFailedError      its body raised what cannot be raised again here
    │   ├── JobTimeoutError     it ran past its timeout (also a TimeoutError)
    │   ├── JobLostError        its worker died, more often than its policy allows
    │   ├── JobCancelledError   somebody, or its parent, cancelled it
    │   ├── DependencyError     a job that it needs did not complete
    │   ├── ChildrenFailedError a plan whose children did not all complete
    │   └── UnschedulableError  no worker of this cluster can ever run it
    ├── ClusterError            a cluster cannot be started, reached or used
    │   └── DisconnectedError   the connection to the job service was lost (also a ConnectionError)
    └── StoreError              the job store refused; nothing accepted is lost
        ├── StoreFullError      no space left
        ├── StoreLockedError    another process holds it
        ├── StoreUnsureError    cut off in a commit, which may have happened or not
        ├── LeaseLostError      another service has taken over trees; `.root_ids`
        └── KeyTakenError       another job has this job key; `.key`, `.job_id`

What a job's own body raises is raised again in the client as itself, where that can be, with the
job and the remote traceback as notes: `except ValueError` means the same as in a local call.
"""

from typing import Literal

from pydantic.dataclasses import dataclass

ErrorKind = Literal[
    "exception",
    "timeout",
    "lost",
    "budget",
    "dependency",
    "unschedulable",
    "cancelled",
    "cancelled_by_parent",
    "children",
]


@dataclass(slots=True, frozen=True)
class ErrorInfo:
    """Why a job, or one attempt of it, ended without a result."""

    kind: ErrorKind
    message: str
    type_name: str = ""
    traceback: str = ""
    bases: tuple[str, ...] = ()
    """Names of the error's type and of its base classes, for people and for older events."""
    retryable: bool | None = None
    """Whether it is one of `retry_on`, as its worker saw; None where nobody asked."""


class ParrotError(Exception):
    """The root of every error that parrot_async raises on purpose."""


class OptionsError(ParrotError, ValueError):
    """An option, a queue or a plan makes no sense; the message says which and what would."""


class SerializationError(ParrotError, TypeError):
    """A function, an argument or a result cannot be pickled; the message names it."""


class JobNotFoundError(ParrotError, LookupError):
    """No job of this id is known to the cluster or its store."""


class NotEndedError(ParrotError):
    """The job has not ended, so there is no result yet."""


class ResultExpiredError(ParrotError):
    """The job completed, but its result was kept only for its `result_ttl`."""


class InterruptedJobError(ParrotError):
    """The job's service ended before the job did; `await client.recover()` goes on with it."""


class FunctionChangedError(ParrotError):
    """A job's function, or a module that it needs, is not what was submitted; it names the file."""


class JobError(ParrotError):
    """A job ended without a result; `info` is what its node says about the end."""

    def __init__(self, message: str, job_id: str = "", info: ErrorInfo | None = None) -> None:
        """Keep the job's id and the recorded error beside the message."""
        super().__init__(message)
        self.job_id = job_id
        self.info = info

    def __reduce__(self) -> tuple[type["JobError"], tuple[object, ...], dict[str, object]]:
        """Travel between processes with all three arguments, and notes."""
        return type(self), (str(self), self.job_id, self.info), self.__dict__


class JobFailedError(JobError):
    """The body raised an error that cannot be raised again here; the traceback is in `info`."""


class JobTimeoutError(JobError, TimeoutError):
    """The job ran past its timeout and was stopped."""


class JobLostError(JobError):
    """The job's worker died, more often than its policy allows."""


class JobCancelledError(JobError):
    """The job was cancelled, by a person or with its parent."""


class DependencyError(JobError):
    """A job that this one needs did not complete, so it never started."""


class ChildrenFailedError(JobError):
    """A plan ended with children that did not complete."""


class UnschedulableError(JobError):
    """No worker of this cluster can ever run the job; the message names what is missing."""


class ClusterError(ParrotError):
    """A cluster cannot be started, reached or used; the message says what to do."""


class DisconnectedError(ClusterError, ConnectionError):
    """The connection to the job service was lost; the jobs go on, `attach` finds them."""


class StoreError(ParrotError):
    """The job store refused a read or a write; nothing accepted is lost."""


class StoreFullError(StoreError):
    """The disk of the job store has no space left."""


class StoreLockedError(StoreError):
    """Another process holds the job store for too long."""


class StoreUnsureError(StoreError):
    """The connection to the job store was lost in a commit; the same commit again finds out."""


class LeaseLostError(StoreError):
    """Another service has taken over trees that this one writes to; nothing was written."""

    def __init__(self, message: str, root_ids: tuple[str, ...] = ()) -> None:
        """Keep the roots of those trees beside the message."""
        super().__init__(message)
        self.root_ids = root_ids


class KeyTakenError(StoreError):
    """Another job has this job key; nothing was written."""

    def __init__(self, message: str, key: str = "", job_id: str = "") -> None:
        """Keep the key and the job that has it beside the message."""
        super().__init__(message)
        self.key = key
        self.job_id = job_id


def error_name(kind: type) -> str:
    """Return the `module.qualname` of an error type, of a builtin one the bare name."""
    if kind.__module__ == "builtins":
        return kind.__qualname__
    return f"{kind.__module__}.{kind.__qualname__}"
