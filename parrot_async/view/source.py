"""What live views need of a client: its trees, what changes in them, and the service's ear."""

from collections.abc import Callable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from parrot_async.client.replica import Changes
from parrot_async.client.trees import Mirror
from parrot_async.errors import DisconnectedError, JobNotFoundError
from parrot_async.model.models import JobId, root_of
from parrot_async.model.tree import JobTree

if TYPE_CHECKING:
    from parrot_async.client.connection import Connection


@dataclass(frozen=True)
class Source:
    """One client as its views see it; everything may be called from any thread, nothing waits."""

    mirror: Mirror
    connection: "Connection"
    claim: Callable[[JobId], object] = field(compare=False)
    """Keeps a tree here as long as what it returns is held."""
    history: Mapping[str, float] = field(compare=False)
    """Mean seconds of functions by name."""

    @property
    def lost(self) -> str:
        """Why nothing more will come; empty as long as all is well."""
        if self.connection.closed:
            return "the client was closed"
        return str(self.mirror.error or "")

    def tree(self, job_id: JobId) -> JobTree | None:
        """The live tree that a job is part of; None as long as it has not come."""
        try:
            tree = self.mirror.tree(root_of(job_id))
        except JobNotFoundError:
            return None
        return tree if job_id in tree else None

    def changes(self, job_id: JobId, wake: Callable[[], None]) -> Changes:
        """Collect what changes in a tree that the caller has claimed; asks for it if need be."""
        if not self.mirror.knows(job_id):
            self.connection.attach_soon(job_id)
        return self.mirror.changes(root_of(job_id), wake)

    def post(self, op: str, **message: Any) -> "Future[Any]":
        """Ask the service something."""
        if self.connection.closed:
            failed: Future[Any] = Future()
            failed.set_exception(DisconnectedError("the client was closed"))
            return failed
        return self.connection.post(op, **message)
