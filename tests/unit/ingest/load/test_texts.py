"""The parsers of each kind, on small inputs: what is kept, what is dropped, and what is refused."""

import zipfile
from io import BytesIO

import docx
import pytest

from parrot_async.ingest.errors import LoadError
from parrot_async.ingest.load import texts
from parrot_async.ingest.load.texts import (
    clean,
    decode,
    from_docx,
    from_html,
    from_markdown,
    from_pdf,
    from_plain,
    is_binary,
    one_line,
)
from tests.ingest_files import pdf_of


def word(*paragraphs: tuple[str, str], title: str = "") -> bytes:
    document = docx.Document()
    document.core_properties.title = title
    for style, text in paragraphs:
        document.add_paragraph(text, style=style)
    return saved(document)


def saved(document: "docx.document.Document") -> bytes:
    out = BytesIO()
    document.save(out)
    return out.getvalue()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("one\r\ntwo\rthree", "one\ntwo\nthree"),
        ("one\n\n \t\n\ntwo", "one\n\ntwo"),
        ("page\fpage", "page\npage"),
        ("\x00nul\x08 and \ud800surrogate\uffff", "nul and surrogate"),
        ("tab\tstays\n", "tab\tstays"),
    ],
)
def test_text_is_cleaned_of_what_the_store_or_a_model_refuses(text: str, expected: str) -> None:
    assert clean(text) == expected


def test_a_title_is_one_line_of_bounded_length() -> None:
    assert one_line("  All\n about\tbirds ") == "All about birds"
    assert len(one_line("bird " * 100)) == 200


@pytest.mark.parametrize(
    ("head", "expected"),
    [
        (b"plain text\n", False),
        (b"a stray \0 in a long enough text", False),
        (b"\x1b[31mred\x1b[0m", False),
        ("UTF-16".encode("utf-16"), False),
        (bytes(range(32)) * 10, True),
        (b"", False),
    ],
)
def test_binary_data_are_told_from_text_with_a_stray_byte(head: bytes, expected: bool) -> None:
    assert is_binary(head) is expected


@pytest.mark.parametrize(
    ("data", "declared", "expected"),
    [
        ("Käse".encode("utf-16-be"), "utf-16-be", "Käse"),
        ("Käse".encode(), "no-such-encoding", "Käse"),
        ("Käse".encode("cp1252"), "utf-8", "Käse"),
        ("\ufeffKäse".encode("utf-16-le"), None, "Käse"),
    ],
)
def test_text_is_decoded_as_declared_where_that_can_be(
    data: bytes, declared: str | None, expected: str
) -> None:
    assert decode(data, declared) == expected


@pytest.mark.parametrize(
    ("text", "title"),
    [
        (b"Ants\n====\n\nwords", "Ants"),
        (b"====\nAnts\n====\n\nwords", "Ants"),
        (b"no underline here\nwords", ""),
        (b"----\n====\nwords", ""),
    ],
)
def test_plain_text_is_titled_by_its_underlined_line(text: bytes, title: str) -> None:
    assert from_plain(text).title == title


def test_plain_text_refuses_binary_data() -> None:
    with pytest.raises(LoadError, match="convert or exclude it"):
        from_plain(bytes(range(32)) * 10)


def test_the_pages_of_a_pdf_are_apart_and_an_empty_one_counts() -> None:
    text = from_pdf(pdf_of(["one", "", "three"]))

    assert text.text == "one\n\n\n\nthree"
    assert text.pages == (0, 5, 7)


def test_a_broken_pdf_says_so() -> None:
    with pytest.raises(LoadError, match="broken pdf file"):
        from_pdf(b"%PDF-1.4 nothing")


def test_word_styles_become_headings() -> None:
    data = word(("Title", "Birds"), ("Heading 2", "Owls"), ("Normal", "They hoot."))

    text = from_docx(data)

    assert text.text == "# Birds\n\n## Owls\n\nThey hoot."
    assert text.title == "Birds"


def test_a_merged_cell_is_read_once_and_a_nested_table_is_read() -> None:
    document = docx.Document()
    table = document.add_table(rows=1, cols=3)
    table.cell(0, 0).merge(table.cell(0, 1)).text = "both"
    table.cell(0, 2).add_table(rows=1, cols=1).cell(0, 0).text = "inner"

    text = from_docx(saved(document)).text

    assert text == "both | inner"


def test_an_archive_that_unpacks_to_too_much_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(texts, "LARGEST_UNPACKED", 1000)
    out = BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("word/document.xml", bytes(10_000))

    with pytest.raises(LoadError, match="split it into smaller files"):
        from_docx(out.getvalue())


@pytest.mark.parametrize(
    ("source", "title"),
    [
        (b"---\ntitle: 'All birds'\n---\n# Owls\n", "All birds"),
        (b"---\nauthor: me\n---\n# Owls\n", "Owls"),
        (b"# Owls\n\n---\ntitle: no front matter\n---\n", "Owls"),
        (b"words only", ""),
    ],
)
def test_markdown_is_titled_by_its_front_matter_or_first_heading(source: bytes, title: str) -> None:
    assert from_markdown(source).title == title


def test_markdown_keeps_words_and_drops_marks() -> None:
    source = (
        b"A *big* [owl](http://x) ![in flight](owl.png)\\\nhoots.\n\n> Quoted `code`\n\n1. first\n"
    )

    text = from_markdown(source).text

    assert text == "A big owl in flight\nhoots.\nQuoted code\n\n- first"


def test_html_in_markdown_is_read_as_html() -> None:
    assert from_markdown(b"<div><b>Owls</b><script>evil()</script></div>\n").text == "Owls"


@pytest.mark.parametrize(
    ("page", "expected"),
    [
        (b"<p>one<p>two", "one\n\ntwo"),
        (b"one<br>two", "one\ntwo"),
        (b"<h2>Owls<a class=headerlink href=#o>\xc2\xb6</a></h2>", "## Owls"),
        (b"<pre>a\n  b</pre>", "a\n  b"),
        (b"a\n   b", "a b"),
        (b"<ul><li>owl<li>wren</ul>", "- owl\n\n- wren"),
        (b"<nav>Up</nav><noscript>Off</noscript><button>Go</button>words", "words"),
    ],
)
def test_html_is_read_as_it_is_seen(page: bytes, expected: str) -> None:
    assert from_html(page).text == expected


def test_a_page_without_title_has_that_of_its_first_heading() -> None:
    assert from_html(b"<h1>Owls</h1>").title == "Owls"
    assert from_html(b"<title>Birds</title><h1>Owls</h1>").title == "Birds"
