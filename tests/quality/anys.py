"""Where the package says `Any`, except for payloads: what users hand in and get back."""

import ast
from collections.abc import Iterator

GENERICS = {"JobHandle", "JobHandles", "Child", "Children", "Pending"}
"""Classes whose parameter is the type of a job's result."""
CALLS = {"fn", "args", "kwargs", "iterables", "same", "calls", "instead"}
"""Names of users' functions, and of what these are called with."""
VALUES = {"value", "values", "state", "restored", "result", "results"}
"""Names of what a user's function returns or saves, as a variable or as what returns it."""
ENTRIES = {"submit", "run", "map", "gather", "load_value", "make"}
"""Functions that return what a user's function returned."""

_PAYLOADS = CALLS | VALUES


def mentions(tree: ast.AST, *, payload: bool = False) -> Iterator[ast.Name]:
    """Yield each `Any` of a syntax tree that is no payload, also those in quoted annotations.

    A payload is: `Callable[..., Any]`; the parameter of a handle; a `tuple[Any, ...]` or
    `dict[str, Any]` that is a call's; a parameter, variable or attribute with a name of
    `CALLS` or `VALUES`, and the return of a function with a name of `VALUES` or `ENTRIES`.
    Imports are not counted: they say nothing of any type.
    """
    if isinstance(tree, ast.Name) and tree.id == "Any" and not payload:
        yield tree
    for child, is_payload in _parts(tree):
        yield from mentions(child, payload=payload or is_payload)


def _parts(node: ast.AST) -> Iterator[tuple[ast.AST, bool]]:
    """Yield what is directly below a node, and whether it stands for users' values."""
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
        returns_value = _names(node.name, VALUES | ENTRIES)
        for child in ast.iter_child_nodes(node):
            yield child, child is node.returns and returns_value
    elif isinstance(node, ast.Constant):
        yield from ((quoted, False) for quoted in _quoted(node.value))
    else:
        is_payload = _is_payload(node)
        yield from ((child, is_payload) for child in ast.iter_child_nodes(node))


def _quoted(text: object) -> list[ast.AST]:
    """Return the annotation that a text is, if it is one."""
    if not isinstance(text, str) or "Any" not in text:
        return []
    try:
        return [ast.parse(text, mode="eval")]
    except SyntaxError:  # a docstring
        return []


def _names(name: str, known: set[str]) -> bool:
    return name.lstrip("_") in known


def _target(target: ast.expr) -> str:
    return target.attr if isinstance(target, ast.Attribute) else ast.unparse(target)


def _is_payload(node: ast.AST) -> bool:
    """Whether a type, or what has one, is a user's function, what it is called with or returns."""
    match node:
        case ast.arg(arg=name):
            return _names(name, _PAYLOADS)
        case ast.AnnAssign(target=target):
            return _names(_target(target), _PAYLOADS)
        case ast.Assign(targets=[ast.Name(id=name)]):
            return name in {"Call", "Payload"}
        case ast.Subscript(value=generic):
            return ast.unparse(node) == "Callable[..., Any]" or ast.unparse(generic) in GENERICS
    return False
