"""What both ends agree on: a tuned stream sends at once, whatever the wall clock does."""

import asyncio
import time
from typing import Any

import pytest
from distributed import batched
from distributed.batched import BatchedSend

from parrot_async.transport.wire import tune

LIMIT = 10


class Line:
    """A comm that takes its time for the first message, in which the clock is set back."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._patch = monkeypatch
        self.sent: list[Any] = []

    def closed(self) -> bool:
        return False

    def abort(self) -> None:
        """End it, which costs nothing."""

    async def write(self, payload: list[Any], **_: Any) -> int:
        self.sent += payload
        await asyncio.sleep(0.01)
        wrong = time.time() - 3600
        self._patch.setattr(time, "time", lambda: wrong)
        self._patch.setattr(batched, "time", lambda: wrong)
        return 1


async def sent_on(line: Line, stream: BatchedSend, count: int) -> list[Any]:
    """Send messages one after the other."""
    stream.start(line)
    for number in range(count):
        stream.send(number)
        await asyncio.sleep(0.05)
    stream.please_stop = True
    stream.waker.set()
    return line.sent


async def test_a_tuned_stream_goes_on_after_the_clock_was_set_back(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    line, stream = Line(monkeypatch), BatchedSend(interval="5ms")
    tune(stream)

    async with asyncio.timeout(LIMIT):
        sent = await sent_on(line, stream, 3)

    assert sent == [0, 1, 2]
    assert not stream.recent_message_log
