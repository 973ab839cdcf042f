"""The README's lines as a script: `python -m tests.readme` prints it."""

import re
import textwrap
from pathlib import Path

README = Path(__file__).parents[1] / "README.md"
_BLOCK = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def script() -> str:
    """Return the first block of Python as the body of an async `main`, as the README says."""
    block = _BLOCK.search(README.read_text("utf-8"))
    if block is None:
        raise LookupError("README.md has no block of Python")
    body = textwrap.indent(block[1], "    ")
    return f"import anyio\n\n\nasync def main() -> None:\n{body}\n\nanyio.run(main)\n"


if __name__ == "__main__":
    print(script())
