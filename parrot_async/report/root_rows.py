"""A list of root jobs that a notebook, and `print`, show as a table."""

from datetime import UTC, datetime

from parrot_async.model.rows import RootRow
from parrot_async.report import tables
from parrot_async.report.wording import ICONS, duration, line, money, status_word

SHOWN = 100
HEAD = ("Job", "Submitted", "State", "Took", "Cost", "Title", "Error")


class RootRows(list[RootRow]):
    """Rows of the job store; times are shown as this machine's clock has them."""

    def __repr__(self) -> str:
        """The first hundred, a line each."""
        return tables.text(HEAD, self._cells(), self._rest()) if self else "No jobs."

    def _repr_html_(self) -> str:
        return tables.html(HEAD, self._cells(), self._rest()) if self else "<p>No jobs.</p>"

    def _cells(self) -> list[tuple[str, ...]]:
        return [_cells(row) for row in self[:SHOWN]]

    def _rest(self) -> str:
        return f"… and {len(self) - SHOWN:,} more" if len(self) > SHOWN else ""


def _cells(row: RootRow) -> tuple[str, ...]:
    at = datetime.fromtimestamp(row.created_at, UTC).astimezone()
    took = None if row.completed_at is None else max(row.completed_at - row.created_at, 0.0)
    return (
        row.id,
        f"{at:%Y-%m-%d %H:%M}",
        f"{ICONS[row.status]} {status_word(row.status)}",
        duration(took),
        money(row.cost) if row.cost else "",
        line(row.title) or line(row.function),
        row.error or "",
    )
