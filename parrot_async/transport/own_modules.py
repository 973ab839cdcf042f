"""The user's own modules that a function needs, each known by its file and what is in it.

Modules of the environment, in site-packages or the standard library, do not count.
"""

import ast
import sys
import sysconfig
from collections.abc import Iterable, Iterator
from dis import get_instructions
from functools import lru_cache
from hashlib import sha256
from importlib.machinery import PathFinder, SourceFileLoader
from pathlib import Path
from types import CodeType, FunctionType, ModuleType
from typing import NamedTuple

from parrot_async.errors import FunctionChangedError
from parrot_async.transport.code import code_text


class ModuleFile(NamedTuple):
    """A module as a process has it."""

    name: str
    file: str
    hash: str
    """Of what is in the file, in hex."""


class _Source(NamedTuple):
    """What is in a file, at one time."""

    hash: str
    imports: tuple[str, ...]
    """Names of all modules that it imports, anywhere in it."""


_PACKAGE = str(Path(__file__).resolve().parents[1])
_ENVIRONMENT = tuple(
    {sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "platlib", "purelib")}
    | {_PACKAGE}
)


class _Seen(NamedTuple):
    """A module as it was when it was seen first; a reload gives it another spec."""

    spec: object
    file: ModuleFile
    imports: tuple[str, ...]


_seen: dict[str, _Seen] = {}


def own_modules(names: Iterable[str]) -> tuple[ModuleFile, ...]:
    """Return those of these modules that are the user's own, and of those that they import.

    What is imported is told as it was when it was seen first, whatever is in its file now. Raises
    FunctionChangedError for a module that was edited between its import and that moment.
    """
    found: dict[str, ModuleFile] = {}
    left = list(names)
    while left:
        name = left.pop()
        if name in found or (seen := _look(name)) is None:
            continue
        found[name] = seen.file
        left += [one for one in seen.imports if one not in found]
        left += [parent] if (parent := name.rpartition(".")[0]) else []
    return tuple(found[name] for name in sorted(found))


def _look(name: str) -> _Seen | None:
    module = sys.modules.get(name)
    spec = getattr(module, "__spec__", None)
    seen = _seen.get(name)
    if seen is not None and spec is not None and seen.spec is spec:
        return seen
    file = file_of(name)
    source = None if file is None else _source(file, _signature(file), name)
    if file is None or source is None:
        return None
    seen = _Seen(spec, ModuleFile(name, file, source.hash), source.imports)
    if module is not None:
        _check_loaded(module, file)
        _seen[name] = seen
    return seen


def folder_of(module: ModuleFile) -> str:
    """Return the folder that a module is imported from, which `sys.path` may have lost again."""
    path = Path(module.file)
    depth = module.name.count(".") + (path.name == "__init__.py")
    return str(path.resolve().parents[depth])


def hash_of_file(file: str) -> str | None:
    """Return the hash of what is in a file now; None where it cannot be read."""
    source = _source(file, _signature(file), "")
    return None if source is None else source.hash


def file_of(name: str) -> str | None:
    """Return the file of a user's own module, imported or not; None for any other."""
    if name == "__main__" or name.partition(".")[0] in sys.stdlib_module_names:
        return None
    module = sys.modules.get(name)
    file = _found(name) if module is None else getattr(module, "__file__", None)
    return file if file is not None and is_own(file) else None


@lru_cache(maxsize=4096)
def is_own(file: str) -> bool:
    """Return whether a file is the user's own: Python source outside of the environment."""
    path = str(Path(file).resolve())
    outside = not path.startswith(_ENVIRONMENT) and "site-packages" not in path
    return outside and path.endswith(".py")


@lru_cache(maxsize=4096)
def imports_of(code: CodeType) -> tuple[str, ...]:
    """Return the names of the modules that a function's code imports."""
    steps = get_instructions(code)
    names = [step.argval for step in steps if step.opname == "IMPORT_NAME"]
    for inner in code.co_consts:
        if isinstance(inner, CodeType):
            names += imports_of(inner)
    return tuple(names)


def _found(name: str) -> str | None:
    """Return the file of a module that is not imported yet; None where there is none."""
    parent, _, _ = name.rpartition(".")
    path = getattr(sys.modules.get(parent), "__path__", None) if parent else None
    if parent and path is None:
        return None
    try:
        spec = PathFinder.find_spec(name, path)
    except (ImportError, ValueError):
        return None
    return None if spec is None else spec.origin


def _signature(file: str) -> tuple[int, int]:
    """Return what changes when a file does; zeros where there is none."""
    try:
        stat = Path(file).stat()
    except OSError:
        return 0, 0
    return stat.st_mtime_ns, stat.st_size


@lru_cache(maxsize=4096)
def _source(file: str, signature: tuple[int, int], name: str) -> _Source | None:  # noqa: ARG001 - the cache's key
    try:
        data = Path(file).read_bytes()
    except OSError:
        return None
    package = name if Path(file).name == "__init__.py" else name.rpartition(".")[0]
    return _Source(sha256(data).hexdigest()[:16], tuple(_imports(data, package)))


def _imports(data: bytes, package: str) -> Iterator[str]:
    try:
        tree = ast.parse(data)
    except (SyntaxError, ValueError):  # the import says it, with the line
        return
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from _imported_from(node, package)


def _imported_from(node: ast.ImportFrom, package: str) -> Iterator[str]:
    base = node.module or ""
    if node.level:
        parents = package.split(".")
        above = ".".join(parents[: len(parents) - node.level + 1])
        base = f"{above}.{base}".strip(".") if base else above
    if base:
        yield base
        yield from (f"{base}.{alias.name}" for alias in node.names if alias.name != "*")


# Whether what was imported is what is in the file.


def _check_loaded(module: ModuleType, file: str) -> None:
    """Raise FunctionChangedError where a function of a module is not in its file any more."""
    # Other loaders, such as pytest's, make other code of the same source.
    if not isinstance(getattr(module, "__loader__", None), SourceFileLoader):
        return
    if (changed := _changed_function(module, file)) is not None:
        raise FunctionChangedError(
            f"{file} was edited after this process imported it: workers would run another "
            f"{module.__name__}.{changed} than the one that is here. Reload the module, or restart"
        )


def _changed_function(module: ModuleType, file: str) -> str | None:
    try:
        code = compile(Path(file).read_bytes(), file, "exec", dont_inherit=True)
    except (OSError, SyntaxError, ValueError):
        return None
    known = {code_text(one) for one in _codes(code)}
    for name, fn in _functions(module):
        if fn.__code__.co_filename == file and code_text(fn.__code__) not in known:
            return name
    return None


def _codes(code: CodeType) -> Iterator[CodeType]:
    yield code
    for inner in code.co_consts:
        if isinstance(inner, CodeType):
            yield from _codes(inner)


def _functions(module: ModuleType) -> Iterator[tuple[str, FunctionType]]:
    """Yield the functions of a module, and those of its classes."""
    for name, value in list(vars(module).items()):
        if getattr(value, "__module__", None) != module.__name__:
            continue
        inner = getattr(value, "__wrapped__", value)
        if isinstance(inner, FunctionType):
            yield name, inner
        elif isinstance(value, type):
            yield from (
                (f"{name}.{n}", f)
                for n, f in list(vars(value).items())
                if isinstance(f, FunctionType)
            )
