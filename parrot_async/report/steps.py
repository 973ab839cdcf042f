"""A plan before it runs, as an outline of its steps; of a long plan the first of them."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

from parrot_async.report.wording import html_text, line

FIRST = 20
"""Steps of each plan that are shown."""
TOTAL = 200
"""Lines in all."""
CALL = 100
"""Characters of a step's arguments."""


class Shown(NamedTuple):
    """What an outline shows of a step, or of a plan, which has steps of its own."""

    title: str
    said: str
    steps: Sequence[Any] = ()


Describe = Callable[[Any], Shown]


def text(plan: Any, describe: Describe) -> str:
    """Return an indented line for each step."""
    return "\n".join(
        f"{'  ' * level}{title}: {said}" if said else f"{'  ' * level}{title}"
        for level, title, said in _lines(plan, describe)
    )


def html(plan: Any, describe: Describe) -> str:
    """Return a nested list; all words in it are escaped."""
    return f'<div class="parrot-plan">{"".join(_items(_lines(plan, describe)))}</div>'


def _items(lines: Iterator[tuple[int, str, str]]) -> Iterator[str]:
    depth = 0
    for level, title, said in lines:
        yield "<ul>" if level == depth else "</li></ul>" * (depth - level - 1) + "</li>"
        yield f"<li><b>{html_text(title)}</b> {html_text(said)}"
        depth = level + 1
    yield "</li></ul>" * depth


def _lines(plan: Any, describe: Describe) -> Iterator[tuple[int, str, str]]:
    """Yield level, title and words of the plan and of all below it, depth first."""
    pending: list[tuple[int, Any]] = [(0, plan)]
    for _ in range(TOTAL):
        if not pending:
            return
        level, here = pending.pop()
        shown = here if isinstance(here, Shown) else describe(here)
        yield level, line(shown.title), line(shown.said, CALL)
        if (more := len(shown.steps) - FIRST) > 0:
            pending.append((level + 1, Shown(f"… and {more:,} more", "")))
        pending.extend((level + 1, step) for step in reversed(shown.steps[:FIRST]))
    if pending:
        yield pending[-1][0], "…", "and more"
