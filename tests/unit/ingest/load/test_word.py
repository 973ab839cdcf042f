"""Word documents whose tables merge, span and nest."""

from io import BytesIO

import docx
from docx.oxml.parser import parse_xml

from parrot_async.ingest.load.texts import from_docx
from parrot_async.ingest.load.word import LONGEST_REPEATED

SPACE = 'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"'


def cell(text: str, merge: str = "", span: int = 1) -> str:
    merged = f"<w:vMerge {merge}/>" if merge else ""
    words = f"<w:p><w:r><w:t>{text}</w:t></w:r></w:p>"
    return f'<w:tc><w:tcPr><w:gridSpan w:val="{span}"/>{merged}</w:tcPr>{words}</w:tc>'


def text_of(*rows: str) -> str:
    word = docx.Document()
    body = "".join(f"<w:tr>{row}</w:tr>" for row in rows)
    word.element.body.insert(0, parse_xml(f"<w:tbl {SPACE}><w:tblPr/><w:tblGrid/>{body}</w:tbl>"))
    file = BytesIO()
    word.save(file)
    return from_docx(file.getvalue()).text


START, GOES_ON = 'w:val="restart"', 'w:val="continue"'


def test_a_cell_over_thousands_of_rows_stands_in_each() -> None:
    text = text_of(cell("a", START) + cell("b"), *[cell("", GOES_ON) + cell("c")] * 3000)

    assert text.split("\n") == ["a | b", *["a | c"] * 3000]


def test_a_cell_that_goes_on_from_nothing_is_read_as_its_own() -> None:
    assert text_of(cell("a", GOES_ON)) == "a"


def test_a_cell_over_millions_of_columns_is_read_once() -> None:
    assert text_of(cell("a", span=10**9) + cell("b")) == "a | b"


def test_a_long_cell_over_many_rows_is_whole_in_the_first() -> None:
    long = "x" * 5000

    first, *others = text_of(cell(long, START), *[cell("", GOES_ON)] * 9).split("\n")

    assert first == long
    assert {len(other) for other in others} == {LONGEST_REPEATED}


def test_columns_that_merge_are_told_apart_by_their_place() -> None:
    text = text_of(cell("a", span=2) + cell("b", START), cell("c") + cell("d") + cell("", GOES_ON))

    assert text == "a | b\nc | d | b"
