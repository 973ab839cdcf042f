"""The view of a job: what a notebook saves of it, and that each job has one."""

import pytest

from parrot_async.client import display as notebook
from parrot_async.errors import ParrotError
from parrot_async.view.ticking import TICKER
from parrot_async.widget import JobTreeView
from parrot_async.widget.job_tree import job_tree
from tests.unit.stories import PLAN, completed, started, submitted
from tests.unit.views import World, heard, said, say


def seen_tree(world: World) -> JobTreeView:
    """A view that a browser has said hello to."""
    view = JobTreeView(world.source, "r")
    said(view)
    assert say(view, t="hello", rev=1)[0]["t"] == "beat"
    return view


def test_the_state_that_is_saved_has_the_whole_view(world: World) -> None:
    view = JobTreeView(world.source, "r")

    (opened,) = said(view)

    assert [row["id"] for row in opened["snapshot"]["rows"]] == ["r", "r.0", "r.1"]
    assert "export default" in opened["_esm"]
    assert ".parrot-jobs" in opened["_css"]


def test_a_change_while_a_view_is_made_harms_nobody_and_is_not_lost(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(TICKER, "flush", lambda *_: world.tell(started("r.0")))

    view = JobTreeView(world.source, "r")
    said(view)

    assert say(view, t="hello", rev=1)[-1]["set"][0][0] == "r.0"


def test_the_end_is_saved_also_when_nobody_looks(world: World) -> None:
    view = JobTreeView(world.source, "r")
    said(view)

    world.tell(completed("r.0", "r.1"), completed("r", attempt=0))
    states = [word for word in heard(view) if word["t"] == "state"]

    assert states[-1]["snapshot"]["over"]
    assert heard(view) == []


def test_the_end_of_a_big_tree_is_saved_whole_though_nobody_looks(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("parrot_async.view.feeds.FIRST", 1)
    monkeypatch.setattr("parrot_async.view.feeds.PIECE", 1)
    view = JobTreeView(world.source, "r")
    (opened,) = said(view)

    world.tell(completed("r.0", "r.1"), completed("r", attempt=0))
    states = [word for word in heard(view) if word["t"] == "state"]

    assert len(opened["snapshot"]["rows"]) == 1
    assert len(states[-1]["snapshot"]["rows"]) == 3
    assert states[-1]["snapshot"]["more"] == 0


def test_an_ended_big_tree_that_nobody_has_looked_at_is_sent_once(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("parrot_async.view.feeds.FIRST", 1)
    monkeypatch.setattr("parrot_async.view.feeds.PIECE", 1)
    world.tell(completed("r.0", "r.1"), completed("r", attempt=0))
    view = JobTreeView(world.source, "r")
    said(view)

    (state,) = heard(view)
    (beat,) = say(view, t="hello", rev=1)

    assert [row["id"] for row in state["snapshot"]["rows"]] == ["r", "r.0", "r.1"]
    assert (beat["t"], beat["rev"]) == ("beat", state["snapshot"]["rev"])


def test_an_ended_big_tree_that_somebody_looks_at_comes_in_pieces_only(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("parrot_async.view.feeds.FIRST", 1)
    monkeypatch.setattr("parrot_async.view.feeds.PIECE", 1)
    world.tell(completed("r.0", "r.1"), completed("r", attempt=0))
    view = JobTreeView(world.source, "r")
    said(view)

    words = say(view, t="hello", rev=1) + [word for _ in range(4) for word in heard(view)]

    assert [word["t"] for word in words] == ["beat", "delta", "delta"]
    assert [row["id"] for word in words[1:] for row in word["new"]] == ["r.0", "r.1"]
    assert view.is_saved


def test_who_looks_gets_a_big_tree_in_pieces_and_nothing_twice(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("parrot_async.view.feeds.FIRST", 1)
    monkeypatch.setattr("parrot_async.view.feeds.PIECE", 1)
    view = seen_tree(world)

    world.tell(completed("r.0", "r.1"), completed("r", attempt=0))
    words = [word for _ in range(4) for word in heard(view)]

    assert [word["t"] for word in words] == ["delta"]
    assert words[0]["over"]
    assert view.is_saved


def test_a_tree_that_runs_again_is_shown_in_the_place_of_the_old_one(world: World) -> None:
    view = seen_tree(world)

    say(view, t="act", n=1, action="retry", ids=["r"])
    world.line.answers["retry"].set_result(["q"])
    heard(view)
    world.tell(submitted("q", spec=PLAN), submitted("q.0"))
    (full,) = heard(view)

    assert full["t"] == "full"
    assert [row["id"] for row in full["snapshot"]["rows"]] == ["q", "q.0"]
    assert job_tree(world.source, "q") is view


def test_a_job_has_one_view_until_that_is_closed(world: World) -> None:
    first = job_tree(world.source, "r")

    assert job_tree(world.source, "r") is first
    first.close()
    assert first.tick() is None
    assert job_tree(world.source, "r") is not first


def test_the_saved_output_of_a_big_tree_is_made_by_the_ticking_thread(
    world: World, shown: list[tuple[str, dict[str, str]]], monkeypatch: pytest.MonkeyPatch
) -> None:
    small = JobTreeView(world.source, "r")
    monkeypatch.setattr("parrot_async.view.feeds.FIRST", 2)
    big = JobTreeView(world.source, "r")

    small.show()
    big.show()
    at_once = [(kind, set(bundle)) for kind, bundle in shown]
    big.tick()

    both = {"text/html", "text/plain"}
    assert at_once == [("shown", both), ("shown", {"text/plain"})]
    assert [(kind, set(bundle)) for kind, bundle in shown[2:]] == [("updated", both)]


def test_the_saved_output_follows_now_and_then_and_at_the_end(
    world: World, shown: list[tuple[str, dict[str, str]]]
) -> None:
    view = seen_tree(world)
    view.show()

    world.tell(started("r.0"))
    view.tick()
    soon = len(shown)
    view._save_at = 0.0
    view.tick()
    later = len(shown)
    world.tell(completed("r.0", "r.1"), completed("r", attempt=0))
    view.tick()

    assert (soon, later, len(shown)) == (1, 2, 3)
    assert "2 completed" in shown[-1][1]["text/html"]


def test_the_saved_output_says_how_to_bring_it_to_life_as_long_as_it_runs(
    world: World,
) -> None:
    view = JobTreeView(world.source, "r")

    running = view.static_bundle()["text/html"]
    world.tell(completed("r.0", "r.1"), completed("r", attempt=0))

    assert "await client.attach(&#x27;r&#x27;)" in running
    assert "attach" not in view.static_bundle()["text/html"]


def test_without_anywidget_a_view_says_what_to_install(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(notebook, "find_spec", lambda _: None)

    with pytest.raises(ParrotError, match=r"parrot-async\[notebook\]"):
        notebook.live_tree(world.source, "r")
    with pytest.raises(ParrotError, match=r"parrot-async\[notebook\]"):
        notebook.panel(world.source)


def test_outside_of_a_kernel_ipython_is_to_take_another_form(world: World) -> None:
    with pytest.raises(NotImplementedError):
        notebook.show(world.source, "r")
