"""One thread calls what is due, at most ten times a second."""

import logging
import threading
import time
from collections.abc import Iterator

import pytest

from parrot_async.view.ticking import TICK, Ticker


class Counter:
    """Counts its ticks, and may fail."""

    def __init__(self, error: Exception | None = None, after: float | None = None) -> None:
        self.ticks = 0
        self.is_urgent = False
        self._changed = threading.Condition()
        self.error = error
        self.after = after
        self.thread = ""

    def reached(self, ticks: int) -> bool:
        """Wait until it was called so often; whether it was."""
        with self._changed:
            return self._changed.wait_for(lambda: self.ticks >= ticks, 10)

    def tick(self) -> float | None:
        with self._changed:
            self.ticks += 1
            self._changed.notify_all()
        self.thread = threading.current_thread().name
        if self.error is not None:
            raise self.error
        return self.after


class Blocked:
    """Blocks the thread, which nothing that ticks may do, until it is let go."""

    def __init__(self, begun: threading.Event, blocked: threading.Event, *, urgent: bool) -> None:
        self.is_urgent = urgent
        self._begun, self._blocked = begun, blocked

    def tick(self) -> float | None:
        self._begun.set()
        self._blocked.wait(10)
        return None


@pytest.fixture
def ticker() -> Iterator[Ticker]:
    ticker = Ticker()
    yield ticker
    ticker.stop()


def test_a_flush_calls_what_is_due_later_and_waits_for_it(ticker: Ticker) -> None:
    now, later, never = Counter(), Counter(), Counter()

    ticker.wake(now)
    ticker.wake(later, 3600)
    ticker.flush(10, 10)

    assert (now.ticks, later.ticks, never.ticks) == (1, 1, 0)
    assert now.thread == "parrot-views"


def test_a_view_that_fails_does_not_stop_the_others(
    ticker: Ticker, caplog: pytest.LogCaptureFixture
) -> None:
    bad, good = Counter(ValueError("broken")), Counter(after=3600)

    with caplog.at_level(logging.ERROR):
        for _ in range(2):
            ticker.wake(bad)
            ticker.wake(good)
            ticker.flush(10, 10)

    assert (bad.ticks, good.ticks) == (2, 2)
    assert "broken" in caplog.text


def test_what_asks_for_another_call_gets_it_without_being_woken(ticker: Ticker) -> None:
    counter = Counter(after=0.0)

    ticker.wake(counter)
    reached = counter.reached(3)

    assert reached


def test_many_wakings_make_one_call_a_round(ticker: Ticker) -> None:
    counter = Counter()
    began = time.monotonic()

    while time.monotonic() - began < 3 * TICK:
        ticker.wake(counter)
        time.sleep(0.001)
    rounds = (time.monotonic() - began) / TICK + 2

    assert 1 <= counter.ticks <= rounds


def test_an_earlier_waking_counts_and_a_later_one_does_not_put_it_off(ticker: Ticker) -> None:
    counter = Counter()

    ticker.wake(counter, 3600)
    ticker.wake(counter, 0.0)
    ticker.wake(counter, 3600)

    assert counter.reached(1)


def test_a_flush_waits_longer_for_what_is_urgent(ticker: Ticker) -> None:
    blocked, begun = threading.Event(), threading.Event()
    slow = Blocked(begun, blocked, urgent=False)
    ticker.wake(slow)
    begun.wait(10)
    waiting = Counter()
    ticker.wake(waiting, 3600)

    ticker.flush(0.01, 3600)
    impatient = waiting.ticks
    waiting.is_urgent = True
    threading.Timer(0.1, blocked.set).start()
    ticker.flush(0.01, 10)

    assert (impatient, waiting.ticks) == (0, 1)


def test_a_flush_without_anything_due_returns_at_once(ticker: Ticker) -> None:
    began = time.monotonic()

    ticker.flush(10, 10)

    assert time.monotonic() - began < 1


def test_a_stopped_ticker_calls_nothing_any_more(ticker: Ticker) -> None:
    counter = Counter()
    ticker.wake(counter)
    assert counter.reached(1)

    ticker.stop()
    assert ticker._thread is not None
    ticker._thread.join(10)
    ticker.wake(counter)

    assert not ticker._thread.is_alive()
    assert counter.ticks == 1
