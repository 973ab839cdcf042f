"""The report as a document: Markdown with request, results and errors, or indented lines."""

from collections.abc import Iterator
from datetime import UTC, datetime

from parrot_async.model.models import JobId, JobNode
from parrot_async.model.tree import JobTree
from parrot_async.report import facts
from parrot_async.report.outline import Outline, Rest, outline
from parrot_async.report.wording import ICONS, fenced, markdown_line

ERRORS = 50
"""Errors that are shown in full, with their tracebacks."""


def markdown(tree: JobTree, job_id: JobId | None = None, *, now: datetime | None = None) -> str:
    """Return the report of a job, or of the root, in CommonMark.

    Titles, prompts, results and errors are escaped: none of them can add markup or HTML.
    """
    top = outline(tree, job_id)
    now = now or datetime.now(UTC)
    parts = [*_head(top.node, now), *_request(top.node), *_results(top, now), *_errors(top)]
    return "\n".join(parts).rstrip() + "\n"


def text(tree: JobTree, job_id: JobId | None = None, *, now: datetime | None = None) -> str:
    """Return the tree of a job, or of the root, as indented lines: for a pipe, a log, a terminal.

    It has no control characters but line ends.
    """
    return "\n".join(_lines(outline(tree, job_id), now or datetime.now(UTC)))


def _lines(top: Outline, now: datetime) -> Iterator[str]:
    for here, level in top.walk():
        indent = "  " * level
        if isinstance(here, Rest):
            yield f"{indent}{facts.rest(here)}"
            continue
        node = here.node
        yield f"{indent}{ICONS[node.status]} {facts.title(node)}: {facts.summary(node, now)}"
        note = facts.error(node.error) if node.error else facts.step(node)
        if note:
            yield f"{indent}  {note}"


def _head(node: JobNode, now: datetime) -> Iterator[str]:
    yield f"# Job results: {_title(node)}"
    yield ""
    for name, said in facts.overview(node, now):
        icon = f"{ICONS[node.status]} " if name == "Status" else ""
        yield f"- **{name}**: {icon}{_escaped(said)}"
    yield ""


def _request(node: JobNode) -> Iterator[str]:
    request = node.spec.description or node.spec.prompt
    if request:
        yield from ("## Original request", "", fenced(request), "")


def _results(top: Outline, now: datetime) -> Iterator[str]:
    """Yield a nested list: a line for each job, its details and its children below it."""
    yield from ("## Results", "")
    for here, level in top.walk():
        indent = "  " * level
        if isinstance(here, Rest):
            yield f"{indent}- {_escaped(facts.rest(here))}"
            continue
        node = here.node
        said = _escaped(facts.summary(node, now))
        yield f"{indent}- {ICONS[node.status]} **{_title(node)}**: {said}"
        for name, fact in facts.details(node):
            yield f"{indent}  - *{name}*: {_escaped(fact)}"
    yield ""


def _errors(top: Outline) -> Iterator[str]:
    failed = facts.failures(top, ERRORS)
    if failed:
        yield from ("## Errors", "")
    for node in failed:
        if node.error is not None:
            yield from (f"### {ICONS[node.status]} {_title(node)}", "")
            yield from (_escaped(facts.end(node)), "")
            yield from (fenced(node.error.traceback or node.error.message), "")


def _title(node: JobNode) -> str:
    return _escaped(facts.title(node))


def _escaped(words: str) -> str:
    # The facts are cut to length already: here they only become longer.
    return markdown_line(words, limit=len(words))
