"""What all live views share: display, saving, and the one comm that reaches all windows."""

from types import SimpleNamespace
from typing import Any

import pytest

from parrot_async.view.ticking import TICKER
from parrot_async.widget import JobTreeView, view
from tests.unit.stories import completed, started
from tests.unit.views import World, heard, said, say


@pytest.fixture
def tree(world: World) -> JobTreeView:
    made = JobTreeView(world.source, "r")
    said(made)
    return made


def test_what_a_browser_says_reaches_the_conversation_at_the_next_tick(tree: JobTreeView) -> None:
    tree._handle_custom_msg({"t": "hello", "rev": 0}, [])

    at_once = said(tree)

    assert at_once == []
    assert [message["t"] for message in heard(tree)] == ["full"]


def test_a_page_that_has_the_view_in_sight_is_sent_no_state(
    world: World, tree: JobTreeView
) -> None:
    say(tree, t="hello", rev=1)

    world.tell(completed("r.0", "r.1"), completed("r", attempt=0))

    assert [message["t"] for message in heard(tree)] == ["delta"]
    assert tree.is_saved


def test_before_its_time_and_before_the_end_nothing_is_saved(
    world: World, tree: JobTreeView, shown: list[tuple[str, dict[str, str]]]
) -> None:
    say(tree, t="hello", rev=1)
    tree.show()

    world.tell(started("r.0"))
    tree.tick()

    assert [kind for kind, _ in shown] == ["shown"]
    assert not tree.is_saved


def test_an_end_that_is_not_saved_is_urgent(world: World, tree: JobTreeView) -> None:
    running = tree.is_urgent
    world.tell(completed("r.0", "r.1"), completed("r", attempt=0))

    ended = tree.is_urgent
    tree.tick()

    assert (running, ended, tree.is_urgent) == (False, True, False)


def test_a_closed_view_does_nothing(world: World, tree: JobTreeView) -> None:
    tree.close()
    world.tell(started("r.0"))

    assert tree.tick() is None


def test_a_view_that_is_only_half_made_is_not_scheduled(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    woken: list[object] = []
    monkeypatch.setattr(TICKER, "wake", lambda made, _=0.0: woken.append(made))
    monkeypatch.setattr(TICKER, "flush", lambda *_: world.tell(started("r.0")))

    made = JobTreeView(world.source, "r")

    assert woken[0] is made.feed
    assert woken[1:] == [made]


def test_the_end_of_each_cell_flushes_the_views(monkeypatch: pytest.MonkeyPatch) -> None:
    registered: list[tuple[str, Any]] = []
    events = SimpleNamespace(register=lambda *what: registered.append(what))
    kernel = SimpleNamespace(shell=SimpleNamespace(events=events))
    monkeypatch.setattr(view, "running_kernel", lambda: kernel)
    flushed: list[tuple[float, float]] = []
    monkeypatch.setattr(TICKER, "flush", lambda *how: flushed.append(how))
    view.flush_after_cells.cache_clear()

    view.flush_after_cells()
    view.flush_after_cells()
    ((event, callback),) = registered
    callback(None)
    view.flush_after_cells.cache_clear()

    assert event == "post_run_cell"
    assert flushed == [(view.PATIENCE, view.SAVING)]
