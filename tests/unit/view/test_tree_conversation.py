"""The conversation about one tree ends with the tree, and keeps what it has sent."""

import pytest

from parrot_async.view.tree_conversation import TreeConversation
from tests.unit.stories import PLAN, completed, progressed, started, submitted
from tests.unit.views import Talk, World, plan_of


@pytest.fixture
def world() -> World:
    return plan_of(2)


def seen(world: World) -> tuple[Talk, TreeConversation]:
    """A tree's conversation with one page, which has said hello."""
    talk = Talk()
    tree = talk.with_tree(world)
    assert talk.say(tree, t="hello", rev=1)[0]["t"] == "beat"
    return talk, tree


def test_an_ended_big_tree_that_somebody_looks_at_comes_in_pieces_only(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("parrot_async.view.feeds.FIRST", 1)
    monkeypatch.setattr("parrot_async.view.feeds.PIECE", 1)
    world.tell(completed("r.0", "r.1"), completed("r", attempt=0))
    talk = Talk()
    tree = talk.with_tree(world)

    words = talk.say(tree, t="hello", rev=1) + [
        word for _ in range(4) for word in talk.ticked(tree)
    ]

    assert [word["t"] for word in words] == ["beat", "delta", "delta"]
    assert [row["id"] for word in words[1:] for row in word["new"]] == ["r.0", "r.1"]
    assert tree.feed.is_whole


def test_details_that_changed_while_nobody_looked_come_when_somebody_does(world: World) -> None:
    talk, tree = seen(world)
    talk.say(tree, t="look", id="r.0")

    talk.say(tree, t="seen", on=False)
    world.tell(completed("r.0", "r.1"), completed("r", attempt=0))
    unseen = talk.ticked(tree)
    tree._pages["one"].details._not_before = 0.0
    back = talk.say(tree, t="seen", on=True)

    assert unseen == []
    assert tree.feed.sent_over
    assert [(word["t"], word["id"]) for word in back] == [("details", "r.0")]


def test_who_looks_gets_a_big_tree_in_pieces_and_nothing_twice(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("parrot_async.view.feeds.FIRST", 1)
    monkeypatch.setattr("parrot_async.view.feeds.PIECE", 1)
    talk, tree = seen(world)

    world.tell(completed("r.0", "r.1"), completed("r", attempt=0))
    words = [word for _ in range(4) for word in talk.ticked(tree)]

    assert [word["t"] for word in words] == ["delta"]
    assert words[0]["over"]
    assert tree.feed.is_whole


def test_a_browser_says_which_rows_get_on_at_once(world: World) -> None:
    world.tell(started("r.0", "r.1"))
    talk, tree = seen(world)

    talk.say(tree, t="sight", page="one", ids=["r.0"])
    world.tell(progressed("r.0", percent=10), progressed("r.1", percent=30))
    (delta,) = talk.ticked(tree)

    assert {job_id for job_id, _ in delta["set"]} == {"r", "r.0"}
    assert 0 < (tree.tick() or 0) <= 1


def test_a_view_lets_its_tree_go_after_the_end_and_can_still_be_reloaded(
    world: World,
) -> None:
    talk, tree = seen(world)
    world.tell(completed("r.0", "r.1"), completed("r", attempt=0))
    talk.ticked(tree)
    before = tree.feed.snapshot()["rows"]
    early = tree.feed.is_packed

    tree.release_at = 0.0
    tree.tick()
    world.forget("r")
    talk.take()

    assert not early
    assert tree.feed.is_packed
    assert tree.is_over
    (full,) = talk.say(tree, t="hello", rev=0)
    assert full["snapshot"]["rows"] == before
    assert len(before) == 3


def test_details_that_changed_come_also_after_the_end(world: World) -> None:
    talk, tree = seen(world)
    talk.say(tree, t="look", id="r")

    world.tell(completed("r.0", "r.1"), completed("r", attempt=0))
    tree.tick()
    after = tree.tick()

    assert tree.is_over
    assert after is not None
    assert 0 < after <= 1


def test_a_view_in_sight_beats_as_long_as_the_job_is_not_over(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    talk, tree = seen(world)
    monkeypatch.setattr("parrot_async.view.conversation.BEAT", 0.0)

    (beat,) = talk.ticked(tree)
    world.tell(completed("r.0", "r.1"), completed("r", attempt=0))
    talk.ticked(tree)

    assert beat["t"] == "beat"
    assert "lost" not in beat
    assert talk.ticked(tree) == []


def test_a_tree_that_runs_again_is_shown_in_the_place_of_the_old_one(world: World) -> None:
    talk, tree = seen(world)

    talk.say(tree, t="act", n=1, action="retry", ids=["r"])
    world.line.answers["retry"].set_result(["q"])
    talk.ticked(tree)
    world.tell(submitted("q", spec=PLAN), submitted("q.0"))
    (full,) = talk.ticked(tree)

    assert full["t"] == "full"
    assert [row["id"] for row in full["snapshot"]["rows"]] == ["q", "q.0"]
    assert talk.reruns == ["q"]


def test_a_change_after_the_end_has_the_tree_kept_for_longer(world: World) -> None:
    talk, tree = seen(world)
    world.tell(completed("r.0"), completed("r", attempt=0))
    talk.ticked(tree)
    early = tree.release_at

    world.tell(completed("r.1"))
    (delta,) = talk.ticked(tree)

    assert dict(delta["set"])["r.1"]["status"] == "completed"
    assert tree.release_at > early


def test_a_tree_that_ran_again_is_not_released_with_the_old_one(world: World) -> None:
    talk, tree = seen(world)
    world.tell(completed("r.0", "r.1"), completed("r", attempt=0))
    talk.ticked(tree)
    talk.say(tree, t="act", n=1, action="retry", ids=["r"])
    world.line.answers["retry"].set_result(["q"])
    talk.ticked(tree)

    tree.release_at = 0.0
    world.tell(submitted("q"), completed("q"))
    talk.ticked(tree)

    assert tree.is_over
    assert not tree.feed.is_packed


def test_the_end_of_a_big_tree_is_taken_in_whole_though_no_page_sees_it(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("parrot_async.view.feeds.FIRST", 1)
    monkeypatch.setattr("parrot_async.view.feeds.PIECE", 1)
    talk = Talk()
    tree = talk.with_tree(world)
    first = len(tree.feed.snapshot()["rows"])

    world.tell(completed("r.0", "r.1"), completed("r", attempt=0))
    messages = talk.ticked(tree)

    assert messages == []
    assert (first, len(tree.feed.snapshot()["rows"])) == (1, 3)
    assert tree.feed.snapshot()["more"] == 0
