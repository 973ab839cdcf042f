"""The rows of a panel: the newest jobs of a service that match its filter."""

import time
from collections.abc import Callable
from concurrent.futures import Future
from decimal import Decimal
from typing import Any

from parrot_async.model.models import TERMINAL, JobId, JobStatus
from parrot_async.model.rows import RootRow
from parrot_async.view.actions import ACTIONS
from parrot_async.view.protocol import Ask, Delta, Row, Snapshot
from parrot_async.view.rows import differences, row, stored_row
from parrot_async.view.source import ViewSource

POLL = 1.0
"""Seconds between two questions to the service."""
MOST = 500
"""The newest jobs: the filter selects among these, and the totals count them."""
WAITING = frozenset({JobStatus.QUEUED, JobStatus.PLANNING})


class PanelFeed:
    """The newest jobs first; the service is asked each second, as long as `advance` is called.

    Runs on: the ticking thread; any thread reads `snapshot`.
    """

    is_whole = True
    """The filter has a limit, so no row is held back for later."""

    def __init__(self, source: ViewSource, wake: Callable[[], None]) -> None:
        """Start without rows; `wake` is called when the service has answered."""
        self.rev = 0
        self.error = ""
        self._source = source
        self._wake = wake
        self._roots: list[RootRow] = []
        self._rows: dict[JobId, Row] = {}
        self._totals: dict[str, float | str] = {}
        self._filter: Ask = {"t": "ask", "status": [], "text": "", "limit": 100}
        self._is_refiltered = True
        self._asking: Future[Any] | None = None
        self._asked_at = float("-inf")

    def ask(self, wanted: Ask) -> None:
        """Set the filter."""
        self._filter, self._is_refiltered = wanted, True

    def leave(self) -> None:
        """Do nothing: without `advance` the service is not asked."""

    def snapshot(self) -> Snapshot:
        """Return all that the pages have been sent until now."""
        return {
            "view": "panel",
            "rev": self.rev,
            "at": time.time(),
            "rows": list(self._rows.values()),
            "over": False,
            "can": list(ACTIONS),
            "totals": self._totals,
        }

    def advance(self) -> Delta | None:
        """Return what has changed; None if nothing has, or so much that all rows are to be sent."""
        self._poll()
        matching = [row for row in map(self._row, self._roots) if self._fits(row)]
        rows = {row["id"]: row for row in matching[: self._filter["limit"]]}
        totals = _totals(self._roots) | {"matching": len(matching)}
        before, self._rows = self._rows, rows
        old_totals, self._totals = self._totals, totals
        if self._is_refiltered:
            self._is_refiltered = False
            self.rev += 1
            return None
        return self._delta(before, old_totals)

    def _poll(self) -> None:
        if self._asking is not None and self._asking.done():
            error = self._asking.exception()
            self.error = str(error or "")
            if error is None:
                self._roots = [RootRow.from_plain(plain) for plain in self._asking.result()]
            self._asking = None
        if self._asking is None and time.monotonic() - self._asked_at >= POLL:
            self._asked_at = time.monotonic()
            self._asking = self._source.post(lambda api: api.jobs(limit=MOST))
            self._asking.add_done_callback(lambda _: self._wake())

    def _row(self, root: RootRow) -> Row:
        """Return a job's row: from its tree if that runs and is here, else from the store."""
        tree = None if root.status in TERMINAL else self._source.find_tree(root.id)
        if tree is None:
            return stored_row(root)
        return row(tree[root.id], self._source.history)

    def _fits(self, row: Row) -> bool:
        statuses, text = self._filter["status"], self._filter["text"].casefold()
        if statuses and row["status"] not in statuses:
            return False
        words = (row["title"], row["id"], row.get("function", ""))
        return not text or any(text in word.casefold() for word in words)

    def _delta(self, before: dict[JobId, Row], old_totals: dict[str, float | str]) -> Delta | None:
        new = [row for job_id, row in self._rows.items() if job_id not in before]
        gone = [job_id for job_id in before if job_id not in self._rows]
        changed = [
            (job_id, differences(before[job_id], {**dict.fromkeys(before[job_id]), **row}))
            for job_id, row in self._rows.items()
            if job_id in before and row != before[job_id]
        ]
        if not (new or gone or changed) and self._totals == old_totals:
            return None
        self.rev += 1
        stayed = [job_id for job_id in before if job_id in self._rows]
        if [*(row["id"] for row in new), *stayed] != list(self._rows):
            return None  # a row came into the middle, where a delta cannot put it
        delta: Delta = {
            "t": "delta",
            "rev": self.rev,
            "at": time.time(),
            "new": new[::-1],
            "set": changed,
            "gone": gone,
            "totals": self._totals,
        }
        return delta


def _totals(roots: list[RootRow]) -> dict[str, float | str]:
    ended = [root for root in roots if root.status in TERMINAL]
    queued = sum(root.status in WAITING for root in roots)
    times = (root.completed_at - root.created_at for root in ended if root.completed_at)
    return {
        "active": len(roots) - len(ended) - queued,
        "queued": queued,
        "finished": len(ended),
        "cost": str(sum((root.cost or 0 for root in roots), Decimal(0))),
        "seconds": round(sum(times), 1),
    }
