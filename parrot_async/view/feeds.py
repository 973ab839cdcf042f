"""The rows of one live view as its browsers know them, and what has changed since."""

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
from parrot_async.view.rows import Stamp, moves, row, stamp
from parrot_async.view.sights import Sights
from parrot_async.view.source import ViewSource

FIRST, PIECE = 200, 400
"""Rows that are told first, which is more than a page shows, and at once later on."""
PAUSE = 1.0
"""Seconds between two times that the pace of rows out of sight is told."""


class TreeFeed:
    """A job and all below it.

    What a reload gets is what the other browsers have been sent, so that the next delta fits all.
    """

    view: Literal["tree"] = "tree"

    def __init__(self, source: ViewSource, job_id: JobId, wake: Callable[[], None]) -> None:
        """Have no rows yet; `wake` is called when the tree comes or changes."""
        self.job_id = job_id
        self.rev = 0
        self.touched: dict[JobId, None] = {}
        """The jobs of the latest delta, and all above them."""
        self._source = source
        self._claim: object = source.claim(root_of(job_id))
        self._lock = threading.Lock()
        self._rows: dict[JobId, Row] = {}
        self._stamps: dict[JobId, Stamp] = {}
        self._coming: dict[JobId, None] = {}
        """Jobs that are still to be told: each after its parent and after its older siblings."""
        self._sights = Sights()
        self._late: dict[JobId, None] = {}
        """Jobs out of sight that got on and have not been told."""
        self._all_at = 0.0
        self._wake = wake
        self._packed = b""
        self.said_over = False
        """Whether the browsers were told that the job has ended."""
        self._changes = source.changes(job_id, wake)

    @property
    def tree(self) -> JobTree | None:
        """The live tree; None as long as it has not come."""
        return self._source.find_tree(self.job_id)

    @property
    def over(self) -> bool:
        """Whether the job has ended."""
        tree = self.tree
        return self.is_packed or (tree is not None and tree[self.job_id].status in TERMINAL)

    @property
    def is_packed(self) -> bool:
        """Whether nothing more will be told."""
        return bool(self._packed)

    @property
    def is_whole(self) -> bool:
        """Whether all jobs have been told."""
        return not self._coming

    def snapshot(self) -> Snapshot:
        """All that the browsers have been told until now."""
        with self._lock:
            return {
                "view": self.view,
                "rev": self.rev,
                "at": time.time(),
                "rows": self._told(),
                "more": len(self._coming),
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
        delta = None
        if self.rev:
            delta = self._delta(tree)
        else:
            self._load(tree)
        if self._coming:
            self._wake()
        return delta

    def see(self, page: str, ids: Iterable[JobId]) -> None:
        """Hear which rows a page draws: others get on once a second, but change state at once."""
        self._sights.tell(page, (*ids, self.job_id))
        self._all_at = 0.0

    @property
    def pause(self) -> float | None:
        """Seconds until those out of sight are due; None where none is."""
        return max(self._all_at - time.monotonic(), 0.0) if self._late else None

    def leave(self) -> None:
        """Leave the changes for later, and be woken at the next."""
        self._changes.leave()

    def pack(self) -> None:
        """Keep what was told in few bytes, and the tree no more: a kernel shows many."""
        with self._lock:
            self._packed = compress(json.dumps(self._told()).encode())
            self._rows, self._stamps, self._claim = {}, {}, None

    def _told(self) -> list[Row]:
        if self._packed:
            return cast("list[Row]", json.loads(decompress(self._packed)))
        return [row.copy() for row in self._rows.values()]  # they change while they are sent

    def _load(self, tree: JobTree) -> None:
        self._coming = dict.fromkeys(_by_level(tree, self.job_id))
        rows = self._come(tree, FIRST)
        with self._lock:
            self._rows, self.said_over, self.rev = rows, self.over, 1

    def _come(self, tree: JobTree, most: int) -> dict[JobId, Row]:
        """The rows of the next jobs that are to be told."""
        rows = {}
        for job_id in list(islice(self._coming, most)):
            node = tree[job_id]
            self._stamps[job_id] = stamp(node)
            rows[job_id] = row(node, self._source.history, is_top=job_id == self.job_id)
            del self._coming[job_id]
        return rows

    def _delta(self, tree: JobTree) -> Delta | None:
        changed = list(self._moved(tree))
        self._coming.update((job_id, None) for job_id in self.touched if job_id not in self._rows)
        new = self._come(tree, PIECE)
        if not (new or changed):
            return None
        delta: Delta = {"t": "delta", "rev": self.rev + 1, "at": time.time()}
        if new:
            delta["new"], delta["more"] = list(new.values()), len(self._coming)
        if changed:
            delta["set"] = changed
        if self.over is not self.said_over:
            delta["over"] = self.over
        with self._lock:
            for job_id, moved in changed:
                _patch(self._rows[job_id], moved)
            self._rows.update(new)
            self.rev, self.said_over = delta["rev"], delta.get("over", self.said_over)
        return delta

    def _moved(self, tree: JobTree) -> Iterator[tuple[JobId, dict[str, object]]]:
        """The jobs that were told, and what has changed of them."""
        now, history = datetime.now(UTC), self._source.history
        sight = self._in_sight()
        late, self._late = ({}, self._late) if sight else (self._late, {})
        for job_id in self.touched | late:
            before = self._rows.get(job_id)
            if before is None:
                continue
            node = tree[job_id]
            state = stamp(node)
            same = state == self._stamps[job_id]
            if same and sight and job_id not in sight:
                self._late[job_id] = None
                continue
            self._stamps[job_id] = state
            moved = moves(node, before, history, now, same_stamp=same)
            if moved:
                yield job_id, moved

    def _in_sight(self) -> Container[JobId] | None:
        """The jobs that are told of at once; None: all."""
        now = time.monotonic()
        if now < self._all_at:
            return self._sights.ids
        self._all_at = now + PAUSE
        return None

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


def _by_level(tree: JobTree, top: JobId) -> Iterator[JobId]:
    """A job and all below it: what is seen before anything is opened comes first."""
    level = [top]
    while level:
        yield from level
        level = [child for job_id in level for child in tree[job_id].children]


def _patch(row: Row, changed: dict[str, object]) -> None:
    row.update(cast("Row", changed))
    if None in changed.values():
        for name in [name for name, value in row.items() if value is None]:
            del cast("dict[str, object]", row)[name]
