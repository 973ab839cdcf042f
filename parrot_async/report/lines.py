"""The tree as indented lines of plain text, for a pipe, a log or a notebook without HTML."""

from collections.abc import Iterator
from datetime import UTC, datetime

from parrot_async.model.models import JobId
from parrot_async.model.tree import JobTree
from parrot_async.report import facts
from parrot_async.report.outline import Outline, Rest, outline
from parrot_async.report.wording import ICONS


def text(tree: JobTree, job_id: JobId | None = None, *, now: datetime | None = None) -> str:
    """The tree of a job, of the root when no id is given; no control characters but line ends."""
    return "\n".join(_lines(outline(tree, job_id), now or datetime.now(UTC)))


def _lines(top: Outline, now: datetime) -> Iterator[str]:
    for here, level in top.walk():
        indent = "  " * level
        if isinstance(here, Rest):
            yield f"{indent}{facts.rest(here)}"
            continue
        node = here.node
        yield f"{indent}{ICONS[node.status]} {facts.title(node)}: {facts.summary(node, now)}"
        said = facts.error(node.error) if node.error else facts.step(node)
        if said:
            yield f"{indent}  {said}"
