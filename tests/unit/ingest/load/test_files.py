"""The files of an ingestion: each under its first source, in groups that one job reads."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from parrot_async.ingest.errors import LoadError
from parrot_async.ingest.load.files import (
    BYTES,
    FILES,
    MOST_GROUPS,
    FoundFile,
    find_files,
    groups_of,
    names_of,
)


def write(folder: Path, *names: str) -> Path:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("words")
    return folder


def of_size(*sizes: int) -> list[FoundFile]:
    return [FoundFile(f"/docs/{number}", "/docs", size) for number, size in enumerate(sizes)]


def test_a_file_that_two_paths_name_belongs_to_the_first(tmp_path: Path) -> None:
    folder = write(tmp_path, "a.txt", "below/b.txt")

    corpus = find_files([str(folder / "below"), str(folder)])

    assert {file.path: file.source for file in corpus.files} == {
        str(folder / "below/b.txt"): str(folder / "below"),
        str(folder / "a.txt"): str(folder),
    }
    assert corpus.counts == {str(folder / "below"): 1, str(folder): 2}


def test_sizes_are_known_and_an_empty_folder_is_counted_as_empty(tmp_path: Path) -> None:
    write(tmp_path, "full/a.txt")
    (tmp_path / "empty").mkdir()

    corpus = find_files([str(tmp_path / "full"), str(tmp_path / "empty")])

    assert [file.size for file in corpus.files] == [5]
    assert corpus.counts[str(tmp_path / "empty")] == 0


def test_a_relative_path_is_refused_since_a_worker_has_another_folder() -> None:
    with pytest.raises(LoadError, match="make it absolute"):
        find_files(["docs"])


def test_excluded_files_are_not_in_the_corpus(tmp_path: Path) -> None:
    folder = write(tmp_path, "a.txt", "a.log", "old/b.txt")

    corpus = find_files([str(folder)], ["*.log", "old"])

    assert [Path(file.path).name for file in corpus.files] == ["a.txt"]


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
    ],
)
def test_many_files_are_named_by_the_first(paths: list[str], expected: str) -> None:
    assert names_of(paths) == expected
