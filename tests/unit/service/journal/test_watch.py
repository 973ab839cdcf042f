"""Who watches which tree, and what is left of it in the service's memory: nothing."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from distributed.comm.core import CommClosedError

from parrot_async.model.events import Record
from parrot_async.service.journal import watch as module
from parrot_async.service.journal.watch import MOST_RECORDS, Watch


class Line:
    """A comm that keeps what is written to it."""

    def __init__(self) -> None:
        self.written: list[Any] = []
        self.times: list[float] = []
        self.aborted = False

    async def write(self, message: Any) -> None:
        if self.aborted:
            raise CommClosedError
        self.written.append(message)
        self.times.append(time.monotonic())

    def abort(self) -> None:
        self.aborted = True


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


@asynccontextmanager
async def watching(watch: Watch, line: Line, number: int = 1) -> AsyncIterator[None]:
    """A client that has its stream, and watches one tree."""
    serving = asyncio.create_task(watch.serve(line, "client", number))  # type: ignore[arg-type]
    await asyncio.sleep(0)
    watch.subscribe("client", "r")
    yield
    serving.cancel()
    await asyncio.wait([serving])


async def heard(line: Line, count: int) -> None:
    while len(seqs(line)) < count:  # noqa: ASYNC110 - a line tells nobody
        await asyncio.sleep(0.001)


async def test_soft_records_wait_for_each_other_and_others_for_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "SOFT_INTERVAL", 0.2)
    watch, line = Watch(), Line()
    async with watching(watch, line):
        watch.publish("r", 1, Record(b"first"), soft=True)
        await heard(line, 1)
        begun = time.monotonic()
        watch.publish("r", 2, Record(b"progress"), soft=True)
        await asyncio.sleep(0.02)
        watch.publish("r", 3, Record(b"progress"), soft=True)
        await heard(line, 3)
        together = line.times[-1] - begun, [len(m["records"]) for m in line.written[-1:]]

        watch.publish("r", 4, Record(b"progress"), soft=True)
        watch.publish("r", 5, Record(b"end"))
        ended = time.monotonic()
        await heard(line, 5)

    assert together[0] > 0.1
    assert together[1] == [2]
    assert line.times[-1] - ended < 0.1


async def test_what_a_body_begins_with_says_nothing_of_how_urgent_it_is() -> None:
    watch, line = Watch(), Line()
    async with watching(watch, line):
        (watcher,) = watch._clients.values()
        watch.publish("r", 1, Record(b'{"kind":"progressed"'))

        assert watcher._urgent.is_set()


async def test_a_message_has_no_more_records_than_a_client_can_take() -> None:
    watch, line = Watch(), Line()
    async with watching(watch, line):
        for number in range(MOST_RECORDS + 1):
            watch.publish("r", number, Record(b"{}"))
        await heard(line, MOST_RECORDS + 1)

    assert [len(message["records"]) for message in line.written] == [0, MOST_RECORDS, 1]


async def test_silence_is_broken_now_and_then(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "HEARTBEAT", 0.01)
    watch, line = Watch(), Line()

    async with watching(watch, line):
        while len(line.written) < 3:  # noqa: ASYNC110 - a line tells nobody
            await asyncio.sleep(0.001)

    assert seqs(line) == []


async def test_a_client_that_is_too_far_behind_is_disconnected(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "MOST_BYTES", 1000)
    watch, line = Watch(), Line()
    async with watching(watch, line):
        (watcher,) = watch._clients.values()
        watch.publish("r", 1, Record(b"{}", (bytes(500),)))
        near = line.aborted
        watch.publish("r", 2, Record(b"{}", (None, bytes(500))))

        assert (near, line.aborted) == (False, True)
        assert not watcher._messages


async def test_a_later_stream_of_a_client_takes_the_place_of_an_earlier_one() -> None:
    watch, early, late = Watch(), Line(), Line()
    async with watching(watch, late, number=2):
        await watch.serve(early, "client", 1)  # type: ignore[arg-type]
        watch.publish("r", 1, Record(b"{}"))
        await heard(late, 1)

        assert (early.aborted, early.written) == (True, [])
        assert len(watch) == 1


async def test_a_client_that_has_gone_is_forgotten() -> None:
    watch, line = Watch(), Line()
    async with watching(watch, line):
        known = watch.has("client"), watch.is_watched("r")
        line.abort()
        watch.publish("r", 1, Record(b"{}"))
        while watch.has("client"):  # noqa: ASYNC110 - a watch tells nobody
            await asyncio.sleep(0)

    assert known == (True, True)
    assert not watch.is_watched("r")
    assert not watch.subscribe("client", "r")
