"""A worker that is asked which attempts it has says first what may not have been heard."""

from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any, cast

from distributed import Worker

from parrot_async.model import events
from parrot_async.runner.reporter import Reporter
from parrot_async.transport.api import RunnerReports, operations
from parrot_async.transport.wire import unpack

REPORTS = operations(RunnerReports)


@dataclass(eq=False)
class Attempt:
    """An attempt as the reporter sees it."""

    id: str = "r"
    attempt: int = 1
    started: bool = True


class Stream:
    """What the worker sends stays here."""

    def __init__(self) -> None:
        self.sent: list[dict[str, Any]] = []

    def closed(self) -> bool:
        return False

    def send(self, message: dict[str, Any]) -> None:
        self.sent.append(message)


async def test_waits_are_told_again_before_the_attempts_are_listed() -> None:
    stream, attempt = Stream(), Attempt()
    worker = SimpleNamespace(batched_stream=stream, address="worker")
    there = cast("Any", {("r", 1): attempt})
    reporter = Reporter(there, cast("Worker", worker))
    reporter.outbox.slot_changed(attempt, events.Waiting)
    reporter.outbox.flush()  # and nobody hears it

    reporter.list_attempts(3)

    happened, listed = stream.sent
    (record,) = happened["records"]
    assert isinstance(events.load(unpack(record).body), events.Waiting)
    assert listed["op"] == REPORTS["attempts"].wire_name
    assert (listed["number"], listed["running"]["ids"]) == (3, ["r"])
