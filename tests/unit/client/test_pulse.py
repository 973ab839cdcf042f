"""The pulse of a loop: it beats while somebody waits there, and does what is due."""

import asyncio

import pytest

from parrot_async.client import display, pulse
from parrot_async.client.pulse import Pulse
from parrot_async.client.session import Session
from parrot_async.widget.kernel import dispatch_queued


@pytest.fixture
def beats(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Count the beats, which come quickly."""
    counted: list[int] = []
    monkeypatch.setattr(pulse, "PULSE", 0.001)
    monkeypatch.setattr(Pulse, "at_each_beat", [lambda: counted.append(1)])
    return counted


async def test_it_beats_while_somebody_waits(beats: list[int]) -> None:
    with Pulse.of_this_loop():
        await asyncio.sleep(0.05)
    counted = len(beats)
    await asyncio.sleep(0.05)

    assert counted > 2
    assert len(beats) <= counted + 1


async def test_many_who_wait_share_one(beats: list[int]) -> None:
    with Pulse.of_this_loop(), Pulse.of_this_loop():
        first = len(beats)

    assert first == 1
    assert Pulse.of_this_loop() is Pulse.of_this_loop()


def test_clicks_are_dispatched_at_each_beat_once_a_live_view_is_shown(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(Pulse, "at_each_beat", [])

    display.panel(Session())
    display.panel(Session())

    assert Pulse.at_each_beat == [dispatch_queued]
