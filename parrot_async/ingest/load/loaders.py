"""The loaders make a document of a file: its text, title, kind, and where its pages start."""

import hashlib
import stat
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from types import MappingProxyType
from typing import Literal

from parrot_async.ingest.errors import LoadError
from parrot_async.ingest.load import texts
from parrot_async.ingest.load.files import printable

Kind = Literal["pdf", "docx", "html", "markdown", "text"]

LOADERS_VERSION = "1"
"""Part of each document's fingerprint; raise it when equal bytes give another text."""

LARGEST_FILE = 256 * 2**20
"""Bytes of the largest file that is read: a larger one would hold a worker for minutes."""

SUFFIXES: MappingProxyType[str, Kind] = MappingProxyType(
    {
        ".pdf": "pdf",
        ".docx": "docx",
        ".html": "html",
        ".htm": "html",
        ".xhtml": "html",
        ".md": "markdown",
        ".markdown": "markdown",
        ".txt": "text",
        ".rst": "text",
        ".text": "text",
    }
)

_KINDS = "PDF, DOCX, HTML, Markdown and plain text"
_OLD_OFFICE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_SNIFFED = 4096


@dataclass(frozen=True, slots=True)
class Document:
    """The text of one file; `pages` are the offsets, in characters, at which its pages start.

    `sha256`, in hex, and `size` are of the file's bytes; only paged kinds have `pages`.
    """

    path: str
    kind: Kind
    title: str
    text: str
    sha256: str
    size: int
    pages: tuple[int, ...] = ()


def load(path: str | Path) -> Document:
    """Read one file, and return its document.

    Raises `LoadError` for a file that is missing, empty, too big, broken, encrypted, without text,
    or of no supported kind.
    """
    return load_bytes(read(path), printable(str(path)))


def read(path: str | Path) -> bytes:
    """Return the bytes of one file; raise `LoadError` when it is missing, unreadable or too big."""
    file, name = Path(path), printable(str(path))
    try:
        known = file.stat()
        if not stat.S_ISREG(known.st_mode):  # a link to a device, say, that never ends
            raise LoadError(name, "is no regular file: exclude it")
        if known.st_size > LARGEST_FILE:
            raise LoadError(
                name, f"is over {LARGEST_FILE // 2**20} MiB: split it into smaller files"
            )
        return file.read_bytes()
    except OSError as exc:
        raise LoadError(
            name,
            f"cannot be read ({exc.strerror or exc}): check that it exists and its permissions",
        ) from exc


def load_bytes(data: bytes, path: str) -> Document:
    """Return the document in `data`; `path` names it, its suffix is the first hint of its kind.

    Raises `LoadError` as `load` does.
    """
    if not data.strip(b"\0 \t\r\n"):
        raise LoadError(path, "is empty: remove it or fill it")
    kind = detect(data, path)
    try:
        loaded = _LOADERS[kind](data)
    except LoadError as exc:
        raise LoadError(path, exc.reason) from exc
    except RecursionError as exc:
        raise LoadError(path, "nests too deep to be read: export it with less nesting") from exc
    except Exception as exc:
        # Parsers raise errors of any kind for broken input; one file must stop nothing else.
        raise LoadError(
            path,
            f"is a broken {kind} file ({type(exc).__name__}: {exc}): repair or export it again",
        ) from exc
    if not loaded.text.strip():
        raise LoadError(path, _without_text(kind))
    digest = hashlib.sha256(data).hexdigest()
    title = texts.one_line(loaded.title) or Path(path).stem
    return Document(path, kind, title, loaded.text, digest, len(data), loaded.pages)


def detect(data: bytes, path: str) -> Kind:
    """Return the kind by suffix, else by content; raise `LoadError` for one that we do not load."""
    named = SUFFIXES.get(Path(path).suffix.lower())
    if data.startswith(_OLD_OFFICE):
        raise LoadError(
            path, "is an encrypted or old Office file: remove its password or save it as .docx"
        )
    if named in ("pdf", "docx"):
        return named
    found = _sniff(data)
    if found is None:
        raise LoadError(path, f"is of no supported kind ({_KINDS}): convert or exclude it")
    # A PDF named .txt is a PDF; HTML within Markdown or text is what its name says.
    return found if named is None or found in ("pdf", "docx") else named


def _sniff(data: bytes) -> Kind | None:
    head = data[:_SNIFFED]
    if b"%PDF-" in head[:1024]:
        return "pdf"
    if head.startswith(b"PK\x03\x04"):
        return "docx" if _holds_word(data) else None
    if texts.is_binary(head):
        return None
    start = head.lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    return "html" if start.startswith((b"<!doctype html", b"<html")) else "text"


def _holds_word(data: bytes) -> bool:
    try:
        with zipfile.ZipFile(BytesIO(data)) as archive:
            return "word/document.xml" in archive.namelist()
    except zipfile.BadZipFile:
        return False


def _without_text(kind: Kind) -> str:
    if kind == "pdf":
        return "holds no text, only images: run OCR over it first (ocrmypdf does)"
    return "holds no text: remove it or fill it"


_LOADERS: MappingProxyType[Kind, Callable[[bytes], texts.Text]] = MappingProxyType(
    {
        "pdf": texts.from_pdf,
        "docx": texts.from_docx,
        "html": texts.from_html,
        "markdown": texts.from_markdown,
        "text": texts.from_plain,
    }
)
