"""What processes ask of each other: typed APIs, the stubs that call them, the handlers that answer.

Three Protocols are all that travels between processes as a call. `ServiceApi` has the questions of
clients and runners to the service; `RunnerReports` has what runners report without an answer;
`RunnerApi` has what the service asks of the runner on a worker. A method's name on the wire is made
here, from the method itself, and is written nowhere else.

What a call carries is in `transport.messages`.
"""

import inspect
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from functools import cache, partial
from typing import Any, NamedTuple, Protocol, TypeVar, cast

from parrot_async.model.models import JobId
from parrot_async.transport.messages import (
    Accepted,
    Attempts,
    Batch,
    Group,
    OutcomeMessage,
    PackedRecord,
    ServiceHello,
    Stop,
    StoredEvent,
    StoredFunction,
    StoredValue,
)

M = TypeVar("M", bound=Callable[..., Any])

VERSION = 7
"""Of this API; client, service and runners must have the same."""

_PREFIX = "parrot_"


def never_twice(method: M) -> M:
    """Mark a method that must not be called again where the line was cut under its answer."""
    method.__never_twice__ = True  # type: ignore[attr-defined]  # a mark on a function
    return method


class ServiceApi(Protocol):
    """What clients and runners ask of the service; errors that it raises are raised at the caller.

    A call whose line was cut is made again, so that each method does once what it is asked twice,
    except for those that are marked `never_twice`.
    """

    async def hello(self) -> ServiceHello:
        """Return which version the service speaks, and what it knows."""

    async def submit(
        self,
        groups: Sequence[Group],
        functions: Mapping[str, bytes],
        client: str | None = None,
    ) -> Accepted:
        """Accept jobs of a tree; they are durable on return, and the client watches the tree."""

    async def children(
        self,
        parent_id: JobId,
        attempt: int,
        groups: Sequence[Group],
        functions: Mapping[str, bytes],
    ) -> Sequence[JobId]:
        """Accept children of a running attempt; returns their ids in order."""

    async def cancel(self, ids: Sequence[JobId]) -> Sequence[bool]:
        """Stop jobs and all below them; returns for each whether it had not ended."""

    async def pause(self, ids: Sequence[JobId]) -> Sequence[bool]:
        """Hold jobs and all below them; InterruptedJobError for one that nobody runs."""

    async def resume(self, ids: Sequence[JobId]) -> Sequence[bool]:
        """Let jobs and all below them go on; InterruptedJobError for one that nobody runs."""

    async def hold_queues(self, queue: str | None, holds: bool) -> None:
        """Hold the jobs of a queue, of all queues where none is named, or let them go on."""

    async def recover(self, ids: Sequence[JobId] = (), changed: str = "error") -> Sequence[JobId]:
        """Go on with trees that nobody runs, those of `ids` or all; returns their roots."""

    @never_twice
    async def retry(self, ids: Sequence[JobId], failed_only: bool = False) -> Sequence[JobId]:
        """Run jobs that have ended again, each as a new tree; returns the new roots."""

    async def gc(
        self, older_than: float | None, keep: int | None, size: int | None
    ) -> dict[str, int]:
        """Delete finished trees and files that nobody needs; returns the fields of a `Pruned`."""

    async def function(self, function_id: str) -> bytes:
        """Return a function's pickle; LookupError where it is not known."""

    async def attach(
        self, client: str, after: Mapping[JobId, int], limit: int
    ) -> Sequence[StoredEvent]:
        """Send a client all that comes of these trees, from now on.

        Returns at most `limit` events of their past, those after the number given with each tree.
        """

    async def events(
        self, root_id: JobId, after: int = 0, limit: int | None = None
    ) -> Sequence[StoredEvent]:
        """Return a tree's past after the event of this number."""

    async def detach(self, client: str, root_ids: Sequence[JobId]) -> None:
        """Send a client nothing more of these trees."""

    async def results(self, ids: Sequence[JobId]) -> dict[JobId, StoredValue]:
        """Return the stored results of those of the jobs that have one."""

    async def jobs(
        self,
        status: str | None = None,
        queue: str | None = None,
        function: str | None = None,
        since: float | None = None,
        limit: int = 100,
    ) -> Sequence[dict[str, Any]]:
        """Return the newest trees that fit, as `RootRow.plain` gives them."""

    async def set_queue(self, queue: bytes) -> None:
        """Keep a queue, given as JSON, in place of the one of the same name."""


class RunnerReports(Protocol):
    """What a runner reports over its worker's stream, in order and without an answer."""

    def worker_ready(
        self, worker: str, labels: Sequence[str], slots: int, version: int = 0
    ) -> None:
        """A runner is there, for the pools of its labels."""

    def happened(self, worker: str, records: Sequence[PackedRecord]) -> None:
        """Events of its attempts."""

    def returned(self, worker: str, attempts: Attempts) -> None:
        """It gives attempts back that it has not started."""

    def outdated(self, worker: str, function_id: str, attempts: Attempts, why: str) -> None:
        """It gives attempts of a function back whose modules it has in another version."""

    def attempts(self, worker: str, number: int, running: Attempts, queued: Attempts) -> None:
        """It has these attempts, by `list_attempts` of that number; all earlier news is out."""

    def unfit(self, worker: str, fault: str) -> None:
        """Its process can run no further attempt, and is to be replaced."""


class RunnerApi(Protocol):
    """What the service asks of a runner: one-way and in order, except for `check`."""

    def take(self, batch: Batch) -> None:
        """Run these attempts, each as soon as it has a slot."""

    def stop(self, stops: Sequence[Stop]) -> None:
        """Have attempts stop, at their next checkpoint or by force before their grace is over."""

    def abandon(self, attempts: Attempts) -> None:
        """Give the slots of attempts that cannot be stopped to others."""

    def recall(self, attempts: Attempts) -> None:
        """Return those of the attempts that have not started."""

    def pause(self, attempts: Attempts) -> None:
        """Return those that have not started; the others hold at their next checkpoint."""

    def resume(self, attempts: Attempts) -> None:
        """Let attempts that hold go on."""

    def children_ended(self, outcomes: Sequence[OutcomeMessage]) -> None:
        """Tell the bodies of parents how children of theirs ended."""

    def list_attempts(self, number: int) -> None:
        """Report which attempts there are, by `RunnerReports.attempts` with this number."""

    def rest(self, key: str) -> None:
        """End the shift of this Dask key: the worker has nothing left to do."""

    async def check(self, functions: Mapping[str, StoredFunction]) -> dict[str, str]:
        """Return what is wrong with functions that were submitted long ago, by their ids."""


class Operation(NamedTuple):
    """One method of an API, as it is called over a comm."""

    name: str
    wire_name: str
    parameters: tuple[str, ...]
    answers: bool
    """False for what is only sent."""
    never_twice: bool


Arguments = dict[str, object]
Ask = Callable[[Operation, Arguments], Awaitable[Any]]
"""Makes a call and returns its answer."""
Tell = Callable[[Operation, Arguments], None]
"""Sends a call that has no answer."""


@cache
def operations(api: type) -> dict[str, Operation]:
    """Return the methods of an API by their names."""
    methods = {name: member for name, member in vars(api).items() if inspect.isfunction(member)}
    return {
        name: Operation(
            name,
            _PREFIX + name,
            tuple(inspect.signature(method).parameters)[1:],
            inspect.iscoroutinefunction(method),
            getattr(method, "__never_twice__", False),
        )
        for name, method in methods.items()
        if not name.startswith("_")
    }


class _Stub:
    """Has the methods of an API; each call goes out by `send`, with its arguments by name."""

    def __init__(self, api: type, send: Callable[[Operation, Arguments], object]) -> None:
        for name, operation in operations(api).items():
            setattr(self, name, partial(_send, send, operation))


def _send(
    send: Callable[[Operation, Arguments], object],
    operation: Operation,
    /,
    *args: object,
    **kwargs: object,
) -> object:
    return send(operation, {**dict(zip(operation.parameters, args, strict=False)), **kwargs})


def service_stub(ask: Ask) -> ServiceApi:
    """Return the service's API as a caller has it; `ask` makes the calls."""
    return cast("ServiceApi", _Stub(ServiceApi, ask))


def reports_stub(tell: Tell) -> RunnerReports:
    """Return the service's ear as a runner has it; `tell` sends what is reported."""
    return cast("RunnerReports", _Stub(RunnerReports, tell))


def runner_stub(send: Callable[[Operation, Arguments], object]) -> RunnerApi:
    """Return a runner's API as the service has it.

    `send` sends one-way calls and returns None, and for `check` returns what can be awaited.
    """
    return cast("RunnerApi", _Stub(RunnerApi, send))


def handlers(
    api: type, implementation: object, names: Iterable[str] = ()
) -> dict[str, Callable[..., Any]]:
    """Return what answers each operation by its name on the wire; all, or those of `names`."""
    known = operations(api)
    wanted = list(names) or list(known)
    return {known[name].wire_name: getattr(implementation, name) for name in wanted}


# A client's stream.

WATCH = _PREFIX + "watch"
"""Opens a client's stream; not a call, since it takes the comm itself over."""


def stream_request(client: str, number: int) -> dict[str, Any]:
    """Return the first message on the comm of a client's stream, its `number`-th one."""
    return {"op": WATCH, "client": client, "number": number, "reply": False}
