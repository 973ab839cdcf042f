"""The house rules that can be counted: entries, sizes, names, and what the type checker is told."""

import ast
import re
from collections import defaultdict
from itertools import chain
from statistics import mean

import pytest

from tests.quality.anys import mentions
from tests.quality.source import (
    PACKAGE,
    TESTS,
    functions,
    is_front_door,
    length,
    modules,
    reached,
    trees,
)

ENTRIES = 20
MEAN_LINES = 8
LONGEST = 50
BIG = 400
SMALL = 30
TESTED = 100
IGNORES = 5
ANYS = 150


def test_the_package_has_few_entries() -> None:
    entries = [path for path in PACKAGE.iterdir() if path.name != "__pycache__"]

    assert len(entries) <= ENTRIES


def test_functions_are_short() -> None:
    lines = [length(function) for _, function in functions()]

    assert mean(lines) <= MEAN_LINES
    assert max(lines) <= LONGEST


def test_modules_are_neither_big_nor_crumbs() -> None:
    sizes = {path: text.count("\n") for path, text in modules().items()}

    assert {str(path): size for path, size in sizes.items() if size > BIG} == {}
    crumbs = {str(path): size for path, size in sizes.items() if size < SMALL}
    assert {path for path in crumbs if not is_front_door(PACKAGE / path)} == set()


def test_no_two_public_classes_share_a_name() -> None:
    homes: defaultdict[str, list[str]] = defaultdict(list)
    for path, tree in trees().items():
        for node in tree.body:
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                homes[node.name].append(str(path))

    assert {name: paths for name, paths in homes.items() if len(paths) > 1} == {}


def test_every_big_module_has_tests_of_its_name_that_import_it() -> None:
    missing = []
    for path, text in modules().items():
        if text.count("\n") <= TESTED or is_front_door(path):
            continue
        test = TESTS / "unit" / path.parent / f"test_{path.name}"
        name = ".".join(("parrot_async", *path.with_suffix("").parts))
        if not test.exists() or name not in reached(test):
            missing.append(str(path))

    assert missing == []


def test_the_type_checker_is_seldom_overruled() -> None:
    """`Any` is counted outside payloads, as `anys.mentions` says."""
    ignores = sum(text.count("type: ignore") for text in modules().values())
    anys = {str(path): len(list(mentions(tree))) for path, tree in trees().items()}

    assert ignores <= IGNORES
    assert sum(anys.values()) <= ANYS, {path: count for path, count in anys.items() if count}


def test_every_exception_from_the_linter_has_its_reason() -> None:
    lines = chain.from_iterable(text.splitlines() for text in modules().values())
    bare = [line.strip() for line in lines if re.search(r"# noqa: [A-Z0-9, ]+$", line)]

    assert bare == []


@pytest.mark.parametrize("wire_name", ["parrot_cancel", "parrot_submit", "parrot_attach"])
def test_names_on_the_wire_stand_in_one_module_only(wire_name: str) -> None:
    homes = [str(path) for path, text in modules().items() if wire_name in text]

    assert homes == []
