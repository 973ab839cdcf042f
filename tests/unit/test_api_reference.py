"""Every public name has its place in the API reference, which is made from the docstrings."""

import re
from collections.abc import Iterator
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

PAGES = Path(__file__).parents[2] / "docs" / "reference" / "api"
FRONT_DOORS = (
    "parrot_async",
    "parrot_async.errors",
    "parrot_async.history",
    "parrot_async.ingest",
    "parrot_async.model",
    "parrot_async.testing",
    "parrot_async.widget",
)


def public(door: str) -> Iterator[str]:
    """Yield the public names of a module: its `__all__`, else the classes that it defines."""
    module = import_module(door)
    names = getattr(module, "__all__", None)
    yield from names or (n for n, v in vars(module).items() if is_own_class(module, n, v))


def is_own_class(module: ModuleType, name: str, value: object) -> bool:
    """Whether a module defines this class, and means it for others."""
    return (
        isinstance(value, type) and value.__module__ == module.__name__ and not name.startswith("_")
    )


def documented() -> set[str]:
    """Return the names that the pages document, those of a whole module included."""
    text = "\n".join(page.read_text("utf-8") for page in PAGES.glob("*.md"))
    found = set(re.findall(r"^\.\. (?:auto|py:)\w+:: ([\w.]+)", text, re.MULTILINE))
    for module in re.findall(
        r"^\.\. automodule:: ([\w.]+)\n(?!   :no-members:)", text, re.MULTILINE
    ):
        found.update(f"{module}.{name}" for name in public(module))
    return found


def at(name: str) -> Any:
    """Return what a documented name stands for; None where there is no such thing."""
    module, _, last = name.rpartition(".")
    return getattr(import_module(module), last, None) if find_spec(module) else None


@pytest.mark.parametrize("door", FRONT_DOORS)
def test_every_public_name_of_a_front_door_is_on_a_page_of_the_api_reference(door: str) -> None:
    pages = documented()
    shown = [at(name) for name in pages]

    missing = [
        name
        for name in public(door)
        if f"{door}.{name}" not in pages and all(at(f"{door}.{name}") is not one for one in shown)
    ]

    assert not missing


def test_what_the_api_reference_documents_exists() -> None:
    missing = [name for name in documented() if at(name) is None]

    assert not missing


def test_the_api_reference_documents_each_name_once() -> None:
    text = "\n".join(page.read_text("utf-8") for page in PAGES.glob("*.md"))

    names = re.findall(r"^\.\. (?:auto|py:)\w+:: ([\w.]+)", text, re.MULTILINE)

    assert len(names) == len(set(names))
