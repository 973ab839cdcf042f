"""The blocks of a Word document, each element read once.

The library's own rows look for a merged cell in all rows above it, and repeat one for each column
that it spans, so that a small file could take hours.
"""

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Final

from docx.enum.style import WD_STYLE_TYPE
from docx.oxml.ns import qn

if TYPE_CHECKING:
    from docx.document import Document
    from docx.oxml.table import CT_Row, CT_Tbl, CT_Tc
    from docx.oxml.text.paragraph import CT_P
    from docx.oxml.xmlchemy import BaseOxmlElement as Element

DEEPEST: Final = 20
"""Tables within tables that are told apart; below there is only text."""
LONGEST_REPEATED: Final = 1000
"""Characters of a cell over several rows that stand in each of them; the first row has all."""

_PARAGRAPH, _TABLE = qn("w:p"), qn("w:tbl")


class Blocks:
    """Reads the paragraphs and tables of one document."""

    def __init__(self, word: "Document") -> None:
        """Read the names of its styles."""
        styles = [style for style in word.styles if style.type == WD_STYLE_TYPE.PARAGRAPH]
        self._styles = {style.style_id: style.name or "" for style in styles}
        usual = word.styles.default(WD_STYLE_TYPE.PARAGRAPH)
        self._usual = "" if usual is None else usual.name or ""
        self._body = word.element.body

    def read(self) -> Iterator[str]:
        """Yield the text of each paragraph and table, in their order."""
        return self._of(self._body, 0)

    def _of(self, holder: "Element", depth: int) -> Iterator[str]:
        if depth > DEEPEST:
            yield from (self._paragraph(each) for each in holder.iter(_PARAGRAPH))
            return
        for item in holder.iterchildren(_PARAGRAPH, _TABLE):
            if item.tag == _PARAGRAPH:
                yield self._paragraph(item)
            else:
                yield "\n".join(map(_row, self._rows(item, depth + 1)))

    def _paragraph(self, paragraph: "CT_P") -> str:
        style = self._styles.get(paragraph.style, self._usual)
        name, _, level = style.rpartition(" ")
        marks = "# " if style == "Title" else ""
        if name == "Heading" and level.isdecimal():
            marks = f"{'#' * min(int(level), 6)} "
        return f"{marks}{paragraph.text}"

    def _rows(self, table: "CT_Tbl", depth: int) -> Iterator[list[str]]:
        """Yield the texts of the cells of each row; one over several rows is in all of them."""
        above: dict[int, str] = {}
        for row in table.tr_lst:
            here: dict[int, str] = {}
            for offset, cell in _cells(row):
                if cell.vMerge == "continue" and offset in above:
                    here[offset] = above[offset][:LONGEST_REPEATED]
                else:
                    here[offset] = " ".join(" ".join(self._of(cell, depth)).split())
            yield list(here.values())
            above = here


def _cells(row: "CT_Row") -> Iterator[tuple[int, "CT_Tc"]]:
    """Yield the cells of a row, each with the number of its first column."""
    offset: int = row.grid_before
    for cell in row.tc_lst:
        yield offset, cell
        offset += cell.grid_span


def _row(cells: Iterable[str]) -> str:
    return " | ".join(cells)
