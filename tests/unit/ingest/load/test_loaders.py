"""Loading: every kind keeps its text, and every bad file says what to do about it."""

import pickle
from pathlib import Path

import pytest

from parrot_async.ingest.errors import LoadError
from parrot_async.ingest.load.loaders import Document, load, load_bytes
from tests.ingest_files import pdf_of, write_files


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a dozen files of every kind."""
    write_files(tmp_path / "files")
    return tmp_path / "files"


def test_a_pdf_keeps_where_its_pages_start(folder: Path) -> None:
    document = load(folder / "cats.pdf")

    assert document.text == "Cats purr at thirty hertz.\n\nA cat sleeps all day."
    assert [document.text[start : start + 5] for start in document.pages] == ["Cats ", "A cat"]


def test_a_word_document_keeps_its_table_between_its_paragraphs(folder: Path) -> None:
    document = load(folder / "dogs.docx")

    expected = "# Dogs\n\nA dog hears four times as far.\n\n"
    assert document.text == expected + "Breed | Height\nBeagle | 38 cm\n\nAfter the table."
    assert document.title == "All about dogs"


def test_a_page_loses_its_scripts_and_keeps_words_headings_tables_and_lines(folder: Path) -> None:
    document = load(folder / "guide/birds.html")

    assert document.title == "All about birds"
    assert "# Birds\n\nA swift sleeps in the air." in document.text
    assert "Robin | 5" in document.text
    assert "two\n  lines" in document.text
    assert "- owl" in document.text
    assert not {"evil", "color", "Home"} & set(document.text.replace("(", " ").split())


def test_markdown_keeps_headings_links_tables_and_code(folder: Path) -> None:
    document = load(folder / "guide/fish.md")

    assert document.title == "Fish of the sea"
    assert "# Fish\n\nA salmon finds its river by smell." in document.text
    assert "## Sizes" in document.text
    assert "Eel | 80 cm" in document.text
    assert 'swim("deep")' in document.text


def test_plain_text_is_titled_by_its_underlined_line_or_its_name(folder: Path) -> None:
    titles = [load(folder / name).title for name in ("guide/ants.rst", "guide/horses.txt")]

    assert titles == ["Ants", "horses"]


@pytest.mark.parametrize(
    ("name", "advice"),
    [
        ("broken.pdf", "broken pdf file"),
        ("secret.pdf", "encrypted: remove its password"),
        ("scan.pdf", "run OCR"),
        ("empty.txt", "is empty"),
        ("broken.docx", "broken docx file"),
        ("picture.png", "of no supported kind"),
        ("missing.txt", "cannot be read"),
    ],
)
def test_a_bad_file_says_what_to_do(folder: Path, name: str, advice: str) -> None:
    with pytest.raises(LoadError, match=advice) as caught:
        load(folder / name)

    assert caught.value.path == str(folder / name)


@pytest.mark.parametrize("name", ["old.doc", "locked.docx"])
def test_an_old_or_encrypted_office_file_is_named_as_such(name: str) -> None:
    data = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(512)

    with pytest.raises(LoadError, match="encrypted or old Office"):
        load_bytes(data, name)


def test_binary_data_named_as_text_is_refused() -> None:
    with pytest.raises(LoadError, match="no supported kind"):
        load_bytes(bytes(range(256)) * 20, "data.txt")


def test_a_load_error_survives_the_way_back_from_a_worker() -> None:
    error = pickle.loads(pickle.dumps(LoadError("a.pdf", "is broken: repair it")))  # noqa: S301

    assert (str(error), error.reason) == ("a.pdf: is broken: repair it", "is broken: repair it")


@pytest.mark.parametrize(
    ("data", "path", "kind"),
    [
        (pdf_of(["words"]), "report.txt", "pdf"),
        (b"<!DOCTYPE html><p>words</p>", "page", "html"),
        (b"<b>words</b> and more", "notes.md", "markdown"),
        (b"int main(void) { return 0; }", "main.c", "text"),
    ],
)
def test_the_kind_is_found_by_suffix_then_by_content(data: bytes, path: str, kind: str) -> None:
    document = load_bytes(data, path)

    assert document.kind == kind


@pytest.mark.parametrize(
    "data",
    [
        "Käse".encode(),
        "Käse".encode("utf-8-sig"),
        "Käse".encode("utf-16"),
        "Käse".encode("cp1252"),
    ],
)
def test_text_is_read_in_the_encoding_it_has(data: bytes) -> None:
    document = load_bytes(data, "cheese.txt")

    assert document.text == "Käse"


def test_a_page_is_read_in_the_encoding_that_it_declares() -> None:
    data = '<html><meta charset="iso-8859-7"><p>Αθήνα</p>'.encode("iso-8859-7")

    document = load_bytes(data, "athens.html")

    assert document.text == "Αθήνα"


def test_what_postgres_refuses_is_gone_from_the_text() -> None:
    document = load_bytes(b"<p>nul &#0; and \x00 and \x08 marks</p>", "nul.html")

    assert "\0" not in document.text
    assert document.text.encode()


def test_a_page_nested_deeper_than_recursion_goes_is_read() -> None:
    data = b"<div>" * 5_000 + b"deep"

    document = load_bytes(data, "deep.html")

    assert document.text == "deep"


def test_the_same_bytes_give_the_same_hash_under_any_name() -> None:
    one, other = (load_bytes(b"same words", name) for name in ("a.txt", "b.txt"))

    assert one.sha256 == other.sha256
    assert isinstance(pickle.loads(pickle.dumps(one)), Document)  # noqa: S301


def test_a_link_to_a_device_is_not_read_for_ever(tmp_path: Path) -> None:
    (tmp_path / "zeros.txt").symlink_to("/dev/zero")

    with pytest.raises(LoadError, match="no regular file"):
        load(tmp_path / "zeros.txt")
