"""The conversation of a panel: its rows, and the tree of the row that is open."""

from concurrent.futures import Future
from typing import Any

import pytest

from parrot_async.errors import DisconnectedError
from parrot_async.view.panel_conversation import PanelConversation
from parrot_async.view.panel_feed import POLL
from tests.unit.stories import PLAN, progressed, started, submitted, waiting
from tests.unit.views import Talk, World, plan_of, stored


@pytest.fixture
def world() -> World:
    return plan_of(2)


def seen(world: World, *roots: dict[str, Any]) -> tuple[Talk, PanelConversation]:
    """A panel with a page that has said hello, and that the service has answered."""
    talk = Talk()
    panel = talk.with_panel(world)
    talk.say(panel, t="hello", rev=0)
    world.answer(panel.feed, *roots)
    for _ in range(2):  # asks, and takes the answer
        talk.ticked(panel)
    return talk, panel


def test_a_panel_is_filtered_by_state_and_text_and_sends_no_more_than_asked(world: World) -> None:
    titles = {"m4": "Embed", "m3": "embed more", "m2": "load", "m1": "embed"}
    rows = [stored(job_id, title=title) for job_id, title in titles.items()]
    talk, panel = seen(world, *rows[:3], stored("m1", "running", title="embed"))

    (full,) = talk.say(panel, t="ask", status=["completed"], text="EMBED", limit=1)

    assert [row["id"] for row in full["snapshot"]["rows"]] == ["m4"]
    assert full["snapshot"]["totals"]["matching"] == 2


def test_a_row_of_a_panel_opens_its_tree(world: World) -> None:
    talk, panel = seen(world, stored("m1", "running"))

    (full,) = talk.say(panel, t="open", id="r")
    world.tell(started("r.0"))
    (delta,) = talk.ticked(panel)
    talk.say(panel, t="open", id=None)
    world.tell(started("r.1"))

    assert (full["of"], full["snapshot"]["view"]) == ("r", "tree")
    assert (delta["of"], delta["rev"]) == ("r", 2)
    assert talk.ticked(panel) == []


def test_the_open_tree_of_a_panel_gets_on_where_it_is_drawn(world: World) -> None:
    world.tell(started("r.0", "r.1"))
    talk, panel = seen(world)
    talk.say(panel, t="open", id="r")

    talk.say(panel, t="sight", of="r", page="one", ids=["r.0"])
    talk.say(panel, t="sight", of="q", page="one", ids=["q.0"])
    talk.say(panel, t="sight", page="one", ids=["r"])
    world.tell(progressed("r.0", percent=10), progressed("r.1", percent=30))
    (delta,) = talk.ticked(panel)

    assert {job_id for job_id, _ in delta["set"]} == {"r", "r.0"}


def test_a_hello_may_be_about_the_open_tree(world: World) -> None:
    talk, panel = seen(world)
    talk.say(panel, t="open", id="r")

    (full,) = talk.say(panel, t="hello", of="r", rev=0)

    assert full["of"] == "r"


def test_a_panel_keeps_its_rows_and_says_why_when_the_service_does_not_answer(
    world: World,
) -> None:
    talk, panel = seen(world, stored("m1"))
    failed: Future[Any] = Future()
    failed.set_exception(DisconnectedError("it does not answer"))
    world.line.answers["jobs"] = failed

    panel.feed._asked_at = float("-inf")
    panel.tick()
    panel.tick()
    talk.take()

    assert talk.say(panel, t="hello", rev=panel.feed.rev)[0]["lost"] == "it does not answer"
    assert [row["id"] for row in panel.feed.snapshot()["rows"]] == ["m1"]


def test_a_panel_without_a_page_in_sight_asks_the_service_nothing(world: World) -> None:
    talk = Talk()
    panel = talk.with_panel(world)

    after = panel.tick()

    assert after is None
    assert world.line.asked == []


def test_a_panel_in_sight_asks_again_after_a_second(world: World) -> None:
    _, panel = seen(world, stored("m1"))

    after = panel.tick()

    assert after is not None
    assert 0 <= after <= POLL


def test_another_row_that_is_opened_takes_the_place_of_the_first(world: World) -> None:
    world.tell(submitted("q", spec=PLAN), submitted("q.0"), waiting("q"))
    talk, panel = seen(world)
    talk.say(panel, t="open", id="r")

    (full,) = talk.say(panel, t="open", id="q")
    world.tell(started("r.0"), started("q.0"))
    (delta,) = talk.ticked(panel)

    assert full["of"] == "q"
    assert delta["of"] == "q"
