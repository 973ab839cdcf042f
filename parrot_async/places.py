"""Where parrot_async keeps what must outlive a process."""

import os
from pathlib import Path


def data_home() -> Path:
    """Return `$PARROT_HOME`, or parrot_async's folder in the user's XDG data home."""
    if given := os.environ.get("PARROT_HOME"):
        return Path(given).expanduser().absolute()
    data = os.environ.get("XDG_DATA_HOME") or "~/.local/share"
    return Path(data).expanduser() / "parrot_async"
