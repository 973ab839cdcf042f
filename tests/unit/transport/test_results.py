"""The result folder, on a disk and elsewhere."""

import os
import time
from collections.abc import Iterator
from pathlib import Path

import fsspec
import pytest

from parrot_async.errors import ResultExpiredError
from parrot_async.transport import results


@pytest.fixture(params=["disk", "memory"])
def folder(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """A result folder that does not exist yet."""
    if request.param == "disk":
        yield str(tmp_path / "results")
        return
    yield "memory://parrot-results"
    memory = fsspec.filesystem("memory")
    if memory.exists("/parrot-results"):
        memory.rm("/parrot-results", recursive=True)


def test_a_value_comes_back_by_its_url(folder: str) -> None:
    url = results.write(folder, "r.1.pickle", b"value")

    assert url == f"{folder}/r.1.pickle"
    assert results.read(url) == b"value"


def test_a_folder_may_be_written_with_a_slash(folder: str) -> None:
    assert results.write(f"{folder}/", "r.pickle", b"") == f"{folder}/r.pickle"


def test_a_value_is_replaced_as_a_whole(folder: str) -> None:
    url = results.write(folder, "r.1.pickle", b"a long first value")

    results.write(folder, "r.1.pickle", b"second")

    assert results.read(url) == b"second"
    assert results.written_before(folder, time.time() + 60) == [url]


def test_a_value_that_is_gone_is_an_error_that_says_where_it_was(folder: str) -> None:
    url = results.write(folder, "r.1.pickle", b"value")

    results.delete(url)

    with pytest.raises(ResultExpiredError, match=r"r\.1\.pickle is gone, or not reachable"):
        results.read(url)


def test_deleting_what_is_gone_is_no_error(folder: str) -> None:
    url = results.write(folder, "r.1.pickle", b"value")

    results.delete(url)
    results.delete(url)

    assert results.written_before(folder, time.time() + 60) == []


def test_old_values_are_told_from_new_ones(tmp_path: Path) -> None:
    folder = str(tmp_path)
    old = results.write(folder, "old.pickle", b"value")
    results.write(folder, "new.pickle", b"value")
    an_hour_ago = time.time() - 3600
    os.utime(old, (an_hour_ago, an_hour_ago))

    assert results.written_before(folder, time.time() - 60) == [old]


def test_a_folder_that_was_never_written_to_has_no_values(folder: str) -> None:
    assert results.written_before(folder, time.time() + 60) == []


def test_a_disk_is_local_and_the_rest_is_not(tmp_path: Path) -> None:
    assert results.is_local(str(tmp_path))
    assert results.is_local(tmp_path.as_uri())
    assert not results.is_local("memory://parrot-results")


def test_what_stands_for_a_file_is_told_from_a_pickle() -> None:
    assert results.url_in(results.in_file("file:///a/b")) == "file:///a/b"
    assert results.url_in(b"\x80\x05K\x01.") is None
    assert results.url_in(b"") is None


def test_all_values_of_a_folder_are_listed(folder: str) -> None:
    assert results.listed(folder) == []

    urls = {results.write(folder, name, b"value", sync=True) for name in ("a", "b")}

    assert set(results.listed(folder)) == urls
