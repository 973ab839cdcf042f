"""The user's own modules that a function needs."""

import importlib
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from parrot_async.errors import FunctionChangedError
from parrot_async.transport.own_modules import file_of, folder_of, imports_of, own_modules

NAMES = ("shop_of_mine", "shop_of_mine.prices", "late_of_mine", "shop_of_mine.parts")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder with a package that imports a module of its own late."""
    (tmp_path / "shop_of_mine").mkdir()
    (tmp_path / "shop_of_mine" / "__init__.py").write_text("import json\nfrom . import prices\n")
    (tmp_path / "shop_of_mine" / "prices.py").write_text(
        "def price():\n    import late_of_mine\n    return late_of_mine.ONE\n"
    )
    (tmp_path / "late_of_mine.py").write_text("ONE = 1\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    yield tmp_path
    for name in NAMES:
        sys.modules.pop(name, None)


def test_own_modules_are_found_with_all_that_they_import_now_or_later(folder: Path) -> None:
    importlib.import_module("shop_of_mine.prices")

    found = own_modules(["shop_of_mine.prices", "json", "pytest", "__main__"])

    assert [one.name for one in found] == ["late_of_mine", "shop_of_mine", "shop_of_mine.prices"]
    assert {folder_of(one) for one in found} == {str(folder.resolve())}


def test_a_module_is_told_as_it_was_imported_until_it_is_loaded_again(folder: Path) -> None:
    late = importlib.import_module("late_of_mine")
    (before,) = own_modules(["late_of_mine"])
    (folder / "late_of_mine.py").write_text("ONE = 'one'\n")

    (edited,) = own_modules(["late_of_mine"])
    importlib.reload(late)
    (loaded_again,) = own_modules(["late_of_mine"])

    assert before == edited != loaded_again


def test_an_edit_that_came_before_anybody_looked_is_refused_by_name(folder: Path) -> None:
    importlib.import_module("shop_of_mine.prices")
    (folder / "shop_of_mine" / "prices.py").write_text("def price():\n    return 2\n")

    with pytest.raises(FunctionChangedError, match=r"prices\.py was edited .* Reload"):
        own_modules(["shop_of_mine.prices"])


def test_what_a_function_of_a_notebook_imports_is_seen_in_its_code() -> None:
    def cell() -> object:
        def inner() -> object:
            import late_of_mine  # type: ignore[import-not-found]  # it is not there

            return late_of_mine

        return inner

    assert list(imports_of(cell.__code__)) == ["late_of_mine"]
    assert file_of("json") is None
    assert file_of("__main__") is None
