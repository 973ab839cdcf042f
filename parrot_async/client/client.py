"""`JobClient`: submit jobs, find them again, ask about them."""

import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Generator, Iterable, Sequence
from types import TracebackType
from typing import (
    TYPE_CHECKING,
    Any,
    Literal,
    NoReturn,
    ParamSpec,
    Self,
    TypeVar,
    overload,
)

from distributed import Client
from distributed.security import Security

from parrot_async import cluster as local_cluster
from parrot_async.client import display
from parrot_async.client.connection import Connection
from parrot_async.client.dask_scheduler import (
    DaskCluster,
    Named,
    SchedulerPlace,
    check_named,
    find_scheduler,
)
from parrot_async.client.handle import JobHandle, JobHandles, attach, gather
from parrot_async.client.session import Session
from parrot_async.client.submission import Submission
from parrot_async.cluster import Pools, Variables, chosen_variables
from parrot_async.errors import ClusterError, OptionsError
from parrot_async.jobs.plan import Plan
from parrot_async.jobs.request import new_id
from parrot_async.model.durations import Duration, seconds
from parrot_async.model.models import JobId, JobStatus, Queue
from parrot_async.model.rows import Pruned, RootRow
from parrot_async.model.texts import check_limit
from parrot_async.report.tables import RootRows
from parrot_async.store import check_url
from parrot_async.transport.buffer import MOST_BYTES
from parrot_async.transport.pickling import Call
from parrot_async.transport.previews import preview
from parrot_async.transport.waiting import FOR_USERS

if TYPE_CHECKING:
    from parrot_async.widget import JobsPanel

P = ParamSpec("P")
R = TypeVar("R")

logger = logging.getLogger(__name__)


class JobClient:
    """A client of a job service; many may be open at once, anywhere.

    `JobClient()` joins the user's local cluster, and starts it where there is none; it goes on
    when the client is closed, and ends by itself when it is idle. `JobClient("tcp://...")` and
    `JobClient(cluster)` use any Dask cluster, and `JobClient(dask_client)` that of a
    `distributed.Client`. Write `async with JobClient() as client`, or `client = await JobClient()`
    in a notebook.
    """

    def __init__(  # noqa: PLR0913 - all but the address by name
        self,
        address: Named | None = None,
        *,
        cluster: DaskCluster | Client | None = None,
        security: Security | None = None,
        name: str | None = None,
        pools: Pools | None = None,
        store: str | None = None,
        detach: bool = True,
        argument_limit: int = MOST_BYTES,
        env: Variables = (),
    ) -> None:
        """Say which cluster; nothing is started or joined yet.

        By its address, an object of Dask's or a `distributed.Client`, whose security is taken over
        where no other is given.
        `name`, `store` and `pools` are of a local cluster: which one, the URL of its job store
        (`sqlite:///jobs.db`, `postgresql://user@host/database`; by default `$PARROT_STORE` or a
        file of its own), and how many workers it gets when it has to be started. `detach=False`
        ends it with this client. `argument_limit` is the most bytes that the arguments of one
        job, or its function, may have as a pickle. `env` are variables for a local cluster's
        workers: names, which this process has, or a dict.
        """
        if (store is not None or env) and (address is not None or cluster is not None):
            raise ClusterError(
                "store= and env= are of a local cluster: the service of another one has "
                "$PARROT_STORE, and its workers the variables with which they start"
            )
        if store is not None:
            check_url(store)
        if address is not None and cluster is not None:
            raise ClusterError("give an address or a cluster, not both")
        self._named = address or cluster
        if self._named is not None:
            check_named(self._named)
        self._security = security
        self._name = name
        self._pools = pools
        self._store = store
        self._detach = detach
        self._started = False
        self._session = Session()
        self._env = chosen_variables(env)
        self._submission = Submission(self._session, argument_limit)

    def __reduce__(self) -> NoReturn:
        """Raise TypeError: a client lives in its process, and jobs have other means."""
        raise TypeError(
            "a client stays in its process: inside a job, `current_job().run(...)`, `.submit(...)` "
            "and `.map(...)` start other jobs"
        )

    def __repr__(self) -> str:
        """Show where the client is connected to."""
        where = self.address if self._session.is_open else "not open"
        return f"<JobClient {where}>"

    # Life.

    async def open(self) -> Self:
        """Start or join the cluster and connect; ClusterError where that cannot be done."""
        if not self._session.is_open:
            connection = await self._connect()
            hello = await connection.open()
            self._session.begin(connection, hello["history"])
            if self._started and hello["interrupted"]:
                message = "interrupted jobs: %d; `await client.recover()` goes on with them"
                logger.warning(message, hello["interrupted"])
        return self

    @property
    def address(self) -> str:
        """Address of the Dask scheduler; ClusterError where the client is not open."""
        return self._session.connection.address

    async def _connect(self) -> Connection:
        if self._named is None:
            named, pools = self._name, self._pools
            local = await local_cluster.ensure(named, pools, store=self._store, env=self._env)
            place = SchedulerPlace(local.address, local.security())
            self._started = local.started_by_us
        else:
            place = find_scheduler(self._named, self._security)
        trees = self._session.trees
        return Connection(*place, trees.take_in, trees.lose)

    def __await__(self) -> Generator[object, None, Self]:
        """Open the client: `client = await JobClient()`."""
        return self.open().__await__()

    async def __aenter__(self) -> Self:
        """Open the client."""
        return await self.open()

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        exc: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close the client."""
        await self.aclose()

    async def aclose(self) -> None:
        """Disconnect; jobs go on, unless `detach=False` ends the local cluster."""
        self._submission.close()
        if await self._session.end() and not self._detach and self._named is None:
            await local_cluster.down(self._name, store=self._store)

    # Submitting.

    @overload
    async def submit(self, fn: Plan, /) -> JobHandle[list[Any]]: ...
    @overload
    async def submit(
        self, fn: Callable[P, Awaitable[R]], /, *args: P.args, **kwargs: P.kwargs
    ) -> JobHandle[R]: ...
    @overload
    async def submit(
        self, fn: Callable[P, R], /, *args: P.args, **kwargs: P.kwargs
    ) -> JobHandle[R]: ...
    async def submit(self, fn: Any, /, *args: Any, **kwargs: Any) -> JobHandle[Any]:
        """Start a job, or a whole plan; durable when it returns, long before the work is done.

        Options go to the function: `fn.options(priority=5)`. A handle among the arguments arrives
        as its result, which the job waits for. A job with a `key` that a job had before is that
        job. SerializationError where the function or an argument cannot travel, OptionsError for
        an unknown queue, StoreError where the service cannot make it durable.
        """
        root_id = new_id()
        handle = JobHandle[Any](self._session, root_id)
        accepted = await self._submission.submit(fn, (args, kwargs), root_id)
        return handle if accepted == root_id else await self.attach(accepted)

    @overload
    async def run(self, fn: Plan, /) -> list[Any]: ...
    @overload
    async def run(
        self, fn: Callable[P, Awaitable[R]], /, *args: P.args, **kwargs: P.kwargs
    ) -> R: ...
    @overload
    async def run(self, fn: Callable[P, R], /, *args: P.args, **kwargs: P.kwargs) -> R: ...
    async def run(self, fn: Any, /, *args: Any, **kwargs: Any) -> Any:
        """Start a job, or a plan, and wait for its result; it goes on if the wait is cancelled."""
        with FOR_USERS:
            return await (await self.submit(fn, *args, **kwargs))

    @overload
    async def map(
        self, fn: Callable[..., Awaitable[R]], /, *iterables: Iterable[Any], **same: Any
    ) -> JobHandles[R]: ...
    @overload
    async def map(
        self, fn: Callable[..., R], /, *iterables: Iterable[Any], **same: Any
    ) -> JobHandles[R]: ...
    async def map(self, fn: Any, /, *iterables: Iterable[Any], **same: Any) -> JobHandles[Any]:
        """Start a job for each item, as the builtin `map` pairs them, below one plan.

        All get the `same` keyword arguments.
        """
        calls: list[Call] = [(args, same) for args in zip(*iterables, strict=False)]
        root_id = new_id()
        handles = JobHandles[Any](self._session, root_id, len(calls))
        await self._submission.map(fn, calls, root_id)
        return handles

    @overload
    async def gather(
        self, *handles: JobHandle[R] | Iterable[JobHandle[R]], return_exceptions: Literal[True]
    ) -> list[R | Exception]: ...
    @overload
    async def gather(
        self, *handles: JobHandle[R] | Iterable[JobHandle[R]], return_exceptions: bool = False
    ) -> list[R]: ...
    async def gather(
        self, *handles: JobHandle[Any] | Iterable[JobHandle[Any]], return_exceptions: bool = False
    ) -> list[Any]:
        """Return all results in order; the first error to come, unless errors are wanted too."""
        return await gather(self._session, handles, return_exceptions=return_exceptions)

    async def as_completed(self, handles: Iterable[JobHandle[R]]) -> AsyncIterator[JobHandle[R]]:
        """Yield handles as their jobs end."""
        by_id = {handle.id: handle for handle in handles}
        async for job_id in self._session.ends(by_id):
            yield by_id[job_id]

    # Control.

    async def cancel(self, ids: Sequence[JobId]) -> None:
        """Stop jobs and all below them; those that have ended stay as they are."""
        await self._session.cancel(ids)

    async def pause(self, ids: Sequence[JobId] | None = None, *, queue: str | None = None) -> None:
        """Hold jobs and all below them, or a queue; with neither, every queue that there is.

        A queue stays paused, also for jobs to come, until it is resumed. OptionsError for one
        that is not known.
        """
        if ids is not None:
            await self._session.api.pause(list(ids))
        if ids is None or queue is not None:
            await self._session.api.hold_queues(queue, True)

    async def resume(self, ids: Sequence[JobId] | None = None, *, queue: str | None = None) -> None:
        """Let jobs and all below them go on, or a queue; with neither, every queue.

        A job that was paused both by itself and with its queue goes on when both are resumed.
        """
        if ids is not None:
            await self._session.api.resume(list(ids))
        if ids is None or queue is not None:
            await self._session.api.hold_queues(queue, False)

    # Finding again.

    async def attach(self, job_id: JobId) -> JobHandle[Any]:
        """Return a handle of any job that the service knows; JobNotFoundError for another."""
        if not isinstance(job_id, str):
            raise OptionsError(f"attach takes the id of a job, a text, not {preview(job_id)}")
        return await attach(self._session, job_id)

    def panel(self) -> "JobsPanel":
        """Return the live view of all jobs of this service, for a notebook.

        ParrotError where `parrot-async[notebook]` is not installed.
        """
        return display.panel(self._session)

    async def jobs(
        self,
        status: JobStatus | str | None = None,
        *,
        queue: str | None = None,
        function: str | None = None,
        limit: int = 100,
    ) -> RootRows:
        """Return the newest root jobs that fit, from the store; a notebook shows a table."""
        check_limit(limit)
        wanted = None if status is None else str(JobStatus(status))
        rows = await self._session.api.jobs(wanted, queue, function, limit=limit)
        return RootRows(map(RootRow.from_plain, rows))

    async def recover(
        self, ids: Iterable[JobId] = (), *, changed: Literal["error", "accept"] = "error"
    ) -> list[JobHandle[Any]]:
        """Go on with jobs whose service ended before they did, all or those of `ids`.

        What had completed gives its stored result; the rest runs again. Returns a handle of each
        tree that was taken over. FunctionChangedError, before anything happens, where a function
        was edited since it was submitted, or is gone: `changed="accept"` runs it as it is now.
        """
        found = await self._session.api.recover(list(ids), changed)
        self._session.trees.goes_on(found)
        return [await self.attach(root_id) for root_id in found]

    async def gc(
        self,
        older_than: Duration | None = None,
        *,
        keep: int | None = None,
        size: int | None = None,
    ) -> Pruned:
        """Delete finished trees with their results, and files of results that nobody needs.

        Trees that ended longer ago than `older_than`, all but the `keep` that ended last, and
        the oldest until the store has at most `size` bytes; with none of these, only what is left
        over of trees that were deleted before.
        """
        age = None if older_than is None else seconds(older_than)
        return Pruned(**await self._session.api.gc(age, keep, size))

    async def set_queue(self, queue: Queue) -> None:
        """Add a queue or change one, for all clients of this service."""
        await self._session.api.set_queue(queue.model_dump_json().encode())
