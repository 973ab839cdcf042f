"""A conversation answers each page, and sends those in sight what has changed."""

import pytest

from parrot_async.errors import DisconnectedError
from parrot_async.model.events import Logged
from parrot_async.model.models import LogLine
from parrot_async.view.conversation import BEAT, UNSEEN, earliest
from parrot_async.view.tree_conversation import TreeConversation
from tests.unit.stories import PLAN, progressed, started, submitted
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


def test_nothing_is_sent_before_a_browser_says_hello(world: World) -> None:
    talk = Talk()
    tree = talk.with_tree(world)

    world.tell(started("r.0"))

    assert talk.ticked(tree) == []


def test_who_says_hello_with_nothing_gets_everything(world: World) -> None:
    talk = Talk()
    tree = talk.with_tree(world)

    (full,) = talk.say(tree, t="hello", rev=0)

    assert full["t"] == "full"
    assert len(full["snapshot"]["rows"]) == 3


def test_who_says_hello_with_something_gets_the_present_revision_to_compare_it_with(
    world: World,
) -> None:
    talk, tree = seen(world)
    world.tell(started("r.0"))
    talk.ticked(tree)

    (beat,) = talk.say(tree, t="hello", rev=1)

    assert (beat["t"], beat["rev"]) == ("beat", 2)


def test_a_change_is_sent_as_a_delta(world: World) -> None:
    talk, tree = seen(world)

    world.tell(started("r.0"))
    (delta,) = talk.ticked(tree)

    assert (delta["t"], delta["rev"]) == ("delta", 2)
    assert talk.ticked(tree) == []


def test_out_of_sight_nothing_is_sent_and_back_in_sight_what_was_missed(world: World) -> None:
    talk, tree = seen(world)

    talk.say(tree, t="seen", on=False)
    world.tell(started("r.0"))
    unseen = talk.ticked(tree)
    world.tell(progressed("r.0", percent=40))
    back = talk.say(tree, t="seen", on=True)

    assert unseen == []
    assert dict(back[0]["set"])["r.0"]["progress"] == 40


def test_the_details_of_a_tree_that_is_not_here_come_with_it(world: World) -> None:
    talk, tree = seen(world)

    nothing = talk.say(tree, t="look", id="q.0")
    world.tell(submitted("q", spec=PLAN), submitted("q.0"))
    (about,) = talk.ticked(tree)

    assert nothing == []
    assert world.line.attached == ["q.0"]
    assert about["id"] == "q.0"


def test_a_beat_says_that_the_service_is_lost(world: World) -> None:
    talk, tree = seen(world)

    world.trees.lose(DisconnectedError("the service is gone"))

    assert talk.say(tree, t="hello", rev=1)[0]["lost"] == "the service is gone"


def test_a_view_outlives_its_client(world: World) -> None:
    talk, tree = seen(world)

    world.close()
    answers = talk.say(tree, t="act", n=1, action="cancel", ids=["r"]) + talk.ticked(tree)

    assert {"t": "done", "n": 1, "error": "the client was closed"} in answers
    assert talk.say(tree, t="hello", rev=1)[0]["lost"] == "the client was closed"


@pytest.mark.parametrize(
    ("action", "op", "how"),
    [
        ("cancel", "cancel", {}),
        ("pause", "pause", {}),
        ("resume", "resume", {}),
        ("retry", "retry", {"failed_only": False}),
        ("retry_failed", "retry", {"failed_only": True}),
    ],
)
def test_a_press_asks_the_service_and_its_answer_is_passed_on(
    world: World, action: str, op: str, how: dict[str, bool]
) -> None:
    talk, tree = seen(world)

    at_first = talk.say(tree, t="act", n=3, action=action, ids=["r.0"])
    world.line.answers[op].set_result(["q"])
    (done,) = talk.ticked(tree)

    assert at_first == []
    assert world.line.asked == [(op, {"ids": ["r.0"], **how})]
    assert (done["t"], done["n"]) == ("done", 3)
    assert done.get("id") == ("q" if how else None)


def test_an_action_that_fails_says_why(world: World) -> None:
    talk, tree = seen(world)

    talk.say(tree, t="act", n=3, action="retry", ids=["r.0"])
    world.line.answers["retry"].set_exception(LookupError("it still runs"))

    assert talk.ticked(tree) == [{"t": "done", "n": 3, "error": "it still runs"}]


def test_details_follow_a_look(world: World) -> None:
    talk, tree = seen(world)

    (about,) = talk.say(tree, t="look", id="r.0")

    assert (about["t"], about["id"]) == ("details", "r.0")


def test_an_answer_goes_to_the_page_that_asked_and_a_change_to_all_in_sight(world: World) -> None:
    talk, tree = seen(world)
    talk.say(tree, by="other", t="hello", rev=1)
    talk.say(tree, by="hidden", t="hello", rev=1)
    talk.say(tree, by="hidden", t="seen", on=False)

    talk.say(tree, by="other", t="look", id="r.0")
    talk.sent.clear()
    world.tell(started("r.1"))
    tree.hear("one", {"t": "act", "n": 1, "action": "cancel", "ids": ["r.1"]})
    tree.tick()
    world.line.answers["cancel"].set_result(None)
    tree.tick()

    assert [(pages, message["t"]) for pages, message in talk.sent] == [
        (["one", "other"], "delta"),
        (["one"], "done"),
    ]


def test_each_page_has_the_details_that_it_has_opened(world: World) -> None:
    talk, tree = seen(world)
    talk.say(tree, by="other", t="hello", rev=1)
    talk.sent.clear()

    tree.hear("one", {"t": "look", "id": "r.0"})
    tree.hear("other", {"t": "look", "id": "r.1"})
    tree.tick()

    assert [(pages, message["id"]) for pages, message in talk.sent] == [
        (["one"], "r.0"),
        (["other"], "r.1"),
    ]


def test_a_page_that_missed_a_delta_out_of_sight_sees_that_in_its_next_hello(world: World) -> None:
    talk, tree = seen(world)
    talk.say(tree, by="other", t="hello", rev=1)
    talk.say(tree, by="other", t="seen", on=False)

    world.tell(started("r.0"))
    talk.ticked(tree)
    (beat,) = talk.say(tree, by="other", t="hello", rev=1)

    assert (beat["t"], beat["rev"]) == ("beat", 2)


def test_without_a_page_the_view_is_out_of_sight_and_changes_are_left_for_later(
    world: World,
) -> None:
    talk, tree = seen(world)

    tree.leave("one")
    tree.tick()
    talk.wakings.clear()
    world.tell(started("r.0"))

    assert not tree.is_seen
    assert talk.ticked(tree) == []
    assert talk.wakings == [UNSEEN]


def test_what_a_page_says_is_done_at_the_next_tick_and_wakes_at_once(world: World) -> None:
    talk = Talk()
    tree = talk.with_tree(world)

    tree.hear("one", {"t": "hello", "rev": 0})

    assert talk.wakings == [0.0]
    assert talk.sent == []
    assert talk.ticked(tree)[0]["t"] == "full"


def test_only_pages_that_heard_nothing_for_long_get_a_beat(world: World) -> None:
    talk, tree = seen(world)
    talk.say(tree, by="other", t="hello", rev=1)
    talk.sent.clear()
    tree._pages["other"].sent_at -= BEAT

    after = tree.tick()

    assert [(pages, message["t"]) for pages, message in talk.sent] == [(["other"], "beat")]
    assert after is not None
    assert 0 < after <= BEAT


def test_a_hello_about_a_tree_that_is_not_shown_gets_no_rows(world: World) -> None:
    talk, tree = seen(world)

    (beat,) = talk.say(tree, t="hello", of="q", rev=0)

    assert beat["t"] == "beat"


@pytest.mark.parametrize(
    ("pauses", "shortest"),
    [((), None), ((None, None), None), ((3.0, None, 2.0), 2.0), ((0.0, 1.0), 0.0)],
)
def test_the_earliest_pause_is_the_shortest_that_is_known(
    pauses: tuple[float | None, ...], shortest: float | None
) -> None:
    assert earliest(*pauses) == shortest


def test_open_details_follow_a_job_that_only_prints(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("parrot_async.view.details.PAUSE", 0.0)
    monkeypatch.setattr("parrot_async.view.details.LEISURE", 0)
    world, talk = plan_of(1), Talk()
    world.tell(started("r.0"))
    conversation = talk.with_tree(world)
    talk.say(conversation, t="hello", rev=0)
    talk.say(conversation, t="look", id="r.0")

    world.tell(Logged(id="r.0", attempt=1, lines=(LogLine(2.0, "print", "epoch 2"),)))
    (told,) = [word for word in talk.ticked(conversation) if word["t"] == "details"]

    assert told["logs"] == [(2.0, "print", "epoch 2")]
