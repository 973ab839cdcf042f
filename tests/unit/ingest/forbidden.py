"""Folders that may not be listed, also for tests that run as root, whom no mode stops."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

NOBODY = 65534


@contextmanager
def open_folder() -> Iterator[Path]:
    """A folder that every user may enter: pytest's own are closed to all but their user."""
    with tempfile.TemporaryDirectory(prefix="parrot-open-") as name:
        Path(name).chmod(0o755)
        yield Path(name)


@contextmanager
def forbidden(folder: Path, mode: int = 0) -> Iterator[None]:
    """Close a folder while the block lasts; root is another user meanwhile."""
    before = folder.stat().st_mode
    folder.chmod(mode)
    user = os.geteuid()
    if user == 0:
        os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(user)
        folder.chmod(before)
