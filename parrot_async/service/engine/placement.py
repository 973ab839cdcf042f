"""The port through which the engine reaches the workers of its cluster."""

from abc import abstractmethod
from typing import Protocol

from parrot_async.service.worker_deaths import WorkerMemory
from parrot_async.transport.api import RunnerApi
from parrot_async.transport.messages import Batch


class Placement(Protocol):
    """What the engine needs of a scheduler: it sends to workers, and knows which of them take jobs.

    Messages to a worker arrive in their order, or not at all where the worker is gone; none waits
    for an answer, unless a method is awaited.

    Runs on: the scheduler's loop.
    """

    @abstractmethod
    def worker_joined(self, worker: str) -> None:
        """Prepare for messages to a worker that has just reported."""

    @abstractmethod
    def worker_left(self, worker: str) -> None:
        """Forget a worker that is gone."""

    @abstractmethod
    def start(self, batch: Batch, worker: str) -> None:
        """Have a worker run a batch; the scheduler counts the worker as busy from now on."""

    @abstractmethod
    def rest(self, worker: str) -> None:
        """Have the scheduler count a worker as idle, unless it soon gets another batch."""

    @abstractmethod
    def shift_over(self, key: str) -> None:
        """Forget the scheduler's task of this key, by which it counted a worker as busy."""

    @abstractmethod
    def runner(self, worker: str) -> RunnerApi:
        """Return the runner on a worker, for calls to it; a worker that is gone hears nothing."""

    @abstractmethod
    def takes(self, worker: str) -> bool:
        """Return whether a worker may get jobs: it is not paused, and will not close soon."""

    @abstractmethod
    def can_kill(self, worker: str) -> bool:
        """Return whether a worker would be started again after its death."""

    @abstractmethod
    def kill(self, worker: str) -> None:
        """Kill a worker's process where `can_kill`; does nothing for any other."""

    def memory(self, worker: str) -> WorkerMemory | None:  # noqa: ARG002 - the port
        """Return a worker's memory as last known, until `worker_left`; None where it is not."""
        return None
