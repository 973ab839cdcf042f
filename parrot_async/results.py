"""The result folder: values too big to travel with their event, at any URL that fsspec knows."""

import fsspec

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
