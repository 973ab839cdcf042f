"""What a live view needs of the client behind it: trees, what changes in them, and the service."""

from collections.abc import Awaitable, Callable, Mapping
from concurrent.futures import Future
from typing import Protocol, TypeVar

from parrot_async.model.models import JobId
from parrot_async.model.tree import JobTree
from parrot_async.transport.api import ServiceApi

T = TypeVar("T")


class ChangedJobs(Protocol):
    """The jobs of one tree that have changed since a view asked last."""

    def take(self) -> list[JobId]:
        """Return what has changed, in the order in which it did first."""

    def leave(self) -> None:
        """Leave what has changed for later, and be woken at the next change."""


class ViewSource(Protocol):
    """One client as its views see it; any thread may call every method, and none waits."""

    history: Mapping[str, float]
    """Mean seconds of functions by name."""

    @property
    def lost(self) -> str:
        """Why nothing more will come; empty while all is well."""

    def claim(self, root_id: JobId) -> object:
        """Return what keeps a tree in the client for as long as somebody holds it."""

    def find_tree(self, job_id: JobId) -> JobTree | None:
        """Return the live tree that a job is part of, or None while it has not come."""

    def changes(self, job_id: JobId, wake: Callable[[], None]) -> ChangedJobs:
        """Collect what changes in a claimed tree, and ask the service for it if need be.

        `wake` is called at the first change after each time that the changes were taken.
        """

    def post(self, question: Callable[[ServiceApi], Awaitable[T]]) -> "Future[T]":
        """Ask the service something; the future has the answer, or DisconnectedError."""
