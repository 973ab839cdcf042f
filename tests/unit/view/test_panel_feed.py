"""The rows of a panel: what the service answers, filtered, and what has changed in it."""

from concurrent.futures import Future
from decimal import Decimal
from typing import Any

import pytest

from parrot_async.errors import DisconnectedError
from parrot_async.view.panel_feed import MOST, PanelFeed
from parrot_async.view.protocol import Delta
from tests.unit.stories import progressed, started, submitted
from tests.unit.views import World, stored


@pytest.fixture
def world() -> World:
    return World()


def answered(world: World, *roots: dict[str, Any]) -> PanelFeed:
    """A feed that the service has answered, and whose rows the pages have been sent."""
    feed = PanelFeed(world.source, world.wake)
    feed.advance()
    advance(feed, world, *roots)
    return feed


def advance(feed: PanelFeed, world: World, *roots: dict[str, Any]) -> Delta | None:
    """Let the service answer; what has changed then."""
    world.answer(feed, *roots)
    feed._poll()
    return feed.advance()


def ids(feed: PanelFeed) -> list[str]:
    return [row["id"] for row in feed.snapshot()["rows"]]


def test_the_newest_jobs_come_first_with_their_totals(world: World) -> None:
    cost = Decimal("0.25")

    feed = answered(
        world,
        stored("m3", "queued"),
        stored("m2", "running", cost=cost),
        stored("m1", completed_at=5.0, cost=cost),
    )

    assert ids(feed) == ["m3", "m2", "m1"]
    assert feed.snapshot()["totals"] == {
        "active": 1,
        "queued": 1,
        "finished": 1,
        "cost": "0.50",
        "seconds": 4.0,
        "matching": 3,
    }


def test_the_service_is_asked_for_the_newest_jobs_once_a_second(world: World) -> None:
    feed = PanelFeed(world.source, world.wake)

    feed.advance()
    feed.advance()

    assert world.line.asked == [("jobs", {"limit": MOST})]


def test_an_answer_wakes_the_view(world: World) -> None:
    feed = PanelFeed(world.source, world.wake)
    feed.advance()

    world.line.answers["jobs"].set_result([stored("m1")])
    feed.advance()

    assert world.wakings == 1
    assert ids(feed) == ["m1"]


def test_a_new_job_and_a_changed_one_are_sent_as_a_delta(world: World) -> None:
    feed = answered(world, stored("m1", "running"))

    delta = advance(feed, world, stored("m2"), stored("m1"))

    assert delta is not None
    assert [row["id"] for row in delta["new"]] == ["m2"]
    assert delta["set"] == [("m1", {"status": "completed"})]


def test_a_field_that_has_its_default_again_is_sent_as_none(world: World) -> None:
    feed = answered(world, stored("m1", error="broken"))

    delta = advance(feed, world, stored("m1"))

    assert delta is not None
    assert delta["set"] == [("m1", {"error": None})]


def test_new_jobs_are_sent_oldest_first_since_each_goes_to_the_top(world: World) -> None:
    feed = answered(world, stored("m1"))

    delta = advance(feed, world, stored("m3"), stored("m2"), stored("m1"))

    assert delta is not None
    assert [row["id"] for row in delta["new"]] == ["m2", "m3"]


def test_a_job_that_was_deleted_is_gone(world: World) -> None:
    feed = answered(world, stored("m2"), stored("m1"))

    delta = advance(feed, world, stored("m2"))

    assert delta is not None
    assert delta["gone"] == ["m1"]


def test_nothing_new_makes_no_delta_and_no_revision(world: World) -> None:
    feed = answered(world, stored("m1"))
    before = feed.rev

    delta = advance(feed, world, stored("m1"))

    assert (delta, feed.rev) == (None, before)


def test_a_row_that_comes_into_the_middle_has_all_rows_sent_again(world: World) -> None:
    feed = answered(world, stored("m3"), stored("m1"))
    before = feed.rev

    delta = advance(feed, world, stored("m3"), stored("m2"), stored("m1"))

    assert (delta, feed.rev) == (None, before + 1)
    assert ids(feed) == ["m3", "m2", "m1"]


@pytest.mark.parametrize(
    ("status", "text", "found"),
    [
        ([], "", ["m4", "m3", "m2", "m1"]),
        (["completed"], "", ["m4", "m3", "m2"]),
        (["completed", "running"], "EMBED", ["m4", "m3", "m1"]),
        ([], "m2", ["m2"]),
        ([], "tests:WORK", ["m4", "m3", "m2", "m1"]),
        (["failed"], "", []),
    ],
)
def test_a_filter_selects_by_state_and_by_text_in_title_id_or_function(
    world: World, status: list[str], text: str, found: list[str]
) -> None:
    titles = {"m4": "Embed", "m3": "embed more", "m2": "load"}
    rows = [stored(job_id, title=title) for job_id, title in titles.items()]
    feed = answered(world, *rows, stored("m1", "running", title="embed"))

    feed.ask({"t": "ask", "status": status, "text": text, "limit": 100})
    delta = feed.advance()

    assert delta is None
    assert ids(feed) == found


def test_no_more_rows_are_sent_than_asked_for_but_all_that_match_are_counted(
    world: World,
) -> None:
    feed = answered(world, stored("m3"), stored("m2"), stored("m1"))

    feed.ask({"t": "ask", "status": [], "text": "", "limit": 2})
    feed.advance()

    assert ids(feed) == ["m3", "m2"]
    assert feed.snapshot()["totals"]["matching"] == 3


def test_a_job_that_runs_and_is_here_shows_how_far_it_is(world: World) -> None:
    world.tell(submitted("m2"), started("m2"), progressed("m2", percent=40))

    feed = answered(world, stored("m2", "running"), stored("m1", "running"))
    here, only_stored = feed.snapshot()["rows"]

    assert here["progress"] == 40
    assert "progress" not in only_stored


def test_without_an_answer_the_rows_stay_and_the_error_is_kept_until_one_comes(
    world: World,
) -> None:
    feed = answered(world, stored("m1"))
    failed: Future[Any] = Future()
    failed.set_exception(DisconnectedError("it does not answer"))
    feed._asking = failed

    feed.advance()
    error = feed.error
    advance(feed, world, stored("m1"))

    assert error == "it does not answer"
    assert feed.error == ""
    assert ids(feed) == ["m1"]
