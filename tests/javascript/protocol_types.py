"""Writes the types of `protocol.py` for tsc: `python -m tests.javascript.protocol_types`."""

import ast
import inspect
import itertools
import json
import textwrap
from pathlib import Path
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, NotRequired, get_args, get_origin, get_type_hints

from parrot_async.view import protocol

TYPES = Path(__file__).parents[2] / "parrot_async" / "view" / "static" / "protocol.d.ts"
_HEAD = (
    "/** The types of `protocol.py`: `python -m tests.javascript.protocol_types` writes them. */"
)
_PLAIN = {str: "string", int: "number", float: "number", bool: "boolean", object: "unknown"}
_WIDTH = 100


def declarations() -> str:
    """Every class and every union of the protocol, in its order."""
    made = [_alias(name, value) for name, value in vars(protocol).items() if _is_alias(name, value)]
    made += [_interface(value) for value in vars(protocol).values() if _is_message(value)]
    return "\n\n".join([_HEAD, *made]) + "\n"


def _is_message(value: object) -> bool:
    return isinstance(value, type) and value.__module__ == protocol.__name__


def _is_alias(name: str, value: object) -> bool:
    made = get_origin(value) in {Literal, Annotated, dict, tuple} or isinstance(value, UnionType)
    return made and not name.startswith("_")


def _alias(name: str, value: Any) -> str:
    head, members = f"export type {name} =", list(_members(value))
    one = f"{head} {' | '.join(members)};"
    made = one if len(one) <= _WIDTH else "\n  | ".join([head, *members]) + ";"
    said = _docs_below(ast.parse(inspect.getsource(protocol)).body)
    return f"{_comment(said[name], '')}\n{made}" if name in said else made


def _members(value: Any) -> list[str]:
    """What an alias may be; the values of an enum, where it is a text annotated with that."""
    origin, inside = get_origin(value), get_args(value)
    if origin is Annotated:
        return [json.dumps(one) for kind in inside[1:] for one in kind]
    if origin is Literal:
        return [json.dumps(one) for one in inside]
    return [_type(one) for one in inside] if origin is UnionType else [_composed(origin, inside)]


def _interface(message: type) -> str:
    hints = get_type_hints(message, include_extras=True)
    said = _field_docs(message)
    lines = [_comment(inspect.getdoc(message) or "", ""), f"export interface {message.__name__} {{"]
    for name, hint in hints.items():
        lines += [_comment(said[name], "  ")] if name in said else []
        lines.append(_field(name, hint))
    return "\n".join([*lines, "}"])


def _field(name: str, hint: Any) -> str:
    if get_origin(hint) is NotRequired:
        return f"  {name}?: {_type(get_args(hint)[0])};"
    return f"  {name}: {_type(hint)};"


def _type(hint: Any) -> str:
    """A type of Python as TypeScript has it."""
    for name, alias in vars(protocol).items():
        if _is_alias(name, alias) and hint == alias:
            return name
    if hint in _PLAIN:
        return _PLAIN[hint]
    if hint is NoneType:
        return "null"
    if _is_message(hint):
        return str(hint.__name__)
    return _composed(get_origin(hint), get_args(hint))


def _composed(origin: Any, inside: tuple[Any, ...]) -> str:
    """A type that is made of others."""
    if origin is Literal:
        return " | ".join(map(json.dumps, inside))
    made = [_type(one) for one in inside]
    if origin is UnionType:
        return " | ".join(made)
    if origin is list:
        return f"{made[0]}[]"
    if origin is tuple:
        return f"[{', '.join(made)}]"
    if origin is dict:
        record = f"Record<{', '.join(made)}>"
        return record if inside[0] is str else f"Partial<{record}>"
    raise TypeError(f"say in protocol_types.py what {origin} is in TypeScript")


def _field_docs(message: type) -> dict[str, str]:
    (node,) = ast.parse(inspect.getsource(message)).body
    assert isinstance(node, ast.ClassDef)
    return _docs_below(node.body)


def _docs_below(body: list[ast.stmt]) -> dict[str, str]:
    """The text below each name that is declared."""
    docs = {}
    for declared, below in itertools.pairwise(body):
        match declared, below:
            case (
                ast.AnnAssign(target=ast.Name(id=name)) | ast.Assign(targets=[ast.Name(id=name)]),
                ast.Expr(value=ast.Constant(value=str(text))),
            ):
                docs[name] = inspect.cleandoc(text)
    return docs


def _comment(text: str, indent: str) -> str:
    one = f"{indent}/** {text} */"
    if "\n" not in text and len(one) <= _WIDTH:
        return one
    start = f"{indent} * "
    lines = [
        start.rstrip()
        if not line
        else textwrap.fill(line, _WIDTH, initial_indent=start, subsequent_indent=start)
        for line in text.splitlines()
    ]
    return "\n".join([f"{indent}/**", *lines, f"{indent} */"])


if __name__ == "__main__":
    TYPES.write_text(declarations(), "utf-8")
