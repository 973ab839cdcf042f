"""Which jobs of a big tree get a line: the first, running and failed ones; others are counted."""

from collections import Counter, deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import accumulate, chain, islice

from parrot_async.model.models import JobId, JobNode, JobStatus
from parrot_async.model.tree import ACTIVE, JobTree

FIRST = 50
"""Children of each parent that are shown, and as many failed and running ones."""
TOTAL = 1_000
"""Lines in all."""
FAILED = JobStatus.FAILED


@dataclass(slots=True, frozen=True)
class Rest:
    """The children of one parent that are not shown, by state; `alone` if none of them is shown."""

    counts: dict[JobStatus, int]
    alone: bool

    @property
    def count(self) -> int:
        """The number of these children."""
        return sum(self.counts.values())


@dataclass(slots=True)
class Outline:
    """A job with the children that are shown, and a count of the others."""

    node: JobNode
    children: list["Outline"] = field(default_factory=list)
    rest: Rest | None = None

    def walk(self) -> Iterator[tuple["Outline | Rest", int]]:
        """Yield every line with its level: a job, all below it, then the rest of its children."""
        pending: list[tuple[Outline | Rest, int]] = [(self, 0)]
        while pending:
            here, level = pending.pop()
            yield here, level
            if isinstance(here, Outline):
                if here.rest is not None:
                    pending.append((here.rest, level + 1))
                pending.extend((child, level + 1) for child in reversed(here.children))


def outline(
    tree: JobTree,
    job_id: JobId | None = None,
    *,
    first: int = FIRST,
    notable: int = FIRST,
    total: int = TOTAL,
) -> Outline:
    """Return the outline of a job, or of the root.

    Of each parent's children it has the `first` ones, up to `notable` that failed and as many that
    run, in their own order. It has at most `total` lines, upper levels first; the count of what
    is hidden below a parent takes a line as well.
    """
    top = Outline(tree.root if job_id is None else tree[job_id])
    left, pending = total - _lines(top.node), deque([top])
    while pending:
        here = pending.popleft()
        if not here.node.children:
            continue
        left += 1  # the line that was kept for the count below this job
        shown = _chosen(list(tree.children(here.node.id)), first, notable, left)
        here.children = [Outline(node) for node in shown]
        here.rest = _rest(here.node, shown)
        left -= sum(map(_lines, shown)) + (here.rest is not None)
        pending.extend(here.children)
    return top


def _chosen(children: list[JobNode], first: int, notable: int, left: int) -> list[JobNode]:
    """Choose the children that fit into the `left` lines, one of which the others' count takes."""
    if len(children) <= first and sum(map(_lines, children)) <= left:
        return children
    room = max(left - 1, 0)
    # Failures stay, running jobs come and go: failures must leave half of the lines to those.
    failed = islice(filter(_is_failure, children), min(notable, room // 2))
    active = islice((child for child in children if child.status in ACTIVE), notable)
    ranked = {child.id: _lines(child) for child in chain(failed, active, children[:first])}
    sums = accumulate(ranked.values())
    chosen = {child_id for child_id, lines in zip(ranked, sums, strict=True) if lines <= room}
    return [child for child in children if child.id in chosen]


def _lines(node: JobNode) -> int:
    """Count a job's own line, and one for the children of a parent that are not shown."""
    return 2 if node.children else 1


def _is_failure(node: JobNode) -> bool:
    """Whether a job failed, or has children that failed."""
    counts = node.child_counts
    return node.status is FAILED or (counts is not None and counts.get(FAILED, 0) > 0)


def _rest(node: JobNode, shown: list[JobNode]) -> Rest | None:
    if len(shown) == len(node.children):
        return None
    counts = Counter(node.child_counts or {})
    counts.subtract(child.status for child in shown)
    return Rest({status: count for status, count in counts.items() if count > 0}, not shown)
