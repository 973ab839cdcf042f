"""The rows of one tree as its pages know them, and what has changed since they were sent."""

import json
import threading
import time
from collections.abc import Callable, Container, Iterable, Iterator
from datetime import UTC, datetime
from itertools import islice
from typing import Literal, cast
from zlib import compress, decompress

from parrot_async.model.models import TERMINAL, JobId, parent_of, root_of
from parrot_async.model.tree import JobTree
from parrot_async.view.actions import ACTIONS
from parrot_async.view.protocol import Delta, Row, Snapshot
from parrot_async.view.rows import Stamp, changed_fields, row, stamp
from parrot_async.view.source import ViewSource
from parrot_async.view.viewports import Viewports

FIRST, PIECE = 200, 400
"""Rows that are sent first, which is more than a page shows, and in each later message."""
PAUSE = 1.0
"""Seconds between two sendings of the progress of rows that no page draws."""


class TreeFeed:
    """A job and all below it.

    A page that reloads gets what the other pages have been sent, so that the next delta fits all.

    Runs on: the ticking thread; any thread reads `snapshot`, `tree`, `over` and the flags.
    """

    view: Literal["tree"] = "tree"

    def __init__(self, source: ViewSource, job_id: JobId, wake: Callable[[], None]) -> None:
        """Start without rows; `wake` is called when the tree arrives or changes."""
        self.job_id = job_id
        self.rev = 0
        self._touched: dict[JobId, None] = {}
        """The jobs of the latest delta, and all above them."""
        self._source = source
        self._claim: object = source.claim(root_of(job_id))
        self._lock = threading.Lock()
        self._rows: dict[JobId, Row] = {}
        self._stamps: dict[JobId, Stamp] = {}
        self._unsent: dict[JobId, None] = {}
        """Jobs without a row yet: each after its parent and after its older siblings."""
        self._viewports = Viewports()
        self._late: dict[JobId, None] = {}
        """Jobs that no page draws, whose progress has changed and was not sent."""
        self._all_at = 0.0
        """When (time.monotonic) the late ones are due."""
        self._wake = wake
        self._packed = b""
        self.sent_over = False
        """Whether the pages were told that the job has ended."""
        self._changes = source.changes(job_id, wake)

    @property
    def tree(self) -> JobTree | None:
        """The live tree; None as long as it has not arrived."""
        return self._source.find_tree(self.job_id)

    @property
    def over(self) -> bool:
        """Whether the job has ended."""
        tree = self.tree
        return self.is_packed or (tree is not None and tree[self.job_id].status in TERMINAL)

    @property
    def is_packed(self) -> bool:
        """Whether nothing more will be sent."""
        return bool(self._packed)

    @property
    def is_whole(self) -> bool:
        """Whether all jobs have been sent."""
        return not self._unsent

    def snapshot(self) -> Snapshot:
        """Return all that the pages have been sent until now."""
        with self._lock:
            return {
                "view": self.view,
                "rev": self.rev,
                "at": time.time(),
                "rows": self._sent_rows(),
                "more": len(self._unsent),
                "over": self.sent_over,
                "can": list(ACTIONS),
            }

    @property
    def is_urgent(self) -> bool:
        """Whether a flush waits longer for its rows: never."""
        return False

    def tick(self) -> None:
        """Make the first rows, if the tree is here."""
        if not self.rev:
            self.advance()

    def advance(self) -> Delta | None:
        """Return what has changed since the last call; None if nothing has, or all rows are new."""
        tree = self.tree
        if tree is None or self._packed:
            self._changes.leave()
            return None
        self._touched = self._take_changes(tree)
        delta = None
        if self.rev:
            delta = self._delta(tree)
        else:
            self._load(tree)
        if self._unsent:
            self._wake()
        return delta

    def set_viewport(self, page: str, ids: Iterable[JobId]) -> None:
        """Note which rows a page draws: the progress of all others is sent once a second.

        A change of state is always sent at once.
        """
        self._viewports.set(page, (*ids, self.job_id))
        self._all_at = 0.0

    @property
    def pause(self) -> float | None:
        """Seconds until the progress of rows that no page draws is due; None if none is."""
        return max(self._all_at - time.monotonic(), 0.0) if self._late else None

    def leave(self) -> None:
        """Leave the changes for later; the next change calls `wake`."""
        self._changes.leave()

    def pack(self) -> None:
        """Compress what was sent, and release the tree: a kernel shows many trees."""
        with self._lock:
            self._packed = compress(json.dumps(self._sent_rows()).encode())
            self._rows, self._stamps, self._claim = {}, {}, None

    def _sent_rows(self) -> list[Row]:
        if self._packed:
            return cast("list[Row]", json.loads(decompress(self._packed)))
        # Copies: the rows change on the ticking thread while a snapshot is encoded.
        return [row.copy() for row in self._rows.values()]

    def _load(self, tree: JobTree) -> None:
        self._unsent = dict.fromkeys(_by_level(tree, self.job_id))
        rows = self._next_rows(tree, FIRST)
        with self._lock:
            self._rows, self.sent_over, self.rev = rows, self.over, 1

    def _next_rows(self, tree: JobTree, most: int) -> dict[JobId, Row]:
        """Make the rows of the next unsent jobs."""
        rows = {}
        for job_id in list(islice(self._unsent, most)):
            node = tree[job_id]
            # The stamp before the row: what changes between the two makes another stamp.
            self._stamps[job_id] = stamp(node)
            rows[job_id] = row(node, self._source.history, is_top=job_id == self.job_id)
            del self._unsent[job_id]
        return rows

    def _delta(self, tree: JobTree) -> Delta | None:
        changed = list(self._changed_rows(tree))
        self._unsent.update((job_id, None) for job_id in self._touched if job_id not in self._rows)
        new = self._next_rows(tree, PIECE)
        if not (new or changed):
            return None
        delta: Delta = {"t": "delta", "rev": self.rev + 1, "at": time.time()}
        if new:
            delta["new"], delta["more"] = list(new.values()), len(self._unsent)
        if changed:
            delta["set"] = changed
        if self.over is not self.sent_over:
            delta["over"] = self.over
        with self._lock:
            for job_id, fields in changed:
                _patch(self._rows[job_id], fields)
            self._rows.update(new)
            self.rev, self.sent_over = delta["rev"], delta.get("over", self.sent_over)
        return delta

    def _changed_rows(self, tree: JobTree) -> Iterator[tuple[JobId, dict[str, object]]]:
        """Yield the jobs whose rows have changed since they were sent, with the changed fields."""
        now, history = datetime.now(UTC), self._source.history
        drawn = self._drawn()
        late, self._late = ({}, self._late) if drawn else (self._late, {})
        for job_id in self._touched | late:
            before = self._rows.get(job_id)
            if before is None:
                continue
            node = tree[job_id]
            state = stamp(node)
            same = state == self._stamps[job_id]
            if same and drawn and job_id not in drawn:
                self._late[job_id] = None
                continue
            self._stamps[job_id] = state
            fields = changed_fields(node, before, history, now, same_stamp=same)
            if fields:
                yield job_id, fields

    def _drawn(self) -> Container[JobId] | None:
        """Return the jobs whose progress is sent now; None for all of them."""
        now = time.monotonic()
        if now < self._all_at:
            return self._viewports.ids
        self._all_at = now + PAUSE
        return None

    def _take_changes(self, tree: JobTree) -> dict[JobId, None]:
        """Return the jobs that changed, and all above them, whose sums change with them.

        New jobs keep their order: each comes after its parent, and after its older siblings.
        """
        below = f"{self.job_id}."
        taken = {
            job_id: None
            for job_id in self._changes.take()
            if job_id in tree and (job_id == self.job_id or job_id.startswith(below))
        }
        for job_id in list(taken):
            above = None if job_id == self.job_id else parent_of(job_id)
            while above is not None and above not in taken:
                taken[above] = None
                above = None if above == self.job_id else parent_of(above)
        return taken


def _by_level(tree: JobTree, top: JobId) -> Iterator[JobId]:
    """Yield a job and all below it, upper levels first: a page shows those before it opens one."""
    level = [top]
    while level:
        yield from level
        level = [child for job_id in level for child in tree[job_id].children]


def _patch(row: Row, fields: dict[str, object]) -> None:
    """Change fields of a row; None removes a field."""
    row.update(cast("Row", fields))
    if None in fields.values():
        for name in [name for name, value in row.items() if value is None]:
            del cast("dict[str, object]", row)[name]
