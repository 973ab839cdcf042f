"""Files become documents: text with headings and tables, a title, and where each page starts."""

import glob
import hashlib
import os
import stat
import zipfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from fnmatch import fnmatch
from io import BytesIO
from pathlib import Path
from types import MappingProxyType
from typing import Literal

from parrot_async.ingest.errors import LoadError
from parrot_async.ingest.load import texts

Kind = Literal["pdf", "docx", "html", "markdown", "text"]

#: Part of each document's fingerprint: raise it when a loader gives other text for the same bytes.
LOADERS_VERSION = "1"

#: Bigger files are refused, in bytes: one of them would hold a worker and its memory for minutes.
LARGEST_FILE = 256 * 2**20

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
_IGNORED = frozenset({"__pycache__", "node_modules", "venv", "CVS", "Thumbs.db", "desktop.ini"})


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
    """Read one file.

    Raises `LoadError` for a file that is missing, empty, too big, broken, encrypted, without text,
    or of no supported kind.
    """
    return load_bytes(read(path), str(path))


def read(path: str | Path) -> bytes:
    """The bytes of one file; raises `LoadError` when it is missing, unreadable or too big."""
    file = Path(path)
    try:
        known = file.stat()
        if not stat.S_ISREG(known.st_mode):  # a link to a device, say, which never ends
            raise LoadError(str(file), "is no regular file: exclude it")
        if known.st_size > LARGEST_FILE:
            raise LoadError(
                str(file), f"is over {LARGEST_FILE // 2**20} MiB: split it into smaller files"
            )
        return file.read_bytes()
    except OSError as exc:
        raise LoadError(
            str(file),
            f"cannot be read ({exc.strerror or exc}): check that it exists and its permissions",
        ) from exc


def load_bytes(data: bytes, path: str) -> Document:
    """The document in `data`; `path` names it, and its suffix is the first hint of its kind.

    Raises `LoadError` as `load` does.
    """
    if not data.strip(b"\0 \t\r\n"):
        raise LoadError(path, "is empty: remove it or fill it")
    kind = detect(data, path)
    try:
        loaded = _LOADERS[kind](data)
    except LoadError as exc:
        raise LoadError(path, exc.reason) from exc
    except (
        Exception
    ) as exc:  # parsers raise what they like for broken input, and one file must stop nothing else
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
    """The kind by suffix, else by content. Raises `LoadError` when it is none that we load."""
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


def discover(paths: Iterable[str | Path], *, exclude: Iterable[str] = ()) -> list[Path]:
    """The files that `paths` (files, folders, globs) name, absolute, sorted, each once.

    In folders hidden files, version control, caches and environments are left out, and so is what
    matches a glob of `exclude` by name or by path; a file that is named itself is always taken.
    Raises `LoadError` for a path that names nothing: a misspelt one is no empty folder.
    """
    excluded = tuple(exclude)
    found = {file for path in paths for file in _named_by(str(path), excluded)}
    return sorted(found)


def root_of(path: str | Path) -> str:
    """`path` as `discover` reads it, absolute and normal: the name of a source."""
    # Not resolved: a source is known by the name that its user gave it, through links too.
    return os.path.abspath(Path(path).expanduser())  # noqa: PTH100


def _named_by(path: str, exclude: tuple[str, ...]) -> Iterator[Path]:
    root = Path(root_of(path))
    if root.is_dir():
        yield from _walk(root, exclude)
    elif root.exists():
        yield root
    else:
        yield from _globbed(path, root, exclude)


def _globbed(path: str, root: Path, exclude: tuple[str, ...]) -> Iterator[Path]:
    matches = glob.glob(str(root), recursive=True) if glob.has_magic(path) else []  # noqa: PTH207
    if not matches:
        raise LoadError(path, "names no file or folder: check the spelling")
    for match in map(Path, matches):
        if match.is_dir():
            yield from _walk(match, exclude)
        elif not _ignored(match, exclude):
            yield match


def _walk(root: Path, exclude: tuple[str, ...]) -> Iterator[Path]:
    for folder, below, names in os.walk(root, onerror=_refuse):
        here = Path(folder)
        below[:] = [name for name in below if not _ignored(here / name, exclude)]
        # A dangling link is taken, so that loading reports it; a socket or a pipe would never end.
        candidates = (here / name for name in names if not _ignored(here / name, exclude))
        yield from (file for file in candidates if file.is_file() or file.is_symlink())


def _refuse(exc: OSError) -> None:
    raise LoadError(
        str(exc.filename), f"cannot be listed ({exc.strerror}): check its permissions"
    ) from exc


def _ignored(path: Path, exclude: tuple[str, ...]) -> bool:
    name = path.name
    if name.startswith((".", "~$")) or name.endswith("~") or name in _IGNORED:
        return True
    return any(fnmatch(name, pattern) or fnmatch(str(path), pattern) for pattern in exclude)
