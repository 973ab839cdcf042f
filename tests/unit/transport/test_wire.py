"""Bytes as a comm carries them: big ones beside the message, so that nothing copies them."""

import os

import pytest
from distributed.protocol.core import dumps, loads

from parrot_async.transport.messages import Group
from parrot_async.transport.wire import INLINE, all_beside, beside, whole


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
