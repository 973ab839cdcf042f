"""Rows and columns of words, as plain text and as HTML."""

from collections.abc import Iterator, Sequence
from itertools import zip_longest

from parrot_async.report.wording import html_text, line

STYLE = (
    ".parrot-table{overflow-x:auto}"
    ".parrot-table table{border-collapse:collapse;font-variant-numeric:tabular-nums}"
    ".parrot-table.parrot-table :is(th,td){padding:1px 0.8em 1px 0;text-align:left;"
    "vertical-align:baseline}"
)
CELL = 80
"""Characters of a cell."""


def text(head: Sequence[str], rows: Sequence[Sequence[str]], note: str = "") -> str:
    """A line for each row, its columns below each other; columns without a word are left out."""
    lines = [[line(cell, CELL) for cell in row] for row in _filled(head, rows)]
    widths = [max(map(len, column)) for column in zip_longest(*lines, fillvalue="")]
    drawn = ["  ".join(map(str.ljust, row, widths)).rstrip() for row in lines]
    return "\n".join([*drawn, note] if note else drawn)


def html(head: Sequence[str], rows: Sequence[Sequence[str]], note: str = "") -> str:
    """The same as one `<div>` with its own style; all words in it are escaped."""
    first, *others = _filled(head, rows)
    names = "".join(f'<th scope="col">{html_text(name)}</th>' for name in first)
    body = "".join(f"<tr>{''.join(map(_cell, row))}</tr>" for row in others)
    below = f"<p>{html_text(note)}</p>" if note else ""
    return (
        f'<div class="parrot-table"><style>{STYLE}</style><table><thead><tr>{names}</tr></thead>'
        f"<tbody>{body}</tbody></table>{below}</div>"
    )


def _filled(head: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[list[str]]:
    """The head and all rows, without the columns that say nothing."""
    kept = [number for number in range(len(head)) if any(row[number] for row in rows)]
    return ([row[number] for number in kept] for row in (head, *rows))


def _cell(words: str) -> str:
    return f"<td>{html_text(line(words, CELL))}</td>"
