"""The result folder: values too big to travel with their event, at any URL that fsspec opens."""

import fsspec
from fsspec.implementations.local import LocalFileSystem

from parrot_async.errors import ResultExpiredError


def write(folder: str, name: str, data: bytes) -> str:
    """Write a value and return its URL; an older one of this name is replaced as a whole."""
    url = f"{folder.rstrip('/')}/{name}"
    fs, path = fsspec.core.url_to_fs(url)
    fs.makedirs(path.rpartition("/")[0], exist_ok=True)
    # Who reads meanwhile finds the old value or the new one, never half of one.
    fs.pipe_file(f"{path}.part", data)
    fs.mv(f"{path}.part", path)
    return url


def read(url: str) -> bytes:
    """Return a value; raises ResultExpiredError where it is gone."""
    fs, path = fsspec.core.url_to_fs(url)
    try:
        data: bytes = fs.cat_file(path)
        return data
    except FileNotFoundError as exc:
        message = f"the result at {url} is gone, or not reachable from here"
        raise ResultExpiredError(message) from exc


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


def is_local(folder: str) -> bool:
    """Return whether a folder lies on this machine, so that listing all of it is cheap."""
    return isinstance(fsspec.core.url_to_fs(folder)[0], LocalFileSystem)
