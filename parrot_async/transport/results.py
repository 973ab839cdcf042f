"""The result folder: values too big to travel with their event, at any URL that fsspec knows."""

import fsspec
from fsspec.implementations.local import LocalFileSystem

from parrot_async.errors import ResultExpiredError


def write(folder: str, name: str, data: bytes) -> str:
    """Write a value and return its URL; what is there under this name is replaced as a whole."""
    url = f"{folder.rstrip('/')}/{name}"
    fs, path = fsspec.core.url_to_fs(url)
    fs.makedirs(path.rpartition("/")[0], exist_ok=True)
    fs.pipe_file(f"{path}.part", data)
    fs.mv(f"{path}.part", path)
    return url


def read(url: str) -> bytes:
    """Return a value; ResultExpiredError where it is gone."""
    fs, path = fsspec.core.url_to_fs(url)
    try:
        data: bytes = fs.cat_file(path)
        return data
    except FileNotFoundError as exc:
        message = f"the result at {url} is gone, or not reachable from here"
        raise ResultExpiredError(message) from exc


def delete(url: str) -> None:
    """Remove a value; that it is gone already is fine."""
    fs, path = fsspec.core.url_to_fs(url)
    try:
        fs.rm_file(path)
    except FileNotFoundError:
        return


def written_before(folder: str, at: float) -> list[str]:
    """Return the URLs of all values below a folder that were written before `at`, as `write`'s."""
    fs, path = fsspec.core.url_to_fs(folder)
    names = fs.find(path) if fs.exists(path) else []
    old = [name for name in names if fs.modified(name).timestamp() < at]
    return [f"{folder.rstrip('/')}/{name[len(path) :].lstrip('/')}" for name in old]


def is_local(folder: str) -> bool:
    """Whether a folder lies on this machine, so that to look at all of it costs little."""
    return isinstance(fsspec.core.url_to_fs(folder)[0], LocalFileSystem)
