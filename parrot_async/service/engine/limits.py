"""How deep a tree may get, and how many jobs it may have, by the wish of its bodies."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from parrot_async.errors import OptionsError
from parrot_async.model.models import JobId, JobNode, JobSpec
from parrot_async.service.journal.journal import Journal
from parrot_async.settings.places import most_jobs, most_levels


class Limits:
    """Refuses children where a tree has reached its limits: a body that starts itself for ever.

    The root's options count, else the settings of the service's process. What a client submits has
    no limit: it is as big as somebody made it.

    Runs on: the scheduler's loop.
    """

    def __init__(self, journal: Journal) -> None:
        """Look at the trees of this journal."""
        self._journal = journal
        self._asked: Counter[JobId] = Counter()
        """Jobs of each tree that are being made durable, and are not in it yet."""

    def check_depth(self, parent: JobNode) -> None:
        """Raise OptionsError where a child of this job would be too deep in its tree."""
        most = self._root_spec(parent).max_depth or most_levels()
        if parent.depth + 2 > most:
            raise OptionsError(
                f"job {_short(parent.id)} gets no child: it is on level {parent.depth + 1:,} of "
                f"its tree, which may have {most:,}. A body that starts itself needs an end; if "
                "this one has one, give the root the option max_depth"
            )

    @contextmanager
    def reserved(self, parent: JobNode, count: int) -> Iterator[None]:
        """Count so many jobs in while they are accepted; OptionsError where they are too many."""
        root_id = parent.root_id
        most = self._root_spec(parent).max_jobs or most_jobs()
        known = self._journal.size(root_id) + self._asked[root_id]
        if known + count > most:
            raise OptionsError(
                f"job {_short(parent.id)} gets no {count:,} children more: its tree has {known:,} "
                f"jobs and may have {most:,}. If it is to be bigger, give the root the option "
                "max_jobs"
            )
        self._asked[root_id] += count
        try:
            yield
        finally:
            self._asked[root_id] -= count
            if not self._asked[root_id]:
                del self._asked[root_id]

    def _root_spec(self, node: JobNode) -> JobSpec:
        root = self._journal.node(node.root_id)
        return node.spec if root is None else root.spec


def _short(job_id: JobId) -> str:
    """Return an id for a message; that of a deep job is thousands of characters long."""
    return job_id if len(job_id) <= 60 else f"{job_id[:30]}...{job_id[-20:]}"
