"""What the runner's tests have in common: the outbox by a clock of the test's own."""

import pytest

from parrot_async.runner import outbox
from tests.unit.runner.clock import Clock


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """The time by which the outbox sends."""
    clock = Clock()
    monkeypatch.setattr(outbox, "time", clock)
    return clock
