"""The port of the job store: what one durable commit writes, and what can be read back."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Protocol

from parrot_async.model.models import JobId, JobStatus, Queue
from parrot_async.model.rows import RootRow


@dataclass(slots=True, frozen=True)
class StoredResult:
    """A result in the store: the pickled value, or the URL of a big one, or that it expired."""

    value: bytes | None = None
    url: str | None = None
    expires_at: float | None = None
    expired: bool = False


@dataclass(slots=True, frozen=True)
class StoredCheckpoint:
    """A job's checkpoint in the store: the pickled state, or the URL of a big one."""

    attempt: int
    value: bytes | None = None
    url: str | None = None


@dataclass(slots=True, frozen=True)
class Dropped:
    """How many results were dropped, and the URLs of big values, which the caller deletes."""

    count: int
    urls: tuple[str, ...] = ()


@dataclass(slots=True)
class Commit:
    """What is written together or not at all; plain tuples, because ten thousand are common."""

    events: list[tuple[JobId, bytes]] = field(default_factory=list)
    """Root id and the event's JSON form, in order."""
    arguments: list[tuple[JobId, bytes]] = field(default_factory=list)
    """Job id and its pickled arguments."""
    results: list[tuple[JobId, bytes | None, float | None, str | None]] = field(
        default_factory=list
    )
    """Job id, pickled value or exception, when it expires, and the URL of a big value."""
    functions: list[tuple[str, bytes]] = field(default_factory=list)
    """SHA-256 of a pickled function, and the pickle; a known function is left as it is."""
    roots: list[RootRow] = field(default_factory=list)
    """Rows that are new or have changed."""
    keys: list[tuple[str, JobId]] = field(default_factory=list)
    """Job key and the job that wants it; KeyTakenError where another job has it."""
    moved_keys: list[tuple[str, JobId]] = field(default_factory=list)
    """Job key and the job that has it from now on, whichever had it before."""
    checkpoints: list[tuple[JobId, int, bytes | None, str | None]] = field(default_factory=list)
    """Job id, attempt, pickled state, and the URL of a big one; the latest is kept, but one of an
    earlier attempt never takes the place of one of a later."""
    cached: list[tuple[str, JobId]] = field(default_factory=list)
    """Content key and the completed job whose result it stands for; the latest is kept."""
    owner: str = ""
    """Who writes: the owner of new roots. It may not write to trees that another has claimed."""
    sync: bool = True
    """Whether it must survive a loss of power, which takes a wait for the disk. Without, it
    survives the death of every process, and is on disk with the next commit that waits."""


class JobStore(Protocol):
    """Where jobs are durable.

    All methods raise StoreError and its kinds. A commit that raised has written nothing that can
    be seen, unless the process, the server or the connection to it ended meanwhile. The same
    commit may be tried again as a whole: at worst that repeats events, and the fold is indifferent
    to repeats.

    Runs on: any thread; every method blocks on the disk or the network.
    """

    def commit(self, batch: Commit) -> range:
        """Write all of `batch`, durable on return; returns the sequence numbers of its events.

        Raises LeaseLostError, with the roots, where another owner has claimed a tree that it writes
        to, and KeyTakenError, with the job that has it, for a taken job key: nothing was written.
        Raises StoreUnsureError where that is not known: commit the same again before anything else.
        """

    def events(
        self, root_id: JobId, after: int = 0, limit: int | None = None
    ) -> list[tuple[int, bytes]]:
        """Return number and body of a tree's events after number `after`, in order."""

    def arguments(self, ids: Iterable[JobId]) -> dict[JobId, bytes]:
        """Return the pickled arguments of those of the jobs that have some."""

    def results(self, ids: Iterable[JobId], now: float | None = None) -> dict[JobId, StoredResult]:
        """Return results of those of the jobs that have one; as expired what is over at `now`."""

    def function(self, function_id: str) -> bytes | None:
        """Return the pickled function, or None for an unknown one."""

    def roots(
        self,
        *,
        status: JobStatus | None = None,
        queue: str | None = None,
        function: str | None = None,
        since: float | None = None,
        limit: int = 100,
    ) -> list[RootRow]:
        """Return the roots that fit every given filter, the newest first."""

    def root(self, root_id: JobId) -> RootRow | None:
        """Return one root's row, or None for an unknown one."""

    def job_of_key(self, key: str) -> JobId | None:
        """Return the job of this key, or None."""

    def cached(self, keys: Iterable[str], now: float) -> dict[str, JobId]:
        """Return, by content key, completed jobs whose result is still there at `now`."""

    def checkpoints(self, ids: Iterable[JobId]) -> dict[JobId, StoredCheckpoint]:
        """Return the latest checkpoint of each of the jobs that saved one."""

    def finished_before(self, at: float, limit: int) -> list[JobId]:
        """Return the roots that ended before `at`, those that ended first first."""

    def lease(self, owner: str, until: float) -> None:
        """Note that `owner` lives at least until then; its trees are not interrupted before.

        A lease that is renewed well before its end survives clocks that differ, or jump, by less
        than what is left of it. After a bigger jump it may seem over, and its trees may be claimed:
        no harm comes to them, because the former owner's commits are refused.
        """

    def drop_lease(self, owner: str) -> None:
        """End a lease at once; the owner must not write again."""

    def interrupted(self, now: float) -> list[RootRow]:
        """Return unfinished roots whose owner has no lease at `now`, the oldest first."""

    def claim(self, root_ids: Iterable[JobId], owner: str, now: float) -> list[JobId]:
        """Make `owner` the owner of those that are still interrupted, and return them.

        From then on commits of the former owner to these trees are refused. Of several owners that
        claim a tree at once, each with a lease of its own, one gets it.
        """

    def queues(self) -> list[Queue]:
        """Return the saved queues, in the order of their names."""

    def save_queue(self, queue: Queue) -> None:
        """Save a queue, in place of the one of the same name."""

    def named(self, urls: Iterable[str]) -> set[str]:
        """Return those of the URLs that a kept result or checkpoint still names."""

    def expire(self, now: float) -> Dropped:
        """Drop results and leases whose time is over, and checkpoints of finished trees.

        The store remembers that a result existed. Only results are counted.
        """

    def delete(self, root_ids: Iterable[JobId]) -> Dropped:
        """Delete whole trees, one transaction each; functions and queues stay."""

    def size(self) -> int:
        """Return the bytes in use, without free space that will be used again."""

    def close(self) -> None:
        """Close the store; a second time does nothing."""
