"""Tables as plain text and as HTML, and the table of root jobs that a notebook shows."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from itertools import zip_longest

from parrot_async.model.rows import RootRow
from parrot_async.report.wording import ICONS, duration, html_text, line, money, status_word

STYLE = (
    ".parrot-table{overflow-x:auto}"
    ".parrot-table table{border-collapse:collapse;font-variant-numeric:tabular-nums}"
    ".parrot-table.parrot-table :is(th,td){padding:1px 0.8em 1px 0;text-align:left;"
    "vertical-align:baseline}"
)
CELL = 80
"""Characters of a cell."""
SHOWN = 100
"""Root jobs that a table has; the others are counted."""
ROOT_COLUMNS = ("Job", "Submitted", "State", "Took", "Cost", "Title", "Error")


class RootRows(list[RootRow]):
    """Root jobs of a store, which show themselves as a table with times of this machine's clock."""

    def __repr__(self) -> str:
        """Return a line for each of the first hundred."""
        return text(ROOT_COLUMNS, self._cells(), self._rest()) if self else "No jobs."

    def _repr_html_(self) -> str:
        return html(ROOT_COLUMNS, self._cells(), self._rest()) if self else "<p>No jobs.</p>"

    def _cells(self) -> list[tuple[str, ...]]:
        return [_root_cells(row) for row in self[:SHOWN]]

    def _rest(self) -> str:
        return f"… and {len(self) - SHOWN:,} more" if len(self) > SHOWN else ""


def text(head: Sequence[str], rows: Sequence[Sequence[str]], note: str = "") -> str:
    """Return a line for each row, with aligned columns; empty columns are left out."""
    lines = [[line(cell, CELL) for cell in row] for row in _filled(head, rows)]
    widths = [max(map(len, column)) for column in zip_longest(*lines, fillvalue="")]
    drawn = ["  ".join(map(str.ljust, row, widths)).rstrip() for row in lines]
    return "\n".join([*drawn, note] if note else drawn)


def html(head: Sequence[str], rows: Sequence[Sequence[str]], note: str = "") -> str:
    """Return the same as one `<div>` with its own style; all words in it are escaped."""
    first, *others = _filled(head, rows)
    names = "".join(f'<th scope="col">{html_text(name)}</th>' for name in first)
    body = "".join(f"<tr>{''.join(map(_cell, row))}</tr>" for row in others)
    below = f"<p>{html_text(note)}</p>" if note else ""
    return (
        f'<div class="parrot-table"><style>{STYLE}</style><table><thead><tr>{names}</tr></thead>'
        f"<tbody>{body}</tbody></table>{below}</div>"
    )


def _filled(head: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[list[str]]:
    """Return the head and all rows without the empty columns."""
    kept = [number for number in range(len(head)) if any(row[number] for row in rows)]
    return ([row[number] for number in kept] for row in (head, *rows))


def _cell(words: str) -> str:
    return f"<td>{html_text(line(words, CELL))}</td>"


def _root_cells(row: RootRow) -> tuple[str, ...]:
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
