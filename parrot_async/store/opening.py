"""URLs of job stores: which are valid, what may be shown of them, and opening one."""

import os
from pathlib import Path
from urllib.parse import urlsplit

from parrot_async.errors import OptionsError
from parrot_async.store.port import JobStore
from parrot_async.transport.ownership import fault_of


def open_store(url: str, read_only: bool = False) -> JobStore:
    """Open the store at a URL, and make it if it is not there; raises StoreError where that fails.

    `sqlite:///jobs.db` is a file here, `sqlite:////var/lib/jobs.db` one with an absolute path;
    `postgresql://USER@HOST:5432/DATABASE` is a server's, which needs `parrot-async[postgres]`.
    With `read_only` nothing is made or changed, and methods that write raise StoreError.
    """
    check_url(url)
    kind, _, rest = url.partition("://")
    # Each needs libraries of its own, so it is imported where it is asked for.
    if kind == "sqlite":
        from parrot_async.store.sqlite import SQLiteStore

        return SQLiteStore(Path(rest[1:]).expanduser(), read_only=read_only)
    return _open_postgres(url, read_only)


def check_url(url: str) -> None:
    """Raise OptionsError for what is no URL of a job store."""
    kind, _, rest = url.partition("://")
    if kind in {"postgres", "postgresql"} or (kind == "sqlite" and rest[:1] == "/" != rest):
        return
    # The URL itself is not repeated: it may hold a password.
    raise OptionsError(
        f"{url.partition(':')[0]!r} is no kind of job store:"
        " use sqlite:///path or postgresql://user@host/database"
    )


def _open_postgres(url: str, read_only: bool) -> JobStore:
    try:
        from parrot_async.store.postgres import PostgresStore
    except ModuleNotFoundError as exc:
        raise OptionsError(
            "a job store in PostgreSQL needs psycopg: pip install 'parrot-async[postgres]'"
        ) from exc
    return PostgresStore(url, read_only)


def shown(url: str) -> str:
    """Return a store's URL as it may be shown and compared: without password and options."""
    parts = urlsplit(url)
    user = f"{parts.username}@" if parts.username else ""
    place = parts.netloc.rpartition("@")[2]
    return f"{parts.scheme}://{user}{place}{parts.path}"


def is_own(url: str) -> bool:
    """Whether only this user can write to a store; of a server, its administrator decides that."""
    scheme, _, path = url.partition(":///")
    if scheme != "sqlite":
        return True
    file = Path(path).expanduser()
    if not file.exists():
        return True
    status = file.stat()
    return status.st_uid == os.geteuid() and fault_of(status) is None
