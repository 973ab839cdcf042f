"""The package's modules as syntax trees, for the tests of the house rules."""

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import parrot_async

PACKAGE = Path(parrot_async.__file__).parent
TESTS = Path(__file__).parents[1]

Function = ast.FunctionDef | ast.AsyncFunctionDef


@cache
def modules() -> dict[Path, str]:
    """Return the text of each module by its path below the package."""
    found = sorted(PACKAGE.rglob("*.py"))
    return {path.relative_to(PACKAGE): path.read_text("utf-8") for path in found}


@cache
def trees() -> dict[Path, ast.Module]:
    """Return the syntax tree of each module."""
    return {path: ast.parse(text) for path, text in modules().items()}


def functions() -> Iterator[tuple[Path, Function]]:
    """Yield all functions and methods."""
    for path, tree in trees().items():
        for node in ast.walk(tree):
            if isinstance(node, Function):
                yield path, node


def length(function: Function) -> int:
    """Return a function's lines, with its docstring."""
    return (function.end_lineno or function.lineno) - function.lineno + 1


def imported(path: Path) -> set[str]:
    """Return the modules, and the names of modules, that a file imports."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return found


def reached(test: Path) -> set[str]:
    """Return what a test imports, itself or through the parts that it shares with others."""
    found = imported(test)
    for name in list(found):
        part = TESTS.parent.joinpath(*name.split(".")).with_suffix(".py")
        if name.startswith("tests.") and part.exists():
            found |= imported(part)
    return found


def is_front_door(path: Path) -> bool:
    """Whether a module is where a folder or a process is entered."""
    return path.name in {"__init__.py", "__main__.py", "preload.py"}
