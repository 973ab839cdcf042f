"""A tree as read from the store: its nodes, and what no node but only its events say."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from parrot_async.model import events
from parrot_async.model.models import JobId, JobStatus
from parrot_async.model.tree import JobTree


@dataclass(slots=True)
class StoredTree:
    """A tree, folded from its stored events up to number `last`."""

    tree: JobTree = field(default_factory=JobTree)
    prints: dict[JobId, str] = field(default_factory=dict)
    """Fingerprints of the children of bodies, and of jobs whose results are shared."""
    reuse: set[JobId] = field(default_factory=set)
    """Jobs whose children take the results of the job that this one runs again."""
    last: int = 0

    def children_by_print(self, job_id: JobId) -> dict[str, list[JobId]]:
        """Return a body's children by fingerprint, in the order of their submission.

        Of equal ones those come first that have completed with all below them: a body that ran
        twice has a child for each time.
        """
        found: dict[str, list[JobId]] = {}
        node = self.tree.nodes.get(job_id)
        for child_id in sorted(node.children if node is not None else (), key=self._is_partial):
            found.setdefault(self.prints.get(child_id, ""), []).append(child_id)
        return found

    def _is_partial(self, job_id: JobId) -> bool:
        node = self.tree[job_id]
        return node.status is not JobStatus.COMPLETED or node.incomplete_below

    def read(self, bodies: Iterable[tuple[int, bytes]]) -> "StoredTree":
        """Fold the events that follow, by number and JSON form; returns itself."""
        for seq, body in bodies:
            event = events.load(body)
            self.tree.apply(event)
            self.last = seq
            if isinstance(event, events.Submitted):
                self.prints.update(zip(event.ids, event.fingerprints, strict=False))
                self.reuse.update(event.ids if event.reuse else ())
        return self
