"""The corpus of an ingestion: the files that its paths name, and what cannot be read there."""

import os
import stat
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatch
from glob import has_magic
from pathlib import Path, PurePath

from parrot_async.ingest.errors import LoadError
from parrot_async.ingest.load.files import AnyPath, FoundFile, listed, printable, root_of

LONGEST_PATH = 2000
"""Bytes of the longest path that is stored: PostgreSQL indexes no more than 2,704."""

_IGNORED = frozenset({"__pycache__", "node_modules", "venv", "CVS", "Thumbs.db", "desktop.ini"})


@dataclass(slots=True)
class Corpus:
    """Files, each under the first source that names it; all names are printable.

    `counts` is the number of files of each source; `unreadable` has the reason for each folder or
    file that cannot be read, which hides what lies below it.
    """

    files: list[FoundFile] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)
    unreadable: dict[str, str] = field(default_factory=dict)

    def hides(self, path: str) -> bool:
        """Return whether `path` may still exist, at or below what cannot be read."""
        return any(is_within(path, each) for each in self.unreadable)

    def is_empty(self, source: str) -> bool:
        """Return whether `source` was read, and has no file."""
        return not self.counts[source] and not (
            self.hides(source) or any(is_within(each, source) for each in self.unreadable)
        )


def is_within(path: str, folder: str) -> bool:
    """Return whether `path` is `folder`, or lies below it."""
    return path == folder or path.startswith(f"{folder.rstrip('/')}/")


def find_files(paths: AnyPath | Iterable[AnyPath], exclude: Iterable[str] = ()) -> Corpus:
    """Return the corpus that `paths` (files, folders, globs) name; one path is one source.

    Paths are absolute, since workers run elsewhere. In folders hidden files, version control,
    caches and environments are left out, and so is what matches a glob of `exclude` by name or by
    path; a file that is named itself is always taken. Links to folders are not followed. What
    cannot be read is in `unreadable`. Raises `LoadError` for a path that is relative or names
    nothing: a misspelt path is not an empty folder.
    """
    corpus = Corpus()
    finder = _Finder(tuple(exclude), corpus.unreadable)
    found: dict[str, FoundFile] = {}
    for path in listed(paths):
        if not os.path.isabs(os.fsdecode(path)):  # noqa: PTH117  bytes are paths as well
            name = printable(os.fsdecode(path))
            raise LoadError(name, "is relative to a folder that only you know: make it absolute")
        source = root_of(path)
        files = sorted(set(finder.files_of(source)))
        corpus.counts[printable(source)] += len(files)
        for file in files:
            _add(found, corpus.unreadable, file, source)
    corpus.files.extend(found.values())
    return corpus


def _add(found: dict[str, FoundFile], unreadable: dict[str, str], file: str, source: str) -> None:
    path = printable(file)
    if len(path.encode()) > LONGEST_PATH:
        unreadable[path] = f"has a path of over {LONGEST_PATH:,} bytes: move it, or shorten names"
        return
    disk_path = file if file != path else ""
    fresh = FoundFile(path, printable(source), _size(file), disk_path=disk_path)
    first = found.setdefault(path, fresh)
    if first.on_disk != file:
        unreadable[path] = "is the name of two files, one with bytes that are no UTF-8: rename one"


class _Finder:
    """Finds files below sources, and notes what cannot be listed instead of raising."""

    def __init__(self, exclude: tuple[str, ...], unreadable: dict[str, str]) -> None:
        self._exclude = exclude
        self._unreadable = unreadable

    def files_of(self, source: str) -> Iterator[str]:
        """Yield the files of a source; raise `LoadError` when it names nothing."""
        try:
            mode = Path(source).stat().st_mode
        except (OSError, ValueError) as exc:
            yield from self._matched(source, exc)
        else:
            yield from self._walk(source) if stat.S_ISDIR(mode) else [source]

    def _matched(self, source: str, exc: OSError | ValueError) -> Iterator[str]:
        """Yield what a source matches as a glob; `exc` says why it is no file of that name."""
        noted = len(self._unreadable)
        root, *parts = PurePath(source).parts
        matches = list(self._expand(root, parts)) if has_magic(source) else []
        for match in matches:
            if _is_folder(match):
                yield from self._walk(match)
            elif not self._ignored(match):
                yield match
        if matches or len(self._unreadable) > noted:
            return
        if os.path.islink(source) and isinstance(exc, FileNotFoundError):  # noqa: PTH114  Path raises
            yield source  # a link that leads nowhere: loading says so
        elif isinstance(exc, FileNotFoundError | NotADirectoryError | ValueError):
            raise LoadError(printable(source), "names no file or folder: check the spelling")
        else:
            self._note(source, "read", exc)

    def _expand(self, folder: str, parts: Sequence[str]) -> Iterator[str]:
        """Yield what the parts of a glob match below `folder`."""
        if not parts or list(parts) == ["**"]:
            yield folder
        elif parts[0] == "**":
            yield from self._expand(folder, parts[1:])
            for below in self._folders_in(folder):
                yield from self._expand(below, parts)
        else:
            for match in self._matches_in(folder, parts[0]):
                yield from self._expand(match, parts[1:])

    def _folders_in(self, folder: str) -> Iterator[str]:
        for entry in self._list(folder):
            # A link is not followed, since it may lead upwards again.
            if entry.is_dir(follow_symlinks=False) and not entry.name.startswith("."):
                yield entry.path

    def _matches_in(self, folder: str, pattern: str) -> Iterator[str]:
        if not has_magic(pattern):
            # Not listed: a folder that may be entered but not listed has names as well.
            path = os.path.join(folder, pattern)  # noqa: PTH118  a str, as those of entries
            if os.path.lexists(path):
                yield path
            return
        for entry in self._list(folder):
            hidden = entry.name.startswith(".") and not pattern.startswith(".")
            if fnmatch(entry.name, pattern) and not hidden:
                yield entry.path

    def _walk(self, root: str) -> Iterator[str]:
        folders = [root]
        while folders:
            for entry in self._list(folders.pop()):
                if self._ignored(entry.path):
                    continue
                if entry.is_dir(follow_symlinks=False):
                    folders.append(entry.path)
                elif _is_file(entry):
                    yield entry.path

    def _list(self, folder: str) -> list[os.DirEntry[str]]:
        try:
            with os.scandir(folder) as entries:
                return list(entries)
        except (FileNotFoundError, NotADirectoryError):
            return []  # it is gone by now, or a glob wants a folder where a file is
        except OSError as exc:
            self._note(folder, "listed", exc)
            return []

    def _note(self, path: str, what: str, exc: OSError) -> None:
        reason = f"cannot be {what} ({exc.strerror}): check its permissions"
        self._unreadable[printable(path)] = reason

    def _ignored(self, path: str) -> bool:
        name = PurePath(path).name
        if name.startswith((".", "~$")) or name.endswith("~") or name in _IGNORED:
            return True
        return any(fnmatch(name, pattern) or fnmatch(path, pattern) for pattern in self._exclude)


def _is_file(entry: os.DirEntry[str]) -> bool:
    """Return whether to read an entry: a file, or a link that leads to no folder.

    A link that leads nowhere is read as well, so that loading reports it. Sockets, pipes and
    devices are not: reading them might never end.
    """
    if not entry.is_symlink():
        return entry.is_file(follow_symlinks=False)
    try:
        return not entry.is_dir()
    except OSError:
        return True


def _is_folder(path: str) -> bool:
    try:
        return stat.S_ISDIR(Path(path).stat().st_mode)
    except OSError:
        return False  # loading says why


def _size(file: str) -> int:
    try:
        return Path(file).stat().st_size
    except OSError:
        return 0  # reading it will say why
