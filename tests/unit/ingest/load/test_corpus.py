"""The corpus: what paths name, in any form, and what cannot be read is named and stops nothing."""

import os
import socket
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from parrot_async.ingest.errors import LoadError
from parrot_async.ingest.load.corpus import LONGEST_PATH, Corpus, find_files
from parrot_async.ingest.load.files import AnyPath
from parrot_async.ingest.load.loaders import load
from tests.ingest_files import BAD, GOOD, write_files
from tests.unit.ingest.forbidden import forbidden, open_folder

ODD = os.fsdecode(b"caf\xe9.txt")
"""A file's name that is not UTF-8."""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a dozen files of every kind."""
    write_files(tmp_path / "files")
    return tmp_path / "files"


@pytest.fixture
def opened() -> Iterator[Path]:
    """A folder with two texts, one of them below; every user may enter it."""
    with open_folder() as folder:
        yield write(folder, "a.txt", "below/b.txt", "other/c.txt")


def write(folder: Path, *names: str) -> Path:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("words")
    return folder


def names(corpus: Corpus) -> list[str]:
    return [Path(file.path).name for file in corpus.files]


def test_a_folder_yields_its_files_sorted_without_the_hidden_ones(folder: Path) -> None:
    corpus = find_files(folder)

    assert [file.path for file in corpus.files] == sorted(str(folder / n) for n in GOOD | BAD)


def test_files_folders_and_globs_yield_each_file_once(folder: Path) -> None:
    corpus = find_files([folder / "guide", folder / "guide/fish.md", folder / "**/*.md"])

    assert names(corpus).count("fish.md") == 1
    assert list(corpus.counts.values()) == [4, 1, 1]
    assert len(corpus.files) == 4


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("*.md", []),
        ("*/*.md", ["fish.md"]),
        ("**/*.md", ["fish.md"]),
        ("g[t-v]ide/fish.md", ["fish.md"]),
        ("gui*", ["ants.rst", "birds.html", "fish.md", "horses.txt"]),
        ("**/guide/**", ["ants.rst", "birds.html", "fish.md", "horses.txt"]),
        ("*/.hidden*", []),
        ("README/*", []),
    ],
)
def test_globs_match_as_a_shell_does(folder: Path, pattern: str, expected: list[str]) -> None:
    if expected:
        assert names(find_files(folder / pattern)) == expected
    else:
        with pytest.raises(LoadError, match="check the spelling"):
            find_files(folder / pattern)


def test_excluded_names_are_left_out_but_not_a_file_that_is_named_itself(folder: Path) -> None:
    corpus = find_files([folder, folder / "cats.pdf"], ["*.pdf", "*/guide"])

    assert [name for name in names(corpus) if name.endswith(".pdf")] == ["cats.pdf"]
    assert "fish.md" not in names(corpus)


@pytest.mark.parametrize("path", ["missing", "missing/*.md", "README/below", "a\0b"])
def test_a_misspelt_path_is_no_empty_folder(folder: Path, path: str) -> None:
    with pytest.raises(LoadError, match="check the spelling"):
        find_files(f"{folder}/{path}")


@pytest.mark.parametrize("form", [str, os.fsencode, Path])
def test_one_path_in_any_form_is_one_source(folder: Path, form: type[str]) -> None:
    path: AnyPath = form(str(folder / "guide"))

    corpus = find_files(path)

    assert corpus.counts == {str(folder / "guide"): 4}


def test_paths_may_come_from_a_generator(folder: Path) -> None:
    corpus = find_files(folder / name for name in ("README", "cats.pdf"))

    assert names(corpus) == ["README", "cats.pdf"]


def test_a_name_that_is_not_utf8_is_stored_printable_and_read_by_its_bytes(tmp_path: Path) -> None:
    (tmp_path / ODD).write_text("coffee")

    (file,) = find_files(tmp_path).files

    assert file.path == f"{tmp_path}/caf\\xe9.txt"
    assert load(file.on_disk).text == "coffee"


def test_a_folder_whose_name_is_not_utf8_is_a_source_with_a_printable_name(tmp_path: Path) -> None:
    source = os.fsencode(write(tmp_path / os.fsdecode(b"\xe9t\xe9"), "a.txt"))

    corpus = find_files(source)

    assert corpus.counts == {f"{tmp_path}/\\xe9t\\xe9": 1}
    assert corpus.files[0].path == f"{corpus.files[0].source}/a.txt"


def test_two_files_that_would_share_a_printable_name_are_told_apart(tmp_path: Path) -> None:
    write(tmp_path, ODD, "caf\\xe9.txt")

    corpus = find_files(tmp_path)

    assert [Path(file.on_disk).name for file in corpus.files] == ["caf\\xe9.txt"]
    assert "rename one" in corpus.unreadable[f"{tmp_path}/caf\\xe9.txt"]


def test_a_path_too_long_for_the_store_is_named(tmp_path: Path) -> None:
    deep = tmp_path.joinpath(*["x" * 200] * (LONGEST_PATH // 200))
    write(tmp_path, "short.txt")
    write(deep, "long.txt")

    corpus = find_files(tmp_path)

    assert names(corpus) == ["short.txt"]
    assert list(corpus.unreadable) == [str(deep / "long.txt")]


def test_a_folder_that_cannot_be_listed_is_named_and_stops_nothing_else(opened: Path) -> None:
    with forbidden(opened / "below"):
        corpus = find_files(opened)

    assert names(corpus) == ["a.txt", "c.txt"]
    assert corpus.unreadable == {
        str(opened / "below"): "cannot be listed (Permission denied): check its permissions"
    }
    assert corpus.hides(str(opened / "below/b.txt"))
    assert not corpus.hides(str(opened / "other/gone.txt"))


def test_a_source_that_cannot_be_reached_is_named_beside_the_others(opened: Path) -> None:
    with forbidden(opened / "below"):
        corpus = find_files([opened / "below/b.txt", opened / "other"])

    assert names(corpus) == ["c.txt"]
    assert "cannot be read (Permission denied)" in corpus.unreadable[str(opened / "below/b.txt")]


@pytest.mark.parametrize("pattern", ["*/*.txt", "**/*.txt", "below/*.txt"])
def test_a_glob_names_the_folders_that_it_cannot_list(opened: Path, pattern: str) -> None:
    with forbidden(opened / "below"):
        corpus = find_files(opened / pattern)

    assert list(corpus.unreadable) == [str(opened / "below")]
    assert "b.txt" not in names(corpus)


def test_a_folder_that_may_be_entered_but_not_listed_gives_the_file_that_is_named(
    opened: Path,
) -> None:
    with forbidden(opened / "below", 0o711):
        corpus = find_files([opened / "below/b.txt", opened / "bel[o]w/b.txt"])

    assert [file.source for file in corpus.files] == [str(opened / "below/b.txt")]


def test_a_link_into_a_forbidden_folder_is_left_to_loading(opened: Path) -> None:
    (opened / "link.txt").symlink_to(opened / "below/b.txt")

    with forbidden(opened / "below"):
        corpus = find_files(opened, ["below"])
        with pytest.raises(LoadError, match="cannot be read"):
            load(opened / "link.txt")

    assert names(corpus) == ["a.txt", "link.txt", "c.txt"]


def test_links_that_lead_nowhere_are_found_so_that_loading_reports_them(tmp_path: Path) -> None:
    (tmp_path / "gone.txt").symlink_to(tmp_path / "nowhere")
    (tmp_path / "loop.txt").symlink_to(tmp_path / "loop.txt")

    corpus = find_files([tmp_path, tmp_path / "gone.txt"])

    assert names(corpus) == ["gone.txt", "loop.txt"]
    for file in corpus.files:
        with pytest.raises(LoadError, match="cannot be read"):
            load(file.on_disk)


def test_a_loop_that_is_named_itself_is_unreadable(tmp_path: Path) -> None:
    (tmp_path / "loop").symlink_to(tmp_path / "loop")

    corpus = find_files(tmp_path / "loop")

    assert corpus.files == []
    assert "symbolic links" in corpus.unreadable[str(tmp_path / "loop")]


@pytest.mark.parametrize("pattern", [".", "**/*.txt"])
def test_a_link_that_leads_upwards_is_not_followed(tmp_path: Path, pattern: str) -> None:
    write(tmp_path, "a.txt", "below/b.txt")
    (tmp_path / "below/up").symlink_to(tmp_path)

    corpus = find_files(f"{tmp_path}/{pattern}")

    assert names(corpus) == ["a.txt", "b.txt"]


def test_a_link_to_a_folder_that_is_named_itself_is_followed_under_its_own_name(
    tmp_path: Path,
) -> None:
    write(tmp_path, "real/a.txt")
    (tmp_path / "link").symlink_to(tmp_path / "real")

    corpus = find_files(tmp_path / "link")

    assert [file.path for file in corpus.files] == [str(tmp_path / "link/a.txt")]


def test_pipes_and_sockets_in_a_folder_are_not_read_and_one_that_is_named_says_why(
    tmp_path: Path,
) -> None:
    write(tmp_path, "a.txt")
    os.mkfifo(tmp_path / "pipe.txt")
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(tmp_path / "socket.txt"))
        corpus = find_files([tmp_path, tmp_path / "pipe.txt", "/dev/zero"])

    assert names(corpus) == ["a.txt", "pipe.txt", "zero"]
    for name in (tmp_path / "pipe.txt", "/dev/zero"):
        with pytest.raises(LoadError, match="no regular file"):
            load(name)


def test_a_file_that_vanishes_before_it_is_read_is_a_load_error(tmp_path: Path) -> None:
    (file,) = find_files(write(tmp_path, "a.txt")).files
    (tmp_path / "a.txt").unlink()

    with pytest.raises(LoadError, match="No such file"):
        load(file.on_disk)


@pytest.mark.parametrize(
    ("unreadable", "empty"),
    [({}, True), ({"/docs/below": "why"}, False), ({"/": "why"}, False), ({"/docs-2": "w"}, True)],
)
def test_a_source_is_empty_only_when_all_of_it_was_read(
    unreadable: dict[str, str], empty: bool
) -> None:
    corpus = Corpus([], Counter({"/docs": 0}), unreadable)

    assert corpus.is_empty("/docs") is empty


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
