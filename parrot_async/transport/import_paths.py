"""The folders that functions are imported from, here and where they are sent."""

import os
import sys
import sysconfig
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path


def import_from(paths: Iterable[str]) -> None:
    """Put folders that exist here, and are not in `sys.path` yet, before all others in it."""
    known = set(sys.path)
    sys.path[:0] = [path for path in paths if path not in known and Path(path).is_dir()]


@lru_cache(maxsize=16)
def import_paths(search_path: tuple[str, ...], folder: str) -> tuple[str, ...]:
    """Return the folders that this process imports from, without its environment's own.

    An entry of `sys.path` that is no absolute path means a folder below the current one.
    """
    known = tuple({sysconfig.get_path(name) for name in ("stdlib", "platlib", "purelib")})
    return tuple(
        str(Path(folder, path).resolve())
        for path in search_path
        if not path.startswith(known) and not path.endswith(".zip") and path not in _ignored
    )


def current_folder() -> str:
    """Return the current folder; "/" where somebody has removed it."""
    try:
        return os.getcwd()  # noqa: PTH109 - a Path takes longer, and this is asked at each submit
    except OSError:
        return "/"


_ignored: set[str] = set()


def ignore_path(path: str) -> None:
    """Send this folder with no function from now on, since it exists for this process only."""
    _ignored.add(path)
    import_paths.cache_clear()
