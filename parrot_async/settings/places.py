"""Where parrot_async keeps what must outlive a process: `$PARROT_HOME`, `_STORE`, `_RESULTS`."""

import os
from pathlib import Path


def data_home() -> Path:
    """Return `$PARROT_HOME`, or parrot_async's folder in the user's XDG data home."""
    if given := os.environ.get("PARROT_HOME"):
        return Path(given).expanduser().absolute()
    data = os.environ.get("XDG_DATA_HOME") or "~/.local/share"
    return Path(data).expanduser() / "parrot_async"


def most_levels() -> int:
    """Return how many levels a tree may have by default: `$PARROT_MAX_DEPTH`, or 2,000."""
    return int(os.environ.get("PARROT_MAX_DEPTH") or 2_000)


def most_jobs() -> int:
    """Return how many jobs a tree may have whose root does not say: `$PARROT_MAX_JOBS`."""
    return int(os.environ.get("PARROT_MAX_JOBS") or 1_000_000)


def local_store(name: str | None = None) -> str:
    """Return the URL of a local cluster's job store: `$PARROT_STORE`, or a file in its folder."""
    file = data_home() / (name or "default") / "jobs.db"
    return chosen_store() or f"sqlite:///{file}"


def chosen_places(store: str | None = None) -> dict[str, str]:
    """Return the environment variables that tell a cluster where to keep jobs and big results.

    As arguments, they would show a password in the list of processes.
    """
    places = {
        "PARROT_STORE": chosen_store(store),
        "PARROT_RESULTS": os.environ.get("PARROT_RESULTS"),
    }
    return {name: url for name, url in places.items() if url}


def scheduler_places() -> tuple[str, str]:
    """Return the URLs of job store and results of a service beside somebody's scheduler.

    As `chosen_places` says, else in a folder of the user who runs it, which is made.
    """
    home = data_home() / "schedulers"
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    chosen = chosen_places()
    return (
        chosen.get("PARROT_STORE", f"sqlite:///{home / 'jobs.db'}"),
        chosen.get("PARROT_RESULTS", (home / "results").as_uri()),
    )


def chosen_store(store: str | None = None) -> str | None:
    """Return the given URL, else `$PARROT_STORE`, else None; a SQLite path is made absolute."""
    url = store or os.environ.get("PARROT_STORE") or None
    if url is None or not url.startswith("sqlite:///"):
        return url
    return f"sqlite:///{Path(url.removeprefix('sqlite:///')).expanduser().absolute()}"
