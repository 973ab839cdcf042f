"""The children that running jobs of this worker asked for, and the futures of their ends."""

from collections.abc import Callable, Sequence
from concurrent.futures import Future

from parrot_async.jobs.host import AcceptedChildren
from parrot_async.model.models import JobId, parent_of
from parrot_async.runner.host import ExecutionHost
from parrot_async.transport.outcome import Outcome


class ChildFutures:
    """A future for each child whose parent runs here.

    Runs on: the worker's loop; `forget` and `has` on any thread.
    """

    def __init__(self) -> None:
        self._futures: dict[JobId, Future[Outcome]] = {}
        self._early: dict[JobId, Outcome] = {}
        """Ends that came before the answer which has the children's ids."""

    def add(
        self, parent: ExecutionHost, ids: Sequence[JobId], cancel: Callable[[JobId], None]
    ) -> AcceptedChildren:
        """Give a parent its accepted children; `cancel` asks the service to cancel one."""
        ends = [self._futures.setdefault(child_id, Future()) for child_id in ids]
        parent.children.extend(zip(ids, ends, strict=True))
        for child_id in ids:
            if (early := self._early.pop(child_id, None)) is not None:
                self._set(early)
        return AcceptedChildren(ids, ends, cancel)

    def ended(self, outcome: Outcome, is_running: Callable[[JobId], bool]) -> None:
        """Tell the parent of an end; keep it for a parent that runs but has no such child yet."""
        if outcome.job_id in self._futures:
            self._set(outcome)
        elif (parent := parent_of(outcome.job_id)) is not None and is_running(parent):
            self._early[outcome.job_id] = outcome

    def has(self, job_id: JobId) -> bool:
        """Return whether this is a child of a running attempt; later it may be the next one's."""
        return job_id in self._futures

    def _set(self, outcome: Outcome) -> None:
        future = self._futures[outcome.job_id]
        if not future.done():
            future.set_result(outcome)

    def forget(self, parent: ExecutionHost) -> None:
        """Forget the children of a parent that has ended."""
        for child_id, _ in parent.children:
            self._futures.pop(child_id, None)
        for child_id in list(self._early):
            if parent_of(child_id) == parent.id:
                self._early.pop(child_id, None)
