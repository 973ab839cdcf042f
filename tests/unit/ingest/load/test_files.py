"""The files of an ingestion: any form of a path, printable names, and groups for one job."""

import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from parrot_async.ingest.errors import LoadError
from parrot_async.ingest.load.files import (
    BYTES,
    FILES,
    MOST_GROUPS,
    AnyPath,
    FoundFile,
    groups_of,
    listed,
    names_of,
    printable,
    root_of,
)


def of_size(*sizes: int) -> list[FoundFile]:
    return [FoundFile(f"/docs/{number}", "/docs", size) for number, size in enumerate(sizes)]


@given(sizes=st.lists(st.integers(0, 3 * BYTES), max_size=200))
def test_groups_hold_each_file_once_and_in_order(sizes: list[int]) -> None:
    files = of_size(*sizes)

    groups = list(groups_of(files))

    assert [file for group in groups for file in group] == files
    assert all(group for group in groups)
    assert all(len(group) == 1 or sum(file.size for file in group) <= BYTES for group in groups)


def test_a_big_file_is_on_its_own() -> None:
    groups = list(groups_of(of_size(10, 10 * BYTES, 10)))

    assert [len(group) for group in groups] == [1, 1, 1]


def test_groups_of_a_big_corpus_grow_so_that_the_tree_stays_readable() -> None:
    small = max(map(len, groups_of(of_size(*[1] * 100))))
    big = list(groups_of(of_size(*[1] * FILES * MOST_GROUPS * 3)))

    assert small == FILES
    assert len(big) <= MOST_GROUPS


@pytest.mark.parametrize(
    ("paths", "expected"),
    [
        ([], "nothing"),
        (["/docs/a.txt"], "a.txt"),
        (["/docs/a.txt", "/docs/b.txt", "/c"], "a.txt and 2 more"),
        (["/"], "/"),
        (["/docs/caf\udce9.txt"], "caf\\xe9.txt"),
    ],
)
def test_many_files_are_named_by_the_first(paths: list[str], expected: str) -> None:
    assert names_of(paths) == expected


def test_a_source_has_one_name_however_it_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)

    names = {root_of(written) for written in ("docs", "./docs/", b"docs", tmp_path / "docs")}

    assert names == {str(tmp_path / "docs")}


@pytest.mark.parametrize("path", ["/docs", b"/docs", Path("/docs")])
def test_one_path_is_one_path(path: AnyPath) -> None:
    assert listed(path) == [path]


def test_an_iterator_of_paths_is_several_paths() -> None:
    assert listed(path for path in ("/a", Path("/b"))) == ["/a", Path("/b")]


def test_an_empty_path_is_not_the_current_folder() -> None:
    with pytest.raises(LoadError, match="empty path"):
        root_of("")


def test_an_unknown_user_is_no_error_of_its_own(tmp_path: Path) -> None:
    assert root_of("~nobody-of-this-name/docs").endswith("/~nobody-of-this-name/docs")


@pytest.mark.parametrize("path", [None, 7, ["/docs"]])
def test_what_is_no_path_is_refused(path: Any) -> None:
    with pytest.raises(TypeError, match=r"expected str, bytes or os\.PathLike"):
        root_of(path)


@given(name=st.binary(min_size=1, max_size=20))
def test_any_name_is_printable_and_those_in_utf8_stay_as_they_are(name: bytes) -> None:
    text = os.fsdecode(name)

    shown = printable(text)

    assert shown.encode("utf-8")
    assert (shown == text) is (name.decode("utf-8", "ignore").encode() == name)


def test_bytes_that_are_not_utf8_are_written_out() -> None:
    assert printable(os.fsdecode(b"caf\xe9 \xff.txt")) == "caf\\xe9 \\xff.txt"
    assert printable("café\n.txt") == "café\n.txt"
