"""All that there is to say about one job, bounded, for the details pane of a view."""

import heapq
from collections.abc import Iterator
from typing import Any, cast

from parrot_async.model.models import Attempt, JobNode, LogLine
from parrot_async.model.tree import JobTree
from parrot_async.report import facts
from parrot_async.report.timeline import bars
from parrot_async.report.wording import line, plain
from parrot_async.view.protocol import Details

LOG_LINES, USAGE_ROWS, BARS, ATTEMPTS = 200, 50, 500, 50
TEXT, LOG_TEXT = 20_000, 2_000
"""Characters after which a text, and one of many, is cut."""


def details(tree: JobTree, node: JobNode) -> Details:
    """What a person sees who opens a job."""
    spec, result, error = node.spec, node.result, node.error
    said: dict[str, Any] = {
        "description": _cut(spec.description),
        "prompt": _cut(spec.prompt) if spec.prompt != spec.description else "",
        "arguments": _cut(node.arguments),
        "depends_on": list(node.depends_on[:USAGE_ROWS]),
        "logs": [_logged(entry) for entry in list(node.logs or ())[-LOG_LINES:]],
        "attempts": [_attempt(attempt) for attempt in node.attempts[-ATTEMPTS:]],
        "usage": list(_usage(tree, node)),
        "timeline": [
            (bar.worker, bar.title, bar.status.value, bar.begin, bar.end)
            for bar in bars(tree, node.id, BARS)
        ],
    }
    if result is not None:
        said |= {"result": _cut(result.preview), "nbytes": result.nbytes}
    if error is not None:
        said |= {
            "error": _cut(error.message),
            "kind": error.kind,
            "traceback": _cut(error.traceback),
        }
    here = {name: value for name, value in said.items() if value}
    return cast("Details", {"t": "details", "id": node.id, **here})


def _cut(text: str, most: int = TEXT) -> str:
    """The text without control characters; its beginning and end where it is too long."""
    if len(text) <= most:
        return plain(text)
    half = most // 2
    left_out = len(text) - 2 * half
    return plain(f"{text[:half]}\n… {left_out:,} characters …\n{text[-half:]}")


def _logged(entry: LogLine) -> tuple[float, str, str]:
    return round(entry.at, 2), entry.level, _cut(entry.text, LOG_TEXT)


def _attempt(attempt: Attempt) -> tuple[int, str, float, float | None, str]:
    end = attempt.ended_at
    return (
        attempt.number,
        attempt.worker.rpartition("/")[2],
        round(attempt.started_at.timestamp(), 2),
        None if end is None else round(end.timestamp(), 2),
        "" if attempt.error is None else facts.error(attempt.error),
    )


def _usage(tree: JobTree, node: JobNode) -> Iterator[tuple[str, int, int, str]]:
    """What the dearest of a job and all below it have spent by themselves."""
    if node.usage is None:
        return
    spenders = (here for here in tree.walk(node.id) if here.own_usage is not None)
    for here in heapq.nlargest(USAGE_ROWS, spenders, key=_price):
        usage = here.own_usage
        if usage is not None:
            name = f"{facts.title(here)} ({usage.api})" if usage.api else facts.title(here)
            yield line(name), usage.input_tokens, usage.output_tokens, str(usage.cost)


def _price(node: JobNode) -> tuple[Any, int]:
    usage = node.own_usage
    return (0, 0) if usage is None else (usage.cost, usage.tokens)
