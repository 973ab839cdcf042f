"""The files of an ingestion, and the groups in which they are read."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath

from parrot_async.ingest.errors import LoadError
from parrot_async.ingest.load.loaders import discover
from parrot_async.ingest.stages import FoundFile

FILES, LARGEST_FILES = 16, 128
"""Files that one job reads: so few that documents are stored soon, more of a big corpus."""
BYTES, LARGEST_BYTES = 2**20, 8 * 2**20
MOST_GROUPS = 400
"""From about so many groups on they grow, so that the tree stays readable."""


@dataclass(frozen=True, slots=True)
class Corpus:
    """Files, each under the first path that names it; `counts` has the files of each path."""

    files: list[FoundFile]
    counts: Counter[str]


def find_files(paths: Iterable[str], exclude: Iterable[str] = ()) -> Corpus:
    """What `paths` name, which must be absolute: a worker has another current folder.

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


def _size(file: Path) -> int:
    try:
        return file.stat().st_size
    except OSError:
        return 0  # reading it will say why


def names(paths: Sequence[str]) -> str:
    """The first of many files, and how many more there are."""
    more = f" and {len(paths) - 1:,} more" if len(paths) > 1 else ""
    return f"{PurePath(paths[0]).name or paths[0]}{more}" if paths else "nothing"


def groups_of(files: Sequence[FoundFile]) -> Iterator[list[FoundFile]]:
    """Neighbours, few and small enough to be read by one job; a big file is on its own."""
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
