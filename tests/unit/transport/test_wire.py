"""What both ends agree on: big bytes go beside the message, and a tuned stream sends at once."""

import asyncio
import os
import time
from typing import Any

import pytest
from distributed import batched
from distributed.batched import BatchedSend
from distributed.protocol.core import dumps, loads

from parrot_async.transport.messages import Group
from parrot_async.transport.wire import INLINE, all_beside, beside, tune, whole


def group(*arguments: bytes) -> Group:
    return Group(
        spec=b"{}", ids=[], parent_id=None, arguments=[*arguments], summaries=[], depends_on=[]
    )


@pytest.mark.parametrize("kind", [bytes, bytearray])
@pytest.mark.parametrize("size", [0, INLINE, INLINE + 1, 3_000_000])
@pytest.mark.parametrize("deserialize", [True, False])
def test_bytes_arrive_as_they_went(kind: type[bytes], size: int, deserialize: bool) -> None:
    data = kind(os.urandom(size))

    (sent,) = all_beside([group(data)])
    arrived = loads([bytes(frame) for frame in dumps(sent)], deserialize=deserialize)

    found = whole(arrived["arguments"][0])
    assert type(found) is bytes
    assert found == data


def test_big_bytes_are_a_frame_of_their_own_which_nothing_has_copied() -> None:
    data = os.urandom(3_000_000)

    frames = dumps({"groups": all_beside([group(data, b"small")])})

    assert any(frame is data for frame in frames)
    assert sum(len(frame) for frame in frames if frame is not data) < 2000


def test_small_arguments_travel_in_their_message() -> None:
    groups = [group(b"small", b"x" * INLINE)]

    assert all_beside(groups) is groups
    assert whole(beside(b"small")) == b"small"


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
