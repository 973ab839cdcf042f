"""Views without a browser: a comm that keeps what it sends, and a thread that never ticks."""

from typing import Any

import comm
import pytest

from parrot_async.view.feeds import TreeFeed
from parrot_async.view.ticking import TICKER
from tests.unit.views import Words, World, plan_of


@pytest.fixture(autouse=True)
def still(monkeypatch: pytest.MonkeyPatch) -> None:
    """No thread ticks by itself: a test says when. Only the first rows are made at once."""

    def wake(view: object, after: float = 0.0) -> None:
        if isinstance(view, TreeFeed):
            view.tick()

    monkeypatch.setattr(TICKER, "wake", wake)
    monkeypatch.setattr(comm, "create_comm", Words)


@pytest.fixture
def shown(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, dict[str, str]]]:
    """The saved outputs that were shown or updated; what else IPython displays goes nowhere."""
    outputs: list[tuple[str, dict[str, str]]] = []

    def keeper(kind: str) -> Any:
        return lambda bundle, **_: outputs.append((kind, bundle))

    monkeypatch.setattr("parrot_async.widget.view.display", lambda *_, **__: None)
    monkeypatch.setattr("parrot_async.widget.saved.display", keeper("shown"))
    monkeypatch.setattr("parrot_async.widget.saved.update_display", keeper("updated"))
    return outputs


@pytest.fixture
def world() -> World:
    return plan_of(2)
