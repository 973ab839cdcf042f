"""The result folder: values too big to travel with their event, at any URL that fsspec opens."""

import errno
import os
from hashlib import sha256
from pathlib import Path
from urllib.parse import urlsplit

import fsspec
from fsspec.implementations.local import LocalFileSystem

from parrot_async.errors import ResultExpiredError, StoreError
from parrot_async.transport.ownership import make_private, open_private, read_own

_IN_FILE = b"\x00parrot: in a file\x00"
"""Before the URL of a value, in its place."""


def in_file(url: str) -> bytes:
    """Return what stands in the place of a pickle that is in a file."""
    return _IN_FILE + url.encode()


def url_in(data: bytes) -> str | None:
    """Return the URL of the file in whose place some bytes stand; None for a pickle."""
    return data[len(_IN_FILE) :].decode() if data.startswith(_IN_FILE) else None


def write(folder: str, name: str, data: bytes, *, sync: bool = False) -> str:
    """Write a value and return its URL; an older one of this name is replaced as a whole.

    With `sync` it survives a loss of power once this returns, where the folder is local.
    """
    url = f"{folder.rstrip('/')}/{name}"
    fs, path = fsspec.core.url_to_fs(url)
    if isinstance(fs, LocalFileSystem):
        _write_private(Path(path), data, sync=sync)
        return url
    fs.makedirs(path.rpartition("/")[0], exist_ok=True)
    # Who reads meanwhile finds the old value or the new one, never half of one.
    fs.pipe_file(f"{path}.part", data)
    fs.mv(f"{path}.part", path)
    return url


def _write_private(path: Path, data: bytes, *, sync: bool) -> None:
    """Write a file as a whole, mode 0600; folders that are missing are made, mode 0700."""
    make_private(path.parent)
    part = path.with_name(f"{path.name}.part")
    part.unlink(missing_ok=True)
    with os.fdopen(open_private(part, os.O_WRONLY | os.O_EXCL), "wb") as file:
        file.write(data)
        if sync:
            file.flush()
            os.fsync(file.fileno())
    part.replace(path)
    if sync:
        _sync(path.parent)


def _sync(folder: Path) -> None:
    """Have a folder's names on disk."""
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def read(url: str) -> bytes:
    """Return a value, which the caller may unpickle.

    Raises ResultExpiredError where it is gone, and StoreError for a file on this machine that
    somebody else can have written, since to unpickle it is to run what they like.
    """
    fs, path = fsspec.core.url_to_fs(url)
    try:
        data: bytes = read_own(Path(path)) if isinstance(fs, LocalFileSystem) else fs.cat_file(path)
        return data
    except FileNotFoundError as exc:
        message = f"the result at {url} is gone, or not reachable from here"
        raise ResultExpiredError(message) from exc
    except OSError as exc:
        if not isinstance(exc, PermissionError) and exc.errno != errno.ELOOP:
            raise
        raise StoreError(
            f"the result is not read, since to read one that somebody else has written is to run"
            f" what they like: {exc}. Take it back with chown and chmod 600, if you trust it"
        ) from exc


def delete(url: str) -> None:
    """Remove a value, if it is there."""
    fs, path = fsspec.core.url_to_fs(url)
    try:
        fs.rm_file(path)
    except FileNotFoundError:
        return


def written_before(folder: str, at: float) -> list[str]:
    """Return the URLs, as `write` returned them, of the values written before `at` (Unix time)."""
    fs, path = fsspec.core.url_to_fs(folder)
    names = fs.find(path) if fs.exists(path) else []
    old = [name for name in names if fs.modified(name).timestamp() < at]
    return [f"{folder.rstrip('/')}/{name[len(path) :].lstrip('/')}" for name in old]


def listed(folder: str) -> list[str]:
    """Return the URLs of all values in a folder, as `write` returned them."""
    fs, path = fsspec.core.url_to_fs(folder)
    names = fs.ls(path, detail=False) if fs.exists(path) else []
    return [f"{folder.rstrip('/')}/{name.rpartition('/')[2]}" for name in names]


def is_local(folder: str) -> bool:
    """Return whether a folder lies on this machine, so that listing all of it is cheap."""
    return isinstance(fsspec.core.url_to_fs(folder)[0], LocalFileSystem)


def part_of(store_url: str) -> str:
    """Return the name of a store's own part of a results' folder; it has no secret in it."""
    place = urlsplit(store_url)
    return sha256(f"{place.hostname}:{place.port}{place.path}".encode()).hexdigest()[:12]
