"""The parrot_async that runs here: its version, and the state of its code."""

import hashlib
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

PACKAGE = Path(__file__).parents[1]
"""The folder of the package."""


def package_version() -> str:
    """Return the installed version, or "0" for a checkout that was never installed."""
    try:
        return version("parrot-async")
    except PackageNotFoundError:
        return "0"


@cache
def fingerprint(package: Path) -> str:
    """Return a hash of a package's code as it was when this process asked first.

    That is the code which the process has loaded. The hash is of the names, sizes and times of the
    files, which takes two milliseconds; to read them all takes many.
    """
    paths = (path for kind in ("py", "sql") for path in package.rglob(f"[!.]*.{kind}"))
    found = ((path, path.stat()) for path in paths)
    files = sorted((str(path), stat.st_size, stat.st_mtime_ns) for path, stat in found)
    return hashlib.sha256(repr(files).encode()).hexdigest()
