"""The files of an ingestion: found under paths, and grouped for the jobs that read them."""

import glob
import os
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path, PurePath

from parrot_async.ingest.errors import LoadError

FILES, LARGEST_FILES = 16, 128
"""Files that one job reads: few, so that documents are stored soon; more of a big corpus."""
BYTES, LARGEST_BYTES = 2**20, 8 * 2**20
"""Bytes that one job reads, in a small and in a big corpus."""
MOST_GROUPS = 400
"""Groups grow from about this many on, so that the tree of jobs stays readable."""

_IGNORED = frozenset({"__pycache__", "node_modules", "venv", "CVS", "Thumbs.db", "desktop.ini"})


@dataclass(frozen=True, slots=True, repr=False)
class FoundFile:
    """A file to read; `source` is the path under which it was found, `size` is in bytes.

    `sha256` is that of its stored version, where that has the form of today.
    """

    path: str
    source: str
    size: int
    sha256: str | None = None

    def __repr__(self) -> str:
        return PurePath(self.path).name


@dataclass(frozen=True, slots=True)
class Corpus:
    """Files, each under the first path that names it; `counts` is the number of files by path."""

    files: list[FoundFile]
    counts: Counter[str]


def find_files(paths: Iterable[str], exclude: Iterable[str] = ()) -> Corpus:
    """Return the files that `paths` name; paths are absolute, since workers run elsewhere.

    Raises `LoadError` for a path that is relative or names nothing.
    """
    files: dict[str, FoundFile] = {}
    counts: Counter[str] = Counter()
    for source in paths:
        if not Path(source).is_absolute():
            raise LoadError(source, "is relative to a folder that only you know: make it absolute")
        found = discover([source], exclude=exclude)
        counts[source] += len(found)
        for file in found:
            files.setdefault(str(file), FoundFile(str(file), source, _size(file)))
    return Corpus(list(files.values()), counts)


def discover(paths: Iterable[str | Path], *, exclude: Iterable[str] = ()) -> list[Path]:
    """Return the files that `paths` (files, folders, globs) name, absolute, sorted, each once.

    In folders hidden files, version control, caches and environments are left out, and so is what
    matches a glob of `exclude` by name or by path; a file that is named itself is always taken.
    Raises `LoadError` for a path that names nothing: a misspelt path is not an empty folder.
    """
    excluded = tuple(exclude)
    found = {file for path in paths for file in _named_by(str(path), excluded)}
    return sorted(found)


def root_of(path: str | Path) -> str:
    """Return `path` absolute and normalized, as `discover` reads it: the name of a source."""
    # Not resolved: a source is known by the name that its user gave it, through links too.
    return os.path.abspath(Path(path).expanduser())  # noqa: PTH100  resolve() would follow links


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
    more = f" and {len(paths) - 1:,} more" if len(paths) > 1 else ""
    return f"{PurePath(paths[0]).name or paths[0]}{more}" if paths else "nothing"


def _named_by(path: str, exclude: tuple[str, ...]) -> Iterator[Path]:
    root = Path(root_of(path))
    if root.is_dir():
        yield from _walk(root, exclude)
    elif root.exists():
        yield root
    else:
        yield from _globbed(path, root, exclude)


def _globbed(path: str, root: Path, exclude: tuple[str, ...]) -> Iterator[Path]:
    matches = glob.glob(str(root), recursive=True) if glob.has_magic(path) else []  # noqa: PTH207  Path.glob refuses absolute globs
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


def _size(file: Path) -> int:
    try:
        return file.stat().st_size
    except OSError:
        return 0  # reading it will say why
