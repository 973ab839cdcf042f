"""Markdown that nests deeper than the library reads, and tables that it would blow up."""

import pytest

from parrot_async.ingest.load.markdown_rules import LEAST_TABLES, parser
from parrot_async.ingest.load.texts import from_markdown


@pytest.mark.parametrize(
    "source",
    [
        ">" * 20_000 + " the words",
        "> " * 20_000 + "the words",
        "- " * 20_000 + "the words",
        "1. > " * 20_000 + "the words",
        "".join("  " * depth + f"- item\n{'  ' * depth}\n" for depth in range(99)) + "the words",
        "[" * 20_000 + "the words",
        "![" * 20_000 + "the words",
        "*" * 20_000 + "the words",
        "<div>" * 20_000 + "the words",
    ],
)
def test_words_below_any_number_of_marks_are_read(source: str) -> None:
    assert "the words" in from_markdown(source.encode()).text


def test_lists_that_people_write_keep_their_marks() -> None:
    nested = "".join("  " * depth + f"- item {depth}\n" for depth in range(15))

    text = from_markdown(nested.encode()).text

    assert text.count("- item") == 15


def test_tables_have_no_more_cells_than_a_document_of_their_size_writes() -> None:
    wide = "|a" * 256 + "|\n" + "|-" * 256 + "|\n" + "|a\n" * 256 + "\n"

    tokens = parser().parse(wide * 9)

    assert len(tokens) < 2 * (LEAST_TABLES + 3 * 256**2)


def test_a_title_with_many_spaces_is_read() -> None:
    page = "---\ntitle: 'a" + " " * 50_000 + "b'\n---\ntext"

    assert from_markdown(page.encode()).title == "a" + " " * 50_000 + "b"
