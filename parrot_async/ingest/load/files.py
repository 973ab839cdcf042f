"""The files of an ingestion: their names on disk and in the store, and groups for one job each."""

import os
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import PurePath

from parrot_async.ingest.errors import LoadError

AnyPath = str | bytes | os.PathLike[str] | os.PathLike[bytes]
"""One path, in any of Python's forms."""

FILES, LARGEST_FILES = 16, 128
"""Files that one job reads: few, so that documents are stored soon; more of a big corpus."""
BYTES, LARGEST_BYTES = 2**20, 8 * 2**20
"""Bytes that one job reads, in a small and in a big corpus."""
MOST_GROUPS = 400
"""Groups grow from about this many on, so that the tree of jobs stays readable."""

# How Python reads bytes of a file's name that are not UTF-8 (PEP 383); no other text has them.
_SURROGATE = re.compile("[\ud800-\udfff]")


@dataclass(frozen=True, slots=True, repr=False)
class FoundFile:
    """A file to read; `source` is the path under which it was found, `size` is in bytes.

    `path` is its name in the store and in reports, `disk_path` the one on disk where they differ.
    `sha256` is that of its stored version, where that has the form of today.
    """

    path: str
    source: str
    size: int
    sha256: str | None = None
    disk_path: str = ""

    def __repr__(self) -> str:
        return PurePath(self.path).name

    @property
    def on_disk(self) -> str:
        """The path to open."""
        return self.disk_path or self.path


def listed(paths: AnyPath | Iterable[AnyPath]) -> list[AnyPath]:
    """Return the paths as a list; one path is a list of one, and never taken letter by letter."""
    return [paths] if isinstance(paths, str | bytes | os.PathLike) else list(paths)


def root_of(path: AnyPath) -> str:
    """Return `path` absolute and normalized: the name of a source on disk.

    Raises `LoadError` for an empty path, and `TypeError` for what is no path.
    """
    text = os.fsdecode(path)
    if not text:
        raise LoadError("''", "is an empty path: name a file, a folder or a glob")
    # Not resolved: a source is known by the name that its user gave it, through links too.
    return os.path.abspath(os.path.expanduser(text))  # noqa: PTH100, PTH111  as above; and Path raises for an unknown ~user


def printable(text: str) -> str:
    r"""Return `text` with bytes that are not UTF-8 written as `\xe9`, for the store and reports."""
    return _SURROGATE.sub(lambda found: f"\\x{ord(found[0]) & 0xFF:02x}", text)


def groups_of(files: Sequence[FoundFile]) -> Iterator[list[FoundFile]]:
    """Yield neighbours, few and small enough for one job to read; a big file is on its own."""
    most_files = min(max(len(files) // MOST_GROUPS, FILES), LARGEST_FILES)
    most_bytes = min(max(sum(f.size for f in files) // MOST_GROUPS, BYTES), LARGEST_BYTES)
    group: list[FoundFile] = []
    size = 0
    for file in files:
        if group and (len(group) == most_files or size + file.size > most_bytes):
            yield group
            group, size = [], 0
        group.append(file)
        size += file.size
    if group:
        yield group


def names_of(paths: Sequence[str]) -> str:
    """Return the name of the first of many files, and how many more there are, for a title."""
    if not paths:
        return "nothing"
    first = printable(PurePath(paths[0]).name or paths[0])
    return f"{first} and {len(paths) - 1:,} more" if len(paths) > 1 else first
