"""A feed has only what has changed since the pages were sent a tree, each change once, in order."""

import json
from itertools import pairwise

import pytest

from parrot_async.model.events import Event
from parrot_async.view.feeds import TreeFeed
from parrot_async.view.protocol import Delta
from parrot_async.view.viewports import Viewports
from tests.unit.stories import (
    PLAN,
    completed,
    failed,
    progressed,
    requeued,
    started,
    submitted,
)
from tests.unit.views import World, plan_of


def test_a_view_begins_with_the_tree_as_it_is() -> None:
    world = plan_of(2)

    snapshot = world.feed("r").snapshot()

    assert [(said["id"], said.get("parent")) for said in snapshot["rows"]] == [
        ("r", None),
        ("r.0", "r"),
        ("r.1", "r"),
    ]
    assert (snapshot["view"], snapshot["rev"], snapshot["over"]) == ("tree", 1, False)
    assert json.dumps(snapshot)


def test_a_delta_has_only_the_jobs_that_changed_and_those_above_them() -> None:
    world = plan_of(3)
    feed = world.feed("r")

    world.tell(started("r.1"), progressed("r.1", percent=30))
    delta = feed.advance()

    assert delta is not None
    assert {job_id for job_id, _ in delta["set"]} == {"r", "r.1"}
    assert dict(delta["set"])["r.1"]["progress"] == 30
    assert dict(delta["set"])["r"]["progress"] == 10
    assert "new" not in delta
    assert feed.advance() is None


def test_new_jobs_come_after_their_parent_and_after_their_older_siblings() -> None:
    world = plan_of(1)
    feed = world.feed("r")

    world.tell(
        started("r.0"), submitted("r.2"), submitted("r.1"), submitted("r.2.0"), started("r.1")
    )
    delta = feed.advance()

    assert delta is not None
    assert [said["id"] for said in delta["new"]] == ["r.2", "r.1", "r.2.0"]


def test_a_view_of_a_child_hears_of_nothing_beside_it() -> None:
    world = plan_of(11)
    world.tell(submitted("r.1.0"))
    feed = world.feed("r.1")

    world.tell(started("r.0"), started("r.10"), started("r.1.0"))
    delta = feed.advance()

    assert [said["id"] for said in feed.snapshot()["rows"]] == ["r.1", "r.1.0"]
    assert "parent" not in feed.snapshot()["rows"][0]
    assert delta is not None
    assert [job_id for job_id, _ in delta["set"]] == ["r.1.0", "r.1"]


def test_the_end_is_told_once() -> None:
    world = plan_of(1)
    feed = world.feed("r")

    world.tell(started("r.0"), completed("r.0"))
    before = feed.advance()
    world.tell(completed("r", attempt=0))
    last = feed.advance()

    assert before is not None
    assert "over" not in before
    assert last is not None
    assert last["over"] is True
    assert feed.snapshot()["over"]


def test_a_reload_gets_what_all_were_told_so_that_the_next_delta_fits_it() -> None:
    world = plan_of(1)
    feed = world.feed("r")

    world.tell(started("r.0"))
    reloaded = feed.snapshot()
    delta = feed.advance()

    assert delta is not None
    assert delta["rev"] == reloaded["rev"] + 1
    assert [said["status"] for said in reloaded["rows"]] == ["waiting_for_children", "queued"]
    assert dict(delta["set"])["r.0"]["status"] == "running"


def test_deltas_add_up_to_the_snapshot() -> None:
    world = plan_of(3)
    feed = world.feed("r")
    shown = {said["id"]: dict(said) for said in feed.snapshot()["rows"]}
    story: list[Event] = [
        started("r.0", "r.1"),
        progressed("r.0", percent=50, step="half"),
        submitted("r.0.0"),
        requeued("r.1"),
        completed("r.0.0"),
        failed("r.2"),
        completed("r.0"),
    ]

    revs = [feed.rev]
    for event in story:
        world.tell(event)
        delta = feed.advance()
        assert delta is not None
        revs.append(delta["rev"])
        shown |= {said["id"]: dict(said) for said in delta.get("new", [])}
        for job_id, changed in delta.get("set", []):
            merged = {**shown[job_id], **changed}
            shown[job_id] = {name: value for name, value in merged.items() if value is not None}

    assert list(shown.values()) == feed.snapshot()["rows"]
    assert all(later == rev + 1 for rev, later in pairwise(revs))


def in_pieces(monkeypatch: pytest.MonkeyPatch, first: int, piece: int) -> None:
    """Have so few rows told first, and at once later on."""
    monkeypatch.setattr("parrot_async.view.feeds.FIRST", first)
    monkeypatch.setattr("parrot_async.view.feeds.PIECE", piece)


def sent(delta: Delta | None) -> tuple[list[str], int]:
    """The new rows of a delta, and how many are still to come."""
    assert delta is not None
    return [said["id"] for said in delta["new"]], delta["more"]


def test_of_a_big_tree_the_upper_levels_are_told_first_and_the_rest_in_pieces(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    in_pieces(monkeypatch, first=3, piece=2)
    world = plan_of(2)
    world.tell(submitted("r.0.0", "r.0.1"), submitted("r.1.0"))

    feed = world.feed("r")
    first = feed.snapshot()
    wakings = world.wakings
    deltas = [feed.advance(), feed.advance(), feed.advance()]

    assert ([said["id"] for said in first["rows"]], first["more"]) == (["r", "r.0", "r.1"], 3)
    assert [sent(delta) for delta in deltas[:2]] == [(["r.0.0", "r.0.1"], 1), (["r.1.0"], 0)]
    assert deltas[2] is None
    assert (wakings, world.wakings) == (1, 2)
    assert len(feed.snapshot()["rows"]) == 6


def test_what_happens_to_a_job_that_is_still_to_come_comes_with_its_row(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    in_pieces(monkeypatch, first=2, piece=1)
    world = plan_of(2)
    feed = world.feed("r")

    world.tell(started("r.1"), submitted("r.2"), started("r.2"))
    delta, after = feed.advance(), feed.advance()

    assert (sent(delta), sent(after)) == ((["r.1"], 1), (["r.2"], 0))
    assert delta is not None
    assert delta["new"][0]["status"] == "running"
    assert [job_id for job_id, _ in delta["set"]] == ["r"]


def test_rows_out_of_sight_get_on_now_and_then_and_change_their_state_at_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("parrot_async.view.feeds.PAUSE", 60.0)
    world = plan_of(2)
    world.tell(started("r.0", "r.1"))
    feed = world.feed("r")
    feed.set_viewport("page", ["r.0"])
    feed.advance()

    world.tell(progressed("r.0", percent=10), progressed("r.1", percent=30))
    in_sight, pause = feed.advance(), feed.pause
    world.tell(completed("r.1"), progressed("r.0", percent=20))
    ended = feed.advance()
    feed.set_viewport("page", ["r.1"])
    late = feed.advance()

    assert in_sight is not None
    assert {job_id for job_id, _ in in_sight["set"]} == {"r", "r.0"}
    assert 50 < (pause or 0) <= 60
    assert ended is not None
    assert dict(ended["set"])["r.1"]["status"] == "completed"
    assert dict(ended["set"])["r.1"]["progress"] == 100
    assert (late, feed.pause) == (None, None)


def test_what_got_on_out_of_sight_is_told_when_it_is_due() -> None:
    world = plan_of(2)
    world.tell(started("r.0", "r.1"))
    feed = world.feed("r")
    feed.set_viewport("page", ["r.0"])
    feed.advance()

    world.tell(progressed("r.1", percent=30))
    before = feed.advance()
    feed.set_viewport("page", ["r.1"])
    delta = feed.advance()

    assert before is not None
    assert [job_id for job_id, _ in before["set"]] == ["r"]
    assert delta is not None
    assert dict(delta["set"])["r.1"]["progress"] == 30
    assert feed.pause is None


def sent_at_once(world: World, feed: TreeFeed, percent: float) -> set[str]:
    """Let three jobs get on; of which of them that is told at once."""
    world.tell(*(progressed(f"r.{number}", percent=percent) for number in range(3)))
    delta = feed.advance()
    assert delta is not None
    return {job_id for job_id, _ in delta["set"]} - {"r"}


def test_what_any_page_draws_is_in_sight_until_the_page_draws_something_else() -> None:
    world = plan_of(3)
    world.tell(started("r.0", "r.1", "r.2"))
    feed = world.feed("r")

    feed.set_viewport("one", ["r.0"])
    feed.set_viewport("other", ["r.1"])
    feed.advance()
    of_both = sent_at_once(world, feed, 10)
    feed.set_viewport("one", [])
    feed.advance()
    of_other = sent_at_once(world, feed, 20)

    assert of_both == {"r.0", "r.1"}
    assert of_other == {"r.1"}


def test_a_view_is_woken_once_until_it_has_asked() -> None:
    world = plan_of(2)
    feed = world.feed("r")

    world.tell(started("r.0"), started("r.1"))
    once = world.wakings
    feed.leave()
    world.tell(progressed("r.0", percent=1))

    assert (once, world.wakings) == (1, 2)
    delta = feed.advance()
    assert delta is not None
    assert {job_id for job_id, _ in delta["set"]} == {"r", "r.0", "r.1"}


def test_nothing_is_collected_for_a_view_that_is_gone() -> None:
    world = plan_of(1)
    changes = world.changes("r")
    world.tell(started("r.0"))
    del changes

    world.tell(completed("r.0"))

    assert world.wakings == 1


def test_a_tree_that_is_not_here_is_asked_for_and_told_when_it_comes() -> None:
    world = World()
    feed = world.feed("r")

    nothing = feed.advance()
    world.tell(submitted("r", spec=PLAN), submitted("r.0"))
    feed.advance()

    assert nothing is None
    assert world.line.attached == ["r"]
    assert [said["id"] for said in feed.snapshot()["rows"]] == ["r", "r.0"]
    assert feed.rev == 1


def test_a_page_expires_when_another_one_has_outlived_it(monkeypatch: pytest.MonkeyPatch) -> None:
    viewports = Viewports()

    viewports.set("closed", ["r.0"])
    viewports.set("open", ["r.1"])
    before = viewports.ids
    monkeypatch.setattr("parrot_async.view.viewports.EXPIRY", 1e-9)
    alone = viewports.ids
    viewports.set("open", ["r.1"])

    assert before == alone == {"r.0", "r.1"}
    assert viewports.ids == {"r.1"}


def test_a_packed_feed_gives_the_same_snapshot_and_nothing_more() -> None:
    world = plan_of(2)
    world.tell(completed("r.0", "r.1"), completed("r", attempt=0))
    feed = world.feed("r")
    before = feed.snapshot()["rows"]

    feed.pack()
    world.forget("r")

    assert feed.snapshot()["rows"] == before
    assert feed.over
    assert feed.advance() is None
