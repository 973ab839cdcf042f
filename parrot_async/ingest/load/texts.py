"""The parser of each kind makes clean text of bytes: headings as `# `, table cells between bars."""

import re
import threading
import zipfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from io import BytesIO
from itertools import accumulate, pairwise
from typing import TYPE_CHECKING

from parrot_async.ingest.errors import LoadError
from parrot_async.ingest.load.markup import UNREAD, flat_text, flat_title, is_deep, marks

if TYPE_CHECKING:
    from markdown_it.token import Token
    from pypdfium2 import PdfDocument
    from selectolax.lexbor import LexborNode


@dataclass(frozen=True, slots=True)
class Text:
    """The text of a file; `pages` are the offsets, in characters, at which its pages start."""

    text: str
    title: str = ""
    pages: tuple[int, ...] = ()


_CONTROL = bytes(set(range(32)) - set(b"\t\n\r\f\b\x1b"))
_BOMS = ((b"\xef\xbb\xbf", "utf-8-sig"), (b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16"))
_DROPPED = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff\ufdd0\ufffe\uffff]")
_BROKEN_WORD = re.compile("[\x02\xad\ufffe]\r?\n?(?=\\w)")
_BLANKS = re.compile(r"\n[ \t]*(?:\n[ \t]*)+\n")
_SPACES = re.compile(r"[ \t\n\r\f]+")
_CHARSET = re.compile(rb"<meta[^>]{0,200}?charset\s*=\s*[\"']?([\w-]+)", re.IGNORECASE)
_FRONT_MATTER = re.compile(r"\A---[ \t]*\n(.*?)\n(?:---|\.\.\.)[ \t]*(?:\n|\Z)", re.DOTALL)
_FRONT_TITLE = re.compile(r"^title:(.*)$", re.MULTILINE)
_HEADING = re.compile(r"^#{1,6} +(.+)$", re.MULTILINE)

_MARKDOWN_MARKS = {
    "heading_close": "\n",
    "list_item_open": "\n- ",
    "paragraph_close": "\n",
    "table_close": "\n",
    "td_close": " | ",
    "th_close": " | ",
    "tr_close": "\n",
}
# PDFium keeps state of its own and is not safe to call from two threads.
_pdfium = threading.Lock()

LARGEST_UNPACKED = 2**30
"""Bytes that an archive may unpack to; a larger one is a bomb, or takes the worker's memory."""

_UNDERLINE = re.compile(r"([=\-~*#+^])\1{2,}")


def clean(text: str) -> str:
    """Return `text` without what PostgreSQL or a model refuses; at most one empty line in a row."""
    text = text.replace("\r\n", "\n").replace("\r", "\n").replace("\f", "\n")
    return _BLANKS.sub("\n\n", _DROPPED.sub("", text)).strip()


def one_line(title: str) -> str:
    """Return `title` on one line, cut at 200 characters."""
    return _SPACES.sub(" ", clean(title)).strip()[:200]


def is_binary(head: bytes) -> bool:
    """Return whether `head`, the first bytes of a file, is no text in any encoding that we read."""
    if head.startswith(tuple(bom for bom, _ in _BOMS)):
        return False
    controls = len(head) - len(head.translate(None, _CONTROL))
    # A stray NUL is an editor's mistake; many control characters are a program or a picture.
    return controls > 3 + len(head) // 50


def decode(data: bytes, declared: str | None = None) -> str:
    """Decode `data` by its byte order mark, as declared, as UTF-8, else as Windows-1252."""
    for bom, encoding in _BOMS:
        if data.startswith(bom):
            return data.decode(encoding, errors="replace")
    for named in (declared, "utf-8"):
        try:
            return data.decode(named or "utf-8")
        except (UnicodeDecodeError, LookupError):
            continue
    return data.decode("cp1252", errors="replace")


def from_plain(data: bytes) -> Text:
    """Read plain text, reStructuredText or AsciiDoc as it stands; `LoadError` for binary data."""
    if is_binary(data[:65536]):
        raise LoadError("", "is named as text but holds binary data: convert or exclude it")
    text = clean(decode(data))
    return Text(text, _plain_title(text))


def _plain_title(text: str) -> str:
    lines = [line.strip() for line in text.split("\n", 40)[:40]]
    for line, under in pairwise(lines):
        if line and not _UNDERLINE.fullmatch(line) and _UNDERLINE.fullmatch(under):
            return line
    return ""


def from_pdf(data: bytes) -> Text:
    """Read a PDF, an empty line between its pages; words that a line break cut are joined.

    Raises `LoadError` for a PDF that is broken or encrypted.
    """
    import pypdfium2

    with _pdfium:
        try:
            pdf = pypdfium2.PdfDocument(data)
        except pypdfium2.PdfiumError as exc:
            raise LoadError("", _pdf_reason(exc)) from exc
        try:
            pages = list(_pdf_pages(pdf))
            title = pdf.get_metadata_value("Title")
        finally:
            pdf.close()
    starts = accumulate((len(page) + 2 for page in pages[:-1]), initial=0)
    return Text("\n\n".join(pages), title, tuple(starts))


def _pdf_pages(pdf: "PdfDocument") -> Iterator[str]:
    for number in range(len(pdf)):
        page = pdf[number]
        words = page.get_textpage()
        yield clean(_BROKEN_WORD.sub("", words.get_text_bounded()))
        words.close()
        page.close()


def _pdf_reason(exc: Exception) -> str:
    if "password" in str(exc).lower():
        return "is encrypted: remove its password (qpdf --decrypt does)"
    return f"is a broken pdf file ({exc}): repair or export it again"


def from_docx(data: bytes) -> Text:
    """Read the paragraphs and tables of a Word document, in their order.

    Raises `LoadError` for an archive that unpacks to over `LARGEST_UNPACKED` bytes.
    """
    import docx

    from parrot_async.ingest.load.word import Blocks

    with zipfile.ZipFile(BytesIO(data)) as archive:
        if sum(entry.file_size for entry in archive.infolist()) > LARGEST_UNPACKED:
            raise LoadError(
                "", f"unpacks to over {LARGEST_UNPACKED // 2**20} MiB: split it into smaller files"
            )
    word = docx.Document(BytesIO(data))
    text = clean("\n\n".join(Blocks(word).read()))
    return Text(text, word.core_properties.title or _first_heading(text))


def from_markdown(data: bytes) -> Text:
    """Read Markdown without its marks, but those of headings; links and images keep their words."""
    from parrot_async.ingest.load.markdown_rules import parser

    source = decode(data).replace("\r\n", "\n")
    front = _FRONT_MATTER.match(source)
    tokens = parser().parse(source[front.end() :] if front else source)
    text = clean("".join(_markdown_parts(tokens)))
    named = _FRONT_TITLE.search(front.group(1)) if front else None
    return Text(text, _unquoted(named.group(1)) if named else _first_heading(text))


def _unquoted(value: str) -> str:
    return value.strip(" \t").removeprefix('"').removesuffix('"').strip("'")


def _markdown_parts(tokens: "Iterable[Token]") -> Iterator[str]:
    for token in tokens:
        if token.type == "heading_open":
            yield f"\n\n{'#' * int(token.tag[1:])} "
        elif token.type == "inline":
            yield _markdown_words(token)
        elif token.type in ("fence", "code_block"):
            yield f"\n\n{token.content}\n"
        elif token.type == "html_block":
            yield f"\n\n{from_html(token.content.encode()).text}\n\n"
        elif token.type == "paragraph_open" and token.level == 0:
            yield "\n\n"
        else:
            yield _MARKDOWN_MARKS.get(token.type, "")


def _markdown_words(inline: "Token") -> str:
    words = []
    for child in inline.children or ():
        if child.type in ("softbreak", "hardbreak"):
            words.append("\n")
        elif child.type != "html_inline":
            words.append(child.content)
    return "".join(words)


def from_html(data: bytes) -> Text:
    """Read what a page shows, without scripts and navigation; lines of `pre` are kept.

    A page whose tags nest too deeply for a tree is read tag by tag.
    """
    from selectolax.lexbor import LexborHTMLParser

    charset = _CHARSET.search(data[:4096])
    source = decode(data, charset.group(1).decode() if charset else None)
    if is_deep(source):
        text = clean("".join(flat_text(source)))
        return Text(text, flat_title(source) or _first_heading(text))
    page = LexborHTMLParser(source)
    text = clean("".join(_html_parts(page.root)))
    head = page.css_first("title")
    return Text(text, (head.text() if head else "") or _first_heading(text))


def _html_parts(root: "LexborNode | None") -> Iterator[str]:
    """Yield the visible text under `root` in order; without recursion, since pages nest deeply."""
    stack: list[tuple[LexborNode | str, bool]] = [(root, False)] if root else []
    while stack:
        node, verbatim = stack.pop()
        if isinstance(node, str):
            yield node
        elif node.is_text_node:
            words = node.text_content or ""
            yield words if verbatim else _SPACES.sub(" ", words)
        elif node.is_element_node and not _unread(node):
            before, after = marks(node.tag or "")
            verbatim = verbatim or node.tag == "pre"
            stack.append((after, verbatim))
            stack.extend(
                (child, verbatim) for child in reversed(list(node.iter(include_text=True)))
            )
            stack.append((before, verbatim))


def _unread(node: "LexborNode") -> bool:
    # Sphinx puts a pilcrow, which is a link, behind every heading.
    return node.tag in UNREAD or (
        node.tag == "a" and "headerlink" in (node.attributes.get("class") or "")
    )


def _first_heading(text: str) -> str:
    found = _HEADING.search(text)
    return found.group(1) if found else ""
