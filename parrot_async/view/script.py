"""The script and the styles of a live view, each as the one file that a page loads."""

import re
from functools import cache
from graphlib import TopologicalSorter
from importlib.resources import files

_STATIC = files("parrot_async.view") / "static"
_ENTRY = "jobs"
_IMPORT = re.compile(r'^import \{([\w\s,$]+?),?\s*\} from "\./(\w+)\.js";$', re.MULTILINE)
_EXPORT = re.compile(r"^export (?=(?:async )?(?:const|class|function\*?) ([\w$]+))", re.MULTILINE)


@cache
def script() -> str:
    """Returns one ES module that needs no other; its default export is what anywidget asks for.

    Each module of `static/` becomes a function that is called once and returns what the module
    exports, so that every module keeps its own scope.
    """
    *modules, entry = _in_order()
    return "\n".join([*map(_scoped, modules), _linked(_text(entry))])


@cache
def styles() -> str:
    """Returns the stylesheet that belongs to the script."""
    return (_STATIC / "jobs.css").read_text("utf-8")


def _in_order() -> list[str]:
    """The names of the modules that the entry needs, each after those that it imports."""
    imports: dict[str, list[str]] = {}
    ahead = [_ENTRY]
    while ahead:
        name = ahead.pop()
        if name not in imports:
            imports[name] = [there for _, there in _IMPORT.findall(_text(name))]
            ahead.extend(imports[name])
    return list(TopologicalSorter(imports).static_order())


def _scoped(name: str) -> str:
    """A module as a function of its own."""
    text = _text(name)
    body = _EXPORT.sub("", _linked(text))
    exports = ", ".join(_EXPORT.findall(text))
    return f"const ${name} = (() => {{\n{body}return {{ {exports} }};\n}})();\n"


def _linked(text: str) -> str:
    """The text with its imports taken from the modules above it."""
    return _IMPORT.sub(r"const {\1 } = $\2;", text)


def _text(name: str) -> str:
    return (_STATIC / f"{name}.js").read_text("utf-8")
