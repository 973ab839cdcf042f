"""The rows of a panel: the newest jobs of a service that its filter lets through."""

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
"""The newest jobs, among which the filter looks and which the totals count."""
WAITING = frozenset({JobStatus.QUEUED, JobStatus.PLANNING})


class PanelFeed:
    """The newest first; asked for anew each second, as long as somebody advances it."""

    is_whole = True
    """Its filter has a limit, so it holds nothing back."""

    def __init__(self, source: ViewSource, wake: Callable[[], None]) -> None:
        """Know nothing yet; `wake` is called when an answer has come."""
        self.rev = 0
        self.touched: set[JobId] = set()
        self.error = ""
        self._source = source
        self._wake = wake
        self._roots: list[RootRow] = []
        self._rows: dict[JobId, Row] = {}
        self._totals: dict[str, float | str] = {}
        self._filter: Ask = {"t": "ask", "status": [], "text": "", "limit": 100}
        self._asks_anew = True
        self._asking: Future[Any] | None = None
        self._asked_at = float("-inf")

    def ask(self, wanted: Ask) -> None:
        """Filter the rows from now on."""
        self._filter, self._asks_anew = wanted, True

    def leave(self) -> None:
        """Ask no more, as long as nobody looks."""

    def snapshot(self) -> Snapshot:
        """All that the browsers have been told until now."""
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
        """What has changed; None where nothing has, or so much that all is to be sent."""
        self._poll()
        matching = [row for row in map(self._row, self._roots) if self._fits(row)]
        rows = {row["id"]: row for row in matching[: self._filter["limit"]]}
        totals = _totals(self._roots) | {"matching": len(matching)}
        before, self._rows = self._rows, rows
        told, self._totals = self._totals, totals
        if self._asks_anew:
            self._asks_anew = False
            self.rev += 1
            return None
        return self._delta(before, told)

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
        """A job under way as its tree has it, where that is here; else as the store has it."""
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

    def _delta(self, before: dict[JobId, Row], told: dict[str, float | str]) -> Delta | None:
        new = [row for job_id, row in self._rows.items() if job_id not in before]
        gone = [job_id for job_id in before if job_id not in self._rows]
        changed = [
            (job_id, differences(before[job_id], {**dict.fromkeys(before[job_id]), **row}))
            for job_id, row in self._rows.items()
            if job_id in before and row != before[job_id]
        ]
        self.touched = {job_id for job_id, _ in changed}
        if not (new or gone or changed) and self._totals == told:
            return None
        self.rev += 1
        stayed = [job_id for job_id in before if job_id in self._rows]
        if [*(row["id"] for row in new), *stayed] != list(self._rows):
            return None  # something came into the middle
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
        "cost": str(sum((root.cost for root in roots), Decimal(0))),
        "seconds": round(sum(times), 1),
    }
