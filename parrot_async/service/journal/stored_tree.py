"""A tree's past, read from the store: its nodes, and what only their first events say."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from parrot_async.model import events
from parrot_async.model.models import JobId
from parrot_async.model.tree import JobTree


@dataclass(slots=True)
class Past:
    """All that happened in a tree until event number `last`."""

    tree: JobTree = field(default_factory=JobTree)
    prints: dict[JobId, str] = field(default_factory=dict)
    """Fingerprints of the children of bodies, and of jobs whose results are shared."""
    reuse: set[JobId] = field(default_factory=set)
    """Jobs that take results of the ones that they run again."""
    last: int = 0

    def children_by_print(self, job_id: JobId) -> dict[str, list[JobId]]:
        """Return a body's children by fingerprint, in their order."""
        found: dict[str, list[JobId]] = {}
        node = self.tree.nodes.get(job_id)
        for child_id in node.children if node is not None else ():
            found.setdefault(self.prints.get(child_id, ""), []).append(child_id)
        return found

    def read(self, bodies: Iterable[tuple[int, bytes]]) -> "Past":
        """Take in the events that follow; returns itself."""
        for seq, body in bodies:
            event = events.load(body)
            self.tree.apply(event)
            self.last = seq
            if isinstance(event, events.Submitted):
                self.prints.update(zip(event.ids, event.fingerprints, strict=False))
                self.reuse.update(event.ids if event.reuse else ())
        return self
