"""The rows of one live view as its browsers know them, and what has changed since."""

import json
import threading
import time
from collections.abc import Callable
from itertools import islice
from typing import Literal, cast
from zlib import compress, decompress

from parrot_async.models import TERMINAL, JobId, JobNode, parent_of, root_of
from parrot_async.source import Source
from parrot_async.tree import JobTree
from parrot_async.widget.actions import ACTIONS
from parrot_async.widget.protocol import Delta, Row, Snapshot
from parrot_async.widget.rows import differences, row

AT_ONCE = 1_000
"""Rows that a view begins with; the others follow at the first update, on a thread of its own."""


class TreeFeed:
    """A job and all below it.

    What a reload gets is what the other browsers have been sent, so that the next delta fits all.
    """

    view: Literal["tree"] = "tree"

    def __init__(self, source: Source, job_id: JobId, wake: Callable[[], None]) -> None:
        """Begin with the first rows, if the tree is here; have `wake` called when it changes."""
        self.job_id = job_id
        self.rev = 0
        self.touched: dict[JobId, None] = {}
        """The jobs of the latest delta, and all above them."""
        self._source = source
        self._claim: object = source.claim(root_of(job_id))
        self._lock = threading.Lock()
        self._rows: dict[JobId, Row] = {}
        self._packed = b""
        self._late: list[JobId] = []
        self._said_over = False
        self._changes = source.changes(job_id, wake)
        tree = self.tree
        if tree is not None:
            self._load(tree)

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
                "over": self._said_over,
                "can": list(ACTIONS),
            }

    def advance(self) -> Delta | None:
        """What has changed since the last time; None where nothing has."""
        tree = self.tree
        if tree is None or self._packed:
            self._changes.leave()
            return None
        with self._lock:
            if not self._rows:
                self._load(tree)
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
        """Make the first rows; the ids of the others are kept for later."""
        walk = iter(tree.walk(self.job_id))
        for node in islice(walk, AT_ONCE):
            self._rows[node.id] = self._row(node)
        self._late = [node.id for node in walk]
        self._said_over = self.over
        self.rev = 1

    def _row(self, node: JobNode) -> Row:
        return row(node, self._source.history, is_top=node.id == self.job_id)

    def _delta(self, tree: JobTree) -> Delta | None:
        new: list[Row] = []
        changed: list[tuple[str, dict[str, object]]] = []
        self.touched = self._take(tree)
        for job_id in self.touched:
            now, before = self._row(tree[job_id]), self._rows.get(job_id)
            self._rows[job_id] = now
            if before is None:
                new.append(now)
            elif now != before:
                changed.append((job_id, differences(before, now)))
        if not (new or changed):
            return None
        self.rev += 1
        delta: Delta = {"t": "delta", "rev": self.rev, "at": time.time()}
        if new:
            delta["new"] = new
        if changed:
            delta["set"] = changed
        if self.over is not self._said_over:
            self._said_over = delta["over"] = self.over
        return delta

    def _take(self, tree: JobTree) -> dict[JobId, None]:
        """The jobs to look at: the late ones, those that changed, and all above these.

        New jobs keep their order: each comes after its parent, and after its older siblings.
        """
        late, self._late = self._late, []
        taken = dict.fromkeys(late)
        below = f"{self.job_id}."
        for job_id in self._changes.take():
            if job_id in tree and (job_id == self.job_id or job_id.startswith(below)):
                taken[job_id] = None
        for job_id in list(taken) if len(taken) > len(late) else ():
            above = parent_of(job_id) if job_id != self.job_id else None
            while above is not None and above not in taken:
                taken[above] = None
                above = parent_of(above) if above != self.job_id else None
        return taken
