"""The details of one job, bounded in size, and when a page that shows them gets them again."""

import heapq
import time
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import cast

from parrot_async.model.models import Attempt, JobId, JobNode, LogLine, root_of
from parrot_async.model.tree import JobTree
from parrot_async.report import facts
from parrot_async.report.timeline import bars
from parrot_async.report.wording import line, plain
from parrot_async.view.protocol import Details
from parrot_async.view.rows import cost_text
from parrot_async.view.source import ChangedJobs, ViewSource

LOG_LINES, USAGE_ROWS, BARS, ATTEMPTS = 200, 50, 500, 50
TEXT, LOG_TEXT = 20_000, 2_000
"""Characters after which a text, and a line of a log, is cut."""
PAUSE, LEISURE = 1.0, 20
"""Seconds between two sendings of details, which is at least `LEISURE` times what making takes."""


class DetailsOnDemand:
    """The details of the one job that a page has open, sent again when that job changes."""

    def __init__(self, source: ViewSource, wake: Callable[[], None]) -> None:
        """Show no job; `wake` is called when a tree arrives that was not here."""
        self._source = source
        self._wake = wake
        self._job_id: JobId | None = None
        self._claim: object = None
        """Keeps the job's tree here as long as it is held."""
        self._changes: ChangedJobs | None = None
        """What the rows are told of is not enough: a line of a log changes no row."""
        self._is_due = False
        self._not_before = 0.0

    def show(self, job_id: JobId | None) -> None:
        """Show another job, or none."""
        self._job_id, self._is_due, self._not_before = job_id, job_id is not None, 0.0
        self._claim = self._changes = None
        if job_id is not None:
            self._claim = self._source.claim(root_of(job_id))
            self._changes = self._source.changes(job_id, self._wake)

    def _look(self) -> None:
        """Note whether the job, or one below it, has changed."""
        if self._changes is None or self._job_id is None:
            return
        below = f"{self._job_id}."
        changed = self._changes.take()
        if any(job_id == self._job_id or job_id.startswith(below) for job_id in changed):
            self._is_due = True

    @property
    def pause(self) -> float | None:
        """Seconds until the details are due; None if they are not, or the tree is not here."""
        self._look()
        if self._job_id is None or not self._is_due or self._source.find_tree(self._job_id) is None:
            return None
        return max(self._not_before - time.monotonic(), 0.0)

    def take(self) -> Details | None:
        """Return the details if they are due, else None."""
        tree = None if self._job_id is None else self._source.find_tree(self._job_id)
        if tree is None or self._job_id is None or self.pause != 0:
            return None
        began = time.monotonic()
        self._is_due = False
        made = details(tree, tree[self._job_id])
        now = time.monotonic()
        self._not_before = now + max(PAUSE, LEISURE * (now - began))
        return made


def details(tree: JobTree, node: JobNode) -> Details:
    """Return all that a page shows of a job that is open."""
    spec, result, error = node.spec, node.result, node.error
    fields: dict[str, object] = {
        "description": _cut(spec.description),
        "prompt": _cut(spec.prompt) if spec.prompt != spec.description else "",
        "arguments": _cut(node.arguments),
        "depends_on": list(node.depends_on[:USAGE_ROWS]),
        "logs": [_log_entry(entry) for entry in list(node.logs or ())[-LOG_LINES:]],
        "attempts": [_attempt(attempt) for attempt in node.attempts[-ATTEMPTS:]],
        "usage": list(_usage(tree, node)),
        "timeline": [
            (bar.worker, bar.title, bar.status.value, bar.begin, bar.end)
            for bar in bars(tree, node.id, BARS)
        ],
    }
    if result is not None:
        fields |= {"result": _cut(result.preview), "nbytes": result.nbytes}
    if error is not None:
        fields |= {
            "error": _cut(error.message),
            "kind": error.kind,
            "traceback": _cut(error.traceback),
        }
    present = {name: value for name, value in fields.items() if value}
    return cast("Details", {"t": "details", "id": node.id, **present})


def _cut(text: str, most: int = TEXT) -> str:
    """Return the text without control characters; only both its ends if it is too long."""
    if len(text) <= most:
        return plain(text)
    half = most // 2
    left_out = len(text) - 2 * half
    return plain(f"{text[:half]}\n… {left_out:,} characters …\n{text[-half:]}")


def _log_entry(entry: LogLine) -> tuple[float, str, str]:
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
    """Yield what a job and those below it spent by themselves, the most expensive first."""
    if node.usage is None:
        return
    spenders = (job for job in tree.walk(node.id) if job.own_usage is not None)
    for job in heapq.nlargest(USAGE_ROWS, spenders, key=_price):
        usage = job.own_usage
        if usage is not None:
            name = f"{facts.title(job)} ({usage.api})" if usage.api else facts.title(job)
            yield line(name), usage.input_tokens, usage.output_tokens, cost_text(usage)


def _price(node: JobNode) -> tuple[Decimal, int]:
    usage = node.own_usage
    return (Decimal(0), 0) if usage is None else (usage.cost or Decimal(0), usage.tokens)
