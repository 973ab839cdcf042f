"""The Python of a Markdown page: its blocks, and a process that runs them in order.

A block runs in one process with the others of its page, with `await` at the top as in a notebook.
A comment before it changes that: `<!-- script -->` has it run as a file of its own, and
`<!-- not run: why -->` not at all.
"""

import ast
import asyncio
import inspect
import json
import re
import sys
from pathlib import Path
from typing import NamedTuple

_BLOCK = re.compile(
    r"(?:^[ ]*<!-- (?P<mark>script|not run: [^>]+) -->\n)?"
    r"^(?P<indent>[ ]*)```python\n(?P<code>.*?)^[ ]*```$",
    re.MULTILINE | re.DOTALL,
)


class Block(NamedTuple):
    """One block of Python; `line` counts from 1."""

    code: str
    line: int
    mark: str


def blocks_of(page: Path) -> list[Block]:
    """The Python blocks of a Markdown page, in order."""
    text = page.read_text("utf-8")
    found = []
    for match in _BLOCK.finditer(text):
        indent = len(match["indent"])
        code = "".join(line[indent:] for line in match["code"].splitlines(keepends=True))
        line = text.count("\n", 0, match.start("code")) + 1
        found.append(Block(code, line, match["mark"] or ""))
    return found


async def run(name: str, blocks: list[tuple[str, int]]) -> None:
    """Run the blocks in this process's `__main__`, with the lines of the page in tracebacks."""
    scope = sys.modules["__main__"].__dict__
    for code, line in blocks:
        source = "\n" * (line - 1) + code
        compiled = compile(source, name, "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
        found = eval(compiled, scope)  # noqa: S307 - our own pages
        if inspect.iscoroutine(found):
            await found


if __name__ == "__main__":
    asyncio.run(run(sys.argv[1], json.load(sys.stdin)))
