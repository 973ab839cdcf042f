"""How jobs and attempts end, and the ends of one turn of the loop as the fewest possible events."""

from dataclasses import dataclass
from typing import TypeVar

from parrot_async.errors import ErrorInfo
from parrot_async.model.events import (
    AttemptFailedRows,
    CancelledRows,
    CompletedRows,
    FailedRows,
    RequeuedRows,
)
from parrot_async.model.models import JobId, JobResult

Rows = AttemptFailedRows | RequeuedRows | CompletedRows | FailedRows | CancelledRows
R = TypeVar("R", bound=Rows)

_BEFORE_ENDS = (AttemptFailedRows, RequeuedRows)


@dataclass(slots=True, frozen=True)
class End:
    """How a job ends, or an attempt of it: with a result, or with an error."""

    at: float
    result: JobResult | None = None
    error: ErrorInfo | None = None
    blob: bytes | None = None
    """Pickle of the value or of the exception."""

    def require_result(self) -> JobResult:
        """Return the result; raises ValueError for an end without one."""
        if self.result is None:
            raise ValueError(f"no result came with this end: {self.error}")
        return self.result

    def require_error(self) -> ErrorInfo:
        """Return the error; raises ValueError for an end without one."""
        if self.error is None:
            raise ValueError(f"no error came with this end: {self.result}")
        return self.error


class EndGroups:
    """Rows of what ended in one turn of the loop; each group becomes one event of one tree."""

    __slots__ = ("_groups", "_open")

    def __init__(self) -> None:
        """Begin without a group."""
        self._groups: list[Rows] = []
        self._open: dict[tuple[type[object] | None, JobId], Rows] = {}
        """The latest group of each tree; those of failed attempts and of retries are apart."""

    def __bool__(self) -> bool:
        """Whether there is any group."""
        return bool(self._groups)

    def rows(self, kind: type[R], root_id: JobId) -> R:
        """Return the group of a tree that takes the next row of this kind.

        Ends of jobs keep their order: one of another kind in between begins a new group.
        """
        place = (kind if kind in _BEFORE_ENDS else None, root_id)
        found = self._open.get(place)
        if not isinstance(found, kind):
            found = self._open[place] = kind()
            self._groups.append(found)
        return found

    def take(self) -> list[Rows]:
        """Take all groups out: attempts fail before their jobs wait for the next one, or end."""
        groups, self._groups, self._open = self._groups, [], {}
        return sorted(groups, key=_rank)


def _rank(rows: Rows) -> int:
    kind = type(rows)
    return _BEFORE_ENDS.index(kind) if kind in _BEFORE_ENDS else len(_BEFORE_ENDS)
