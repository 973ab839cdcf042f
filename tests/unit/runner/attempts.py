"""Attempts without a worker: batches, and a runner that only writes down what it is asked."""

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from concurrent.futures import Future
from typing import Any

from parrot_async.jobs.context import JobContext
from parrot_async.jobs.host import AcceptedChildren
from parrot_async.model import events
from parrot_async.model.events import Event
from parrot_async.runner.execution import Execution
from parrot_async.runner.functions import LoadedFunctions
from parrot_async.runner.host import ExecutionHost
from parrot_async.runner.outbox import Outbox
from parrot_async.runner.slots import Slots
from parrot_async.transport.messages import Batch, ValueMessage
from parrot_async.transport.outcome import Outcome
from parrot_async.transport.pickling import Call, dump_call, dump_function
from parrot_async.transport.wire import Value


def batch(
    *functions: Callable[..., Any],
    calls: Sequence[Call] | None = None,
    is_async: bool = False,
    values: dict[str, Value] | None = None,
    states: dict[str, Value] | None = None,
    alone: Sequence[str] = (),
) -> Batch:
    """First attempts of the jobs a, b, ..., one for each function."""
    count = len(functions)
    return Batch(
        ids=tuple("abcdefgh"[:count]),
        attempts=(1,) * count,
        functions=tuple(dump_function(fn)[0] for fn in functions),
        arguments=tuple(dump_call(call)[0] for call in calls or [((), {})] * count),
        coroutines=(is_async,) * count,
        graces=(1.0,) * count,
        values=messages(values or {}),
        names={},
        states=messages(states or {}),
        edited=(),
        alone=alone,
    )


def messages(values: dict[str, Value]) -> dict[str, ValueMessage]:
    """Values as a batch carries them."""
    return {
        job_id: ValueMessage(data=value.data, url=value.url, parts=value.parts)
        for job_id, value in values.items()
    }


class BareRunner:
    """A runner of one slot that runs nothing by itself."""

    def __init__(self, results_url: str = "memory://results") -> None:
        self.results_url = results_url
        self.started: list[Execution] = []
        self.slots: Slots[Execution] = Slots(1, self.started.extend)
        self.outbox = Outbox(lambda _: None, "worker")
        self.pickles: dict[str, bytes] = {}
        self.functions = LoadedFunctions(self._pickle)
        self.over: list[str] = []
        self.closed: list[JobContext] = []
        self.coroutines: list[tuple[Execution, Coroutine[Any, Any, Any]]] = []
        self.accepted: Future[AcceptedChildren] = Future()
        self.asked: list[tuple[str, Callable[..., Any], Sequence[Call]]] = []

    async def _pickle(self, function_id: str) -> bytes:
        return self.pickles[function_id]

    async def execution(self, fn: Callable[..., Any], **options: Any) -> Execution:
        """The first attempt of a job, with its function fetched and its slot taken."""
        self.pickles.update([await asyncio.to_thread(dump_function, fn)])
        found = Execution(self, await asyncio.to_thread(batch, fn, **options), 0)
        assert not await self.functions.fetch([found.call.function_id])
        self.slots.add([found])
        return found

    def submit(
        self, parent: ExecutionHost, fn: Callable[..., Any], calls: Sequence[Call]
    ) -> "Future[AcceptedChildren]":
        self.asked.append((parent.id, fn, calls))
        return self.accepted

    def accept(self, parent: ExecutionHost, *ends: "Future[Outcome]") -> None:
        """Answer what `submit` asked."""
        ids = [f"{parent.id}.{index}" for index, _ in enumerate(ends)]
        parent.children.extend(zip(ids, ends, strict=True))
        self.accepted.set_result(AcceptedChildren(ids, ends, lambda _: None))

    def close_output(self, context: JobContext) -> None:
        self.closed.append(context)

    def ended(self, execution: Execution) -> None:
        self.over.append(execution.id)

    def run_on_loop(self, coroutine: Coroutine[Any, Any, Any], execution: Execution) -> None:
        self.coroutines.append((execution, coroutine))

    def told(self) -> list[Event]:
        """The events that the service would get now."""
        return [events.load(record.body) for record in self.outbox.flush()]
