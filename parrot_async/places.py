"""Where parrot_async keeps what must outlive a process."""

import os
from pathlib import Path


def data_home() -> Path:
    """Return `$PARROT_HOME`, or parrot_async's folder in the user's XDG data home."""
    if given := os.environ.get("PARROT_HOME"):
        return Path(given).expanduser().absolute()
    data = os.environ.get("XDG_DATA_HOME") or "~/.local/share"
    return Path(data).expanduser() / "parrot_async"


def local_store(name: str | None = None) -> str:
    """Return the URL of the job store of a local cluster that was given no other."""
    return f"sqlite:///{data_home() / (name or 'default') / 'jobs.db'}"
