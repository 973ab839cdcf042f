"""The result folder: values too big to travel with their event, at any URL that fsspec knows."""

from typing import cast

import fsspec

from parrot_async.errors import ResultExpiredError


def write(folder: str, name: str, data: bytes) -> str:
    """Write a value and return its URL; what is there under this name is replaced as a whole."""
    url = f"{folder.rstrip('/')}/{name}"
    fs, path = fsspec.core.url_to_fs(url)
    fs.makedirs(fs._parent(path), exist_ok=True)
    fs.pipe_file(f"{path}.part", data)
    fs.mv(f"{path}.part", path)
    return url


def read(url: str) -> bytes:
    """Return a value; ResultExpiredError where it is gone."""
    fs, path = fsspec.core.url_to_fs(url)
    try:
        return cast(bytes, fs.cat_file(path))
    except FileNotFoundError as exc:
        raise ResultExpiredError(f"the result at {url} is gone, or not reachable from here") from exc


def delete(url: str) -> None:
    """Remove a value; that it is gone already is fine."""
    fs, path = fsspec.core.url_to_fs(url)
    try:
        fs.rm_file(path)
    except FileNotFoundError:
        return
