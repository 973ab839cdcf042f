"""Who watches which tree, and what is left of it in the service's memory: nothing."""

import asyncio
from typing import Any

from parrot_async.model.events import Record
from parrot_async.service.journal.watch import Watch


class Line:
    """A comm that keeps what is written to it."""

    def __init__(self) -> None:
        self.written: list[Any] = []

    async def write(self, message: Any) -> None:
        self.written.append(message)

    def abort(self) -> None:
        """Nobody hangs up here."""


def seqs(line: Line) -> list[int]:
    return [sent["seq"] for message in line.written for sent in message["records"]]


async def test_a_client_hears_of_trees_while_it_watches_them() -> None:
    watch, line = Watch(), Line()
    serving = asyncio.create_task(watch.serve(line, "client", 1))  # type: ignore[arg-type]
    await asyncio.sleep(0)
    watch.subscribe("client", "a")
    watch.publish("a", 1, Record(b"{}"))
    watch.publish("b", 2, Record(b"{}"))
    watch.unsubscribe("client", ["a", "never watched"])
    watch.publish("a", 3, Record(b"{}"))
    watch.subscribe("client", "a")
    watch.publish("a", 4, Record(b"{}"))
    while len(seqs(line)) < 2:  # noqa: ASYNC110 - a line tells nobody
        await asyncio.sleep(0)
    serving.cancel()

    assert seqs(line) == [1, 4]


async def test_nothing_is_kept_of_trees_that_nobody_watches_any_more() -> None:
    watch, line = Watch(), Line()
    serving = asyncio.create_task(watch.serve(line, "client", 1))  # type: ignore[arg-type]
    await asyncio.sleep(0)
    (watcher,) = watch._clients.values()
    for number in range(100):
        watch.subscribe("client", str(number))
    watch.unsubscribe("client", map(str, range(50)))

    assert len(watch._by_root) == len(watcher.roots) == 50
    serving.cancel()
    await asyncio.wait([serving])
    assert not watch._by_root
    assert not watcher.roots
