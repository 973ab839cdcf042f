"""The state of a package's code, as a process has loaded it."""

from pathlib import Path

from parrot_async.cluster.package import PACKAGE, fingerprint, package_version


def package(path: Path) -> Path:
    path.mkdir()
    (path / "module.py").write_text("x = 1\n")
    (path / "query.sql").write_text("SELECT 1;\n")
    return path


def fresh(path: Path) -> str:
    """What a new process would say."""
    return fingerprint.__wrapped__(path)


def test_the_package_is_the_one_that_runs_here() -> None:
    assert (PACKAGE / "cluster" / "package.py").is_file()
    assert package_version()


def test_code_that_nobody_touched_has_one_fingerprint(tmp_path: Path) -> None:
    path = package(tmp_path / "a")

    assert fresh(path) == fresh(path)


def test_an_edit_changes_it_and_so_does_a_new_query(tmp_path: Path) -> None:
    path = package(tmp_path / "a")
    before = fresh(path)

    (path / "module.py").write_text("x = 10\n")
    edited = fresh(path)
    (path / "query.sql").write_text("SELECT 10;\n")

    assert len({before, edited, fresh(path)}) == 3


def test_files_that_are_not_code_do_not_count(tmp_path: Path) -> None:
    path = package(tmp_path / "a")
    before = fresh(path)

    (path / "notes.txt").write_text("nothing")
    (path / ".#module.py").write_text("an editor's lock")

    assert fresh(path) == before


def test_a_process_keeps_the_fingerprint_of_what_it_has_loaded(tmp_path: Path) -> None:
    path = package(tmp_path / "a")
    before = fingerprint(path)

    (path / "module.py").write_text("x = 10\n")

    assert fingerprint(path) == before
    assert fresh(path) != before
