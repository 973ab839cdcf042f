"""The rows of one live view as its browsers know them, and what has changed since."""

import json
import threading
import time
from collections.abc import Callable
from typing import Literal, cast
from zlib import compress, decompress

from parrot_async.models import TERMINAL, JobId, JobNode, parent_of, root_of
from parrot_async.source import Source
from parrot_async.tree import JobTree
from parrot_async.widget.actions import ACTIONS
from parrot_async.widget.protocol import Delta, Row, Snapshot
from parrot_async.widget.rows import differences, row


class TreeFeed:
    """A job and all below it.

    What a reload gets is what the other browsers have been sent, so that the next delta fits all.
    """

    view: Literal["tree"] = "tree"

    def __init__(self, source: Source, job_id: JobId, wake: Callable[[], None]) -> None:
        """Have no rows yet; `wake` is called when the tree comes or changes."""
        self.job_id = job_id
        self.rev = 0
        self.touched: dict[JobId, None] = {}
        """The jobs of the latest delta, and all above them."""
        self._source = source
        self._claim: object = source.claim(root_of(job_id))
        self._lock = threading.Lock()
        self._rows: dict[JobId, Row] = {}
        self._packed = b""
        self.said_over = False
        """Whether the browsers were told that the job has ended."""
        self._changes = source.changes(job_id, wake)

    @property
    def tree(self) -> JobTree | None:
        """The live tree; None as long as it has not come."""
        return self._source.tree(self.job_id)

    @property
    def over(self) -> bool:
        """Whether the job has ended."""
        tree = self.tree
        return self.is_packed or (tree is not None and tree[self.job_id].status in TERMINAL)

    @property
    def is_packed(self) -> bool:
        """Whether nothing more will be told."""
        return bool(self._packed)

    def snapshot(self) -> Snapshot:
        """All that the browsers have been told until now."""
        with self._lock:
            return {
                "view": self.view,
                "rev": self.rev,
                "at": time.time(),
                "rows": self._told(),
                "over": self.said_over,
                "can": list(ACTIONS),
            }

    @property
    def is_urgent(self) -> bool:
        """Whether a cell should wait for its rows."""
        return False

    def tick(self) -> None:
        """Make the first rows, if the tree is here."""
        if not self.rev:
            self.advance()

    def advance(self) -> Delta | None:
        """What has changed since the last time; None where nothing has, or all is new."""
        tree = self.tree
        if tree is None or self._packed:
            self._changes.leave()
            return None
        self.touched = self._take(tree)
        if not self.rev:
            self._load(tree)
            return None
        return self._delta(tree)

    def leave(self) -> None:
        """Leave the changes for later, and be woken at the next."""
        self._changes.leave()

    def pack(self) -> None:
        """Keep what was told in few bytes, and the tree no more: a kernel shows many."""
        with self._lock:
            self._packed = compress(json.dumps(self._told()).encode())
            self._rows, self._claim = {}, None

    def _told(self) -> list[Row]:
        if self._packed:
            return cast("list[Row]", json.loads(decompress(self._packed)))
        return list(self._rows.values())

    def _load(self, tree: JobTree) -> None:
        rows = {node.id: self._row(node) for node in tree.walk(self.job_id)}
        with self._lock:
            self._rows, self.said_over, self.rev = rows, self.over, 1

    def _row(self, node: JobNode) -> Row:
        return row(node, self._source.history, is_top=node.id == self.job_id)

    def _delta(self, tree: JobTree) -> Delta | None:
        rows = {job_id: self._row(tree[job_id]) for job_id in self.touched}
        before = {job_id: self._rows.get(job_id) for job_id in rows}
        new = [now for job_id, now in rows.items() if before[job_id] is None]
        changed = [
            (job_id, differences(was, rows[job_id]))
            for job_id, was in before.items()
            if was is not None and was != rows[job_id]
        ]
        if not (new or changed):
            return None
        delta: Delta = {"t": "delta", "rev": self.rev + 1, "at": time.time()}
        if new:
            delta["new"] = new
        if changed:
            delta["set"] = changed
        if self.over is not self.said_over:
            delta["over"] = self.over
        with self._lock:
            self._rows.update(rows)
            self.rev, self.said_over = delta["rev"], delta.get("over", self.said_over)
        return delta

    def _take(self, tree: JobTree) -> dict[JobId, None]:
        """The jobs that changed, and all above them.

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
