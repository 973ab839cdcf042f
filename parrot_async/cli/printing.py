"""What commands print: JSON for programs, lines without control characters for people."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

import click

if TYPE_CHECKING:
    from parrot_async.model.models import JobNode, LogLine
    from parrot_async.model.rows import RootRow
    from parrot_async.model.tree import JobTree

NESTED: Final = 100
"""Levels of jobs that are nested in a JSON document; its readers take some hundred levels."""

as_json = click.option("--json", "json", is_flag=True, help="Print one JSON document.")


def document(value: Any) -> None:
    """Print a JSON document: times in seconds since the epoch or ISO 8601, money as text."""
    from pydantic_core import to_json

    text = to_json(value, indent=2, inf_nan_mode="strings", bytes_mode="base64", fallback=repr)
    click.echo(text.decode())


def jsonable(value: Any) -> Any:
    """Return a result as JSON has it; what JSON does not have becomes the text of its `repr`."""
    from pydantic_core import to_jsonable_python

    from parrot_async.transport.previews import preview

    try:
        return to_jsonable_python(value, inf_nan_mode="strings", bytes_mode="base64", fallback=repr)
    except Exception:  # noqa: BLE001 - whatever the value's own code does
        return preview(value)


def row_line(row: "RootRow", interrupted: bool) -> str:
    """Return the line of a root job in a list."""
    from parrot_async.report.wording import line, money, status_word

    at = clock(row.created_at, "%m-%d %H:%M")
    state = "interrupted" if interrupted else status_word(row.status)
    cost = money(row.cost) if row.cost else ""
    return f"{row.id}  {at}  {state:<20}  {cost:>8}  {line(row.title, 80)}".rstrip()


def clock(at: float, form: str) -> str:
    """Return a time (seconds since the epoch) as this machine's clock shows it."""
    return datetime.fromtimestamp(at, UTC).astimezone().strftime(form)


def node_document(tree: "JobTree", node: "JobNode") -> dict[str, Any]:
    """Return a job and all below it, for `document`.

    Jobs that are nested more than 100 levels deep are listed in its `deeper`, each with 100 levels
    of its own children: Python's `json` and jq read no document that is nested for ever.
    """
    top = _own_document(node)
    documents = {node.id: top}
    deeper: list[dict[str, Any]] = []
    for below in tree.walk(node.id):
        if below is not node:
            home = documents[below.parent_id or ""]["children"]
            made = documents[below.id] = _own_document(below)
            (home if (below.depth - node.depth) % NESTED else deeper).append(made)
    return {**top, "deeper": deeper} if deeper else top


def _own_document(node: "JobNode") -> dict[str, Any]:
    """Return what is said of a job alone."""
    return {
        "id": node.id,
        "parent": node.parent_id,
        "title": node.title,
        "function": node.spec.function,
        "status": node.status,
        "progress": round(node.progress_percentage, 2),
        "step": node.current_step,
        "attempt": node.attempt,
        "worker": node.worker,
        "created_at": node.created_at,
        "started_at": node.started_at,
        "completed_at": node.completed_at,
        "usage": node.usage,
        "result": node.result,
        "error": node.error,
        "children": [],
    }


def lines_of(tree: "JobTree", job_id: str) -> "list[tuple[JobNode, LogLine]]":
    """Return the log lines of a job and all below it, in the order in which they were written."""
    written = [(node, line) for node in tree.walk(job_id) for line in node.logs or ()]
    return sorted(written, key=lambda one: one[1].at)
