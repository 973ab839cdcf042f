"""`JobClient`: submit jobs, find them again, ask about them."""

import asyncio
import logging
from collections import deque
from collections.abc import (
    Awaitable,
    Callable,
    Generator,
    Iterable,
    Sequence,
)
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal, ParamSpec, Protocol, Self, TypeVar, overload

from distributed.security import Security

from parrot_async import cluster as local_cluster
from parrot_async.client import display as notebook
from parrot_async.client.connection import Connection
from parrot_async.client.door import ServiceDoor
from parrot_async.client.handle import JobHandle, JobHandles
from parrot_async.cluster import Pools
from parrot_async.errors import ClusterError
from parrot_async.failpoints import reach
from parrot_async.jobs.decorator import Plan, check_call
from parrot_async.jobs.request import (
    groups_of_calls,
    groups_of_piece,
    groups_of_plan,
    map_root,
    new_id,
)
from parrot_async.model.durations import Duration, seconds
from parrot_async.model.events import Record
from parrot_async.model.models import JobId, JobStatus, Queue
from parrot_async.model.rows import RootRow
from parrot_async.report.tables import RootRows
from parrot_async.service.custody.retention import Pruned
from parrot_async.store import check_url
from parrot_async.transport.pickling import Call, dump_function
from parrot_async.view.source import Source

if TYPE_CHECKING:
    from parrot_async.widget import JobsPanel

P = ParamSpec("P")
R = TypeVar("R")

PIECE = 500
"""Jobs of a `map` that are pickled and sent at once, so that the caller's loop may breathe."""
PIECES_UNDER_WAY = 4

logger = logging.getLogger(__name__)


class DaskCluster(Protocol):
    """Any of Dask's cluster objects."""

    scheduler_address: str
    security: Any


class JobClient(ServiceDoor):
    """A thin door to a job service; many may be open at once, anywhere.

    `JobClient()` joins the user's local cluster, and starts it where there is none; it goes on
    when the client is closed, and ends by itself when it is idle. `JobClient("tcp://...")` and
    `JobClient(cluster=...)` use any Dask cluster. Write `async with JobClient() as client`, or
    `client = await JobClient()` in a notebook.
    """

    def __init__(
        self,
        address: str | None = None,
        *,
        cluster: DaskCluster | None = None,
        security: Security | None = None,
        name: str | None = None,
        pools: Pools | None = None,
        store: str | None = None,
        detach: bool = True,
    ) -> None:
        """Say which cluster; nothing is started or joined yet.

        `name`, `store` and `pools` are of a local cluster: which one, the URL of its job store
        (`sqlite:///jobs.db`, `postgresql://user@host/database`; by default `$PARROT_STORE` or a
        file of its own), and how many workers it gets when it has to be started. `detach=False`
        ends it with this client.
        """
        if store is not None and (address is not None or cluster is not None):
            raise ClusterError("a store is that of a local cluster; others have $PARROT_STORE")
        if store is not None:
            check_url(store)
        if address is not None and cluster is not None:
            raise ClusterError("give an address or a cluster, not both")
        self._address = address or (cluster.scheduler_address if cluster is not None else None)
        self._security = security or (cluster.security if cluster is not None else None)
        self._name = name
        self._pools = pools
        self._store = store
        self._detach = detach
        self._started = False
        super().__init__()

    def __repr__(self) -> str:
        """Show where the client is connected to."""
        where = self._connection.address if self._connection is not None else "not open"
        return f"<JobClient {where}>"

    # Life.

    async def open(self) -> Self:
        """Start or join the cluster and connect; ClusterError where that cannot be done."""
        if self._connection is None:
            connection = await self._connect()
            hello = await connection.open()
            self.history = dict(hello["history"])
            self._connection = connection
            self._source = Source(self._mirror, connection, self.claim, self.history)
            if self._started and hello["interrupted"]:
                message = "interrupted jobs: %d; `await client.recover()` goes on with them"
                logger.warning(message, hello["interrupted"])
        return self

    async def _connect(self) -> Connection:
        address, security = self._address, self._security
        if address is None:
            local = await local_cluster.ensure(self._name, self._pools, store=self._store)
            address, security = local.address, local.security()
            self._started = local.started_by_us
        return Connection(address, security, self._mirror.take_in, self._mirror.lose)

    def __await__(self) -> Generator[Any, None, Self]:
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
        """Hang up; jobs go on, unless `detach=False` ends the local cluster."""
        connection, self._connection = self._connection, None
        if connection is not None:
            await asyncio.shield(connection.close())
            if not self._detach and self._address is None:
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
        if isinstance(fn, Plan):
            groups, functions = groups_of_plan(fn, root_id)
        else:
            check_call(fn, (args, kwargs))
            function_id, data = dump_function(fn)
            functions = {function_id: data}
            groups = groups_of_calls(fn, [(args, kwargs)], function_id)
            groups[0]["ids"] = [root_id]
        handle = JobHandle[Any](self, root_id)
        accepted = await self._send(root_id, groups, functions)
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
        for call in calls[:1]:
            check_call(fn, call)
        root_id = new_id()
        handles = JobHandles[Any](self, root_id, len(calls))
        function_id, data = dump_function(fn)
        under_way: deque[asyncio.Task[JobId]] = deque()
        top = map_root(fn, len(calls), root_id)
        first = groups_of_piece(fn, calls[:PIECE], function_id, root_id, 0)
        await self._send(root_id, [top, *first], {function_id: data})
        try:
            for start in range(PIECE, len(calls), PIECE):
                piece = calls[start : start + PIECE]
                groups = groups_of_piece(fn, piece, function_id, root_id, start)
                under_way.append(asyncio.ensure_future(self._send(root_id, groups, {})))
                await asyncio.sleep(0)
                if len(under_way) >= PIECES_UNDER_WAY:
                    await under_way.popleft()
            while under_way:
                await under_way.popleft()
        except BaseException:
            for task in under_way:
                task.cancel()
            self._line.post("parrot_cancel", ids=[root_id])
            raise
        await self._mirror.shown(root_id, len(calls))
        return handles

    async def _send(
        self, root_id: JobId, groups: Sequence[Any], functions: dict[str, bytes]
    ) -> JobId:
        self._line.watch(root_id)
        accepted, first = await self._line.call(
            "parrot_submit",
            groups=[dict(group) for group in groups],
            functions=functions,
            client=self._line.client,
        )
        reach("acknowledged")
        if accepted == root_id and first:
            # The line's own news of it may be on its way, and the handle is used at once.
            self._mirror.take_in([(root_id, 0, Record(bytes(first)))])
        return str(accepted)

    # Finding again.

    def panel(self) -> "JobsPanel":
        """Return the live view of all jobs of this service, for a notebook.

        ParrotError where `parrot-async[notebook]` is not installed.
        """
        return notebook.panel(self.source)

    async def jobs(
        self,
        status: JobStatus | str | None = None,
        *,
        queue: str | None = None,
        function: str | None = None,
        limit: int = 100,
    ) -> RootRows:
        """Return the newest root jobs that fit, from the store; a notebook shows a table."""
        rows = await self._line.call(
            "parrot_jobs",
            status=None if status is None else str(JobStatus(status)),
            queue=queue,
            function=function,
            limit=limit,
        )
        return RootRows(map(RootRow.from_plain, rows))

    async def recover(
        self, ids: Iterable[JobId] = (), *, changed: Literal["error", "accept"] = "error"
    ) -> list[JobHandle[Any]]:
        """Go on with jobs whose service ended before they did, all or those of `ids`.

        What had completed gives its stored result; the rest runs again. Returns a handle of each
        tree that was taken over. FunctionChangedError, before anything happens, where a function
        was edited since it was submitted, or is gone: `changed="accept"` runs it as it is now.
        """
        found = await self._line.call("parrot_recover", ids=list(ids), changed=changed)
        self._mirror.goes_on(found)
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
        pruned = await self._line.call(
            "parrot_gc",
            older_than=None if older_than is None else seconds(older_than),
            keep=keep,
            size=size,
        )
        return Pruned(**pruned)

    async def set_queue(self, queue: Queue) -> None:
        """Add a queue or change one, for all clients of this service."""
        await self._line.call("parrot_set_queue", queue=queue.model_dump_json().encode())
