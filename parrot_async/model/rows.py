"""What a store says of whole trees: a root as one row of a list, and how much was deleted."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from decimal import Decimal
from typing import Any

from parrot_async.model.models import JobId, JobStatus


@dataclass(slots=True, frozen=True)
class RootRow:
    """The root of a tree as a list of jobs shows it; times are seconds since the epoch, UTC."""

    id: JobId
    title: str
    function: str
    queue: str
    status: JobStatus
    created_at: float
    completed_at: float | None = None
    cost: Decimal | None = None
    """US dollars as far as known; None: not known, or nothing spent."""
    error: str | None = None
    owner: str = ""
    """Who runs the tree; the store writes it: the owner of the first commit, or who claimed it."""

    def plain(self) -> dict[str, str | float | None]:
        """Return the row in types that any format knows; `from_plain` reads them."""
        cost = None if self.cost is None else str(self.cost)
        return {**asdict(self), "status": str(self.status), "cost": cost}

    @classmethod
    def from_plain(cls, row: Mapping[str, Any]) -> "RootRow":
        """Return the row of what `plain` gave."""
        cost = None if row["cost"] is None else Decimal(row["cost"])
        known = {**row, "status": JobStatus(row["status"]), "cost": cost}
        return cls(**known)


@dataclass(slots=True, frozen=True)
class Pruned:
    """How many trees, results and files of big results were deleted."""

    trees: int = 0
    results: int = 0
    files: int = 0
