"""The job store's port: what is written in one durable commit, and what can be read back."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Protocol

from parrot_async.model.models import JobId, JobStatus, Queue
from parrot_async.model.rows import RootRow


@dataclass(slots=True, frozen=True)
class StoredResult:
    """A result as it lies in the store: the pickled value, or where it is, or that it expired."""

    value: bytes | None = None
    url: str | None = None
    expires_at: float | None = None
    expired: bool = False


@dataclass(slots=True, frozen=True)
class Checkpoint:
    """What a running job saved for a later attempt: the pickled state, or where a big one is."""

    attempt: int
    value: bytes | None = None
    url: str | None = None


@dataclass(slots=True, frozen=True)
class Dropped:
    """How many results were dropped, and the URLs of big values, which the caller removes now."""

    count: int
    urls: tuple[str, ...] = ()


@dataclass(slots=True)
class Commit:
    """What is written together or not at all; plain tuples, because ten thousand are usual."""

    events: list[tuple[JobId, bytes]] = field(default_factory=list)
    """Root id and the event's JSON form, in order."""
    arguments: list[tuple[JobId, bytes]] = field(default_factory=list)
    """Job id and its pickled arguments."""
    results: list[tuple[JobId, bytes | None, float | None, str | None]] = field(
        default_factory=list
    )
    """Job id, pickled value or exception, when it expires, and the URL of a big one."""
    functions: list[tuple[str, bytes]] = field(default_factory=list)
    """SHA-256 of the pickled function, and itself; one that is known already is left alone."""
    roots: list[RootRow] = field(default_factory=list)
    """Rows that are new or have changed."""
    keys: list[tuple[str, JobId]] = field(default_factory=list)
    """Job key and the job that wants it; KeyTakenError where another job has it."""
    moved_keys: list[tuple[str, JobId]] = field(default_factory=list)
    """Job key and the job that has it from now on, whoever had it before."""
    checkpoints: list[tuple[JobId, int, bytes | None, str | None]] = field(default_factory=list)
    """Job id, attempt, pickled state, and the URL of a big one; the latest wins, except that an
    earlier attempt never takes the place of a later one."""
    cached: list[tuple[str, JobId]] = field(default_factory=list)
    """Content key and the completed job whose result it stands for; the latest wins."""
    owner: str = ""
    """Who writes: the owner of new roots. Trees that another one has claimed are closed to it."""
    sync: bool = True
    """Whether it must outlive a loss of power, which takes a wait for the disk. Without, it
    outlives the death of every process, and is on disk with the next commit that waits."""


class JobStore(Protocol):
    """Where jobs are durable; every method may be called from any thread and blocks on the disk.

    All methods raise StoreError and its kinds. A commit that raised has written nothing that
    can be seen, except where the process, the server or the line to it ended in it; the same
    commit may be tried again as a whole, which at worst repeats events, and the fold is
    indifferent to that.
    """

    def commit(self, batch: Commit) -> range:
        """Write all of `batch`, durable on return; the sequence numbers of its events.

        LeaseLostError, with the roots, where another owner has claimed a tree that it writes to;
        KeyTakenError, with the winner, for a job key that another job has. Nothing was written.
        StoreUnsureError where that cannot be known: commit the same again before anything else.
        """

    def events(
        self, root_id: JobId, after: int = 0, limit: int | None = None
    ) -> list[tuple[int, bytes]]:
        """Sequence number and body of a tree's events after number `after`, in order."""

    def arguments(self, ids: Iterable[JobId]) -> dict[JobId, bytes]:
        """Pickled arguments of those of the jobs that have some."""

    def results(self, ids: Iterable[JobId], now: float | None = None) -> dict[JobId, StoredResult]:
        """Results of those of the jobs that have one; what is over at `now` comes as expired."""

    def function(self, function_id: str) -> bytes | None:
        """The pickled function, or None where it is not known."""

    def roots(
        self,
        *,
        status: JobStatus | None = None,
        queue: str | None = None,
        function: str | None = None,
        since: float | None = None,
        limit: int = 100,
    ) -> list[RootRow]:
        """The newest roots first, those that fit every filter given."""

    def root(self, root_id: JobId) -> RootRow | None:
        """One root's row, or None where it is not known."""

    def job_of_key(self, key: str) -> JobId | None:
        """The job of this key, or None."""

    def cached(self, keys: Iterable[str], now: float) -> dict[str, JobId]:
        """Completed jobs of those of the content keys whose result is still there at `now`."""

    def checkpoints(self, ids: Iterable[JobId]) -> dict[JobId, Checkpoint]:
        """The latest checkpoints of those of the jobs that saved one."""

    def finished_before(self, at: float, limit: int) -> list[JobId]:
        """Roots that ended before `at`, those that ended first come first."""

    def lease(self, owner: str, until: float) -> None:
        """Say that `owner` lives at least until then; its trees are not interrupted meanwhile.

        Renewed well before its end, a lease survives clocks that differ, or jump, by less than
        what is left of it. By a bigger jump it may seem over, and its trees may be claimed: no
        harm comes to them, because their owner is then refused.
        """

    def drop_lease(self, owner: str) -> None:
        """End a lease at once: the owner will not write again."""

    def interrupted(self, now: float) -> list[RootRow]:
        """Unfinished roots whose owner has no lease at `now`, the oldest first."""

    def claim(self, root_ids: Iterable[JobId], owner: str, now: float) -> list[JobId]:
        """Make `owner` the owner of those that are still interrupted, and return them.

        From then on a commit of the former owner to these trees is refused. Of several owners
        that claim at once, each with a lease of its own, one gets a tree.
        """

    def queues(self) -> list[Queue]:
        """The queues that were saved, by name."""

    def save_queue(self, queue: Queue) -> None:
        """Keep a queue, in place of the one of the same name."""

    def named(self, urls: Iterable[str]) -> set[str]:
        """Those of the URLs at which a result or a checkpoint lies that is still wanted."""

    def expire(self, now: float) -> Dropped:
        """Drop results and leases whose time is over, and checkpoints of trees that have ended.

        That a result existed is remembered. Only results are counted.
        """

    def delete(self, root_ids: Iterable[JobId]) -> Dropped:
        """Forget whole trees, one transaction each; functions and queues stay."""

    def size(self) -> int:
        """Bytes in use, without space that was freed and waits to be used again."""

    def close(self) -> None:
        """Let go of the disk; a second time does nothing."""
