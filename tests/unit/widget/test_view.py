"""What views say on their comms, tick by tick, and what a browser's words do."""

import logging
import threading
from collections.abc import Iterator
from concurrent.futures import Future
from typing import Any, cast

import pytest

from parrot_async.client import display as notebook
from parrot_async.errors import DisconnectedError, ParrotError
from parrot_async.model.models import JobStatus
from parrot_async.model.rows import RootRow
from parrot_async.view.feeds import TreeFeed
from parrot_async.widget import JobsPanel, JobTree
from parrot_async.widget.job_tree import job_tree
from parrot_async.widget.ticking import TICKER, Ticker
from parrot_async.widget.view import View
from tests.unit.stories import PLAN, completed, progressed, started, submitted, waiting
from tests.unit.views import Words, World, words


@pytest.fixture(autouse=True)
def still(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No thread ticks by itself: a test says when. Only the first rows are made at once."""

    def wake(view: object, after: float = 0.0) -> None:
        if isinstance(view, TreeFeed):
            view.tick()

    monkeypatch.setattr(TICKER, "wake", wake)
    with words():
        yield


@pytest.fixture
def shown(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, dict[str, str]]]:
    """The inert twins that were shown or updated; what IPython displays else goes nowhere."""
    twins: list[tuple[str, dict[str, str]]] = []

    def keeper(kind: str) -> Any:
        return lambda bundle, **_: twins.append((kind, bundle))

    monkeypatch.setattr("parrot_async.widget.view.display", lambda *_, **__: None)
    monkeypatch.setattr("parrot_async.widget.saved.display", keeper("shown"))
    monkeypatch.setattr("parrot_async.widget.saved.update_display", keeper("updated"))
    return twins


@pytest.fixture
def world() -> World:
    world = World()
    world.tell(submitted("r", spec=PLAN), submitted("r.0", "r.1"), waiting("r"))
    return world


def heard(view: View) -> list[dict[str, Any]]:
    """What a browser hears when the view ticks."""
    view.tick()
    return said(view)


def said(view: View) -> list[dict[str, Any]]:
    return cast("Words", view.comm).take()


def say(view: View, **word: Any) -> list[dict[str, Any]]:
    """Say something to a view, and hear what it answers."""
    view._handle_custom_msg(word, [])
    return heard(view)


def seen_tree(world: World) -> JobTree:
    """A view that a browser has said hello to."""
    view = JobTree(world.source, "r")
    said(view)
    assert say(view, t="hello", rev=1)[0]["t"] == "beat"
    return view


def test_the_state_that_is_saved_has_the_whole_view(world: World) -> None:
    view = JobTree(world.source, "r")

    (opened,) = said(view)

    assert [row["id"] for row in opened["snapshot"]["rows"]] == ["r", "r.0", "r.1"]
    assert "export default" in opened["_esm"]
    assert ".parrot-jobs" in opened["_css"]


def test_nothing_is_sent_before_a_browser_says_hello(world: World) -> None:
    view = JobTree(world.source, "r")
    said(view)

    world.tell(started("r.0"))

    assert heard(view) == []


def test_who_says_hello_with_nothing_gets_everything(world: World) -> None:
    view = JobTree(world.source, "r")
    said(view)

    (full,) = say(view, t="hello", rev=0)

    assert full["t"] == "full"
    assert len(full["snapshot"]["rows"]) == 3


def test_who_says_hello_with_something_gets_the_present_revision_to_compare_it_with(
    world: World,
) -> None:
    view = seen_tree(world)
    world.tell(started("r.0"))
    heard(view)

    (beat,) = say(view, t="hello", rev=1)

    assert (beat["t"], beat["rev"]) == ("beat", 2)


def test_a_change_while_a_view_is_made_harms_nobody_and_is_not_lost(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(TICKER, "flush", lambda *_: world.tell(started("r.0")))

    view = JobTree(world.source, "r")
    said(view)

    assert say(view, t="hello", rev=1)[-1]["set"][0][0] == "r.0"


def test_a_change_is_sent_as_a_delta(world: World) -> None:
    view = seen_tree(world)

    world.tell(started("r.0"))
    (delta,) = heard(view)

    assert (delta["t"], delta["rev"]) == ("delta", 2)
    assert heard(view) == []


def test_out_of_sight_nothing_is_sent_and_back_in_sight_what_was_missed(world: World) -> None:
    view = seen_tree(world)

    say(view, t="seen", on=False)
    world.tell(started("r.0"))
    unseen = heard(view)
    world.tell(progressed("r.0", percent=40))
    back = say(view, t="seen", on=True)

    assert unseen == []
    assert dict(back[0]["set"])["r.0"]["progress"] == 40


def test_the_end_is_saved_also_when_nobody_looks(world: World) -> None:
    view = JobTree(world.source, "r")
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
    view = JobTree(world.source, "r")
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
    view = JobTree(world.source, "r")
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
    view = JobTree(world.source, "r")
    said(view)

    words = say(view, t="hello", rev=1) + [word for _ in range(4) for word in heard(view)]

    assert [word["t"] for word in words] == ["beat", "delta", "delta"]
    assert [row["id"] for word in words[1:] for row in word["new"]] == ["r.0", "r.1"]
    assert view.is_saved


def test_details_that_changed_while_nobody_looked_come_when_somebody_does(world: World) -> None:
    view = seen_tree(world)
    say(view, t="look", id="r.0")

    say(view, t="seen", on=False)
    world.tell(completed("r.0", "r.1"), completed("r", attempt=0))
    unseen = heard(view)
    view.looking._not_before = 0.0
    back = say(view, t="seen", on=True)

    assert [word["t"] for word in unseen] == ["state"]
    assert [(word["t"], word["id"]) for word in back] == [("details", "r.0")]


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


def test_a_browser_says_which_rows_get_on_at_once(world: World) -> None:
    world.tell(started("r.0", "r.1"))
    view = seen_tree(world)

    say(view, t="sight", page="one", ids=["r.0"])
    world.tell(progressed("r.0", percent=10), progressed("r.1", percent=30))
    (delta,) = heard(view)

    assert {job_id for job_id, _ in delta["set"]} == {"r", "r.0"}
    assert 0 < (view.tick() or 0) <= 1


def test_a_view_lets_its_tree_go_after_the_end_and_can_still_be_reloaded(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    view = seen_tree(world)
    world.tell(completed("r.0", "r.1"), completed("r", attempt=0))
    heard(view)
    before = view.feed.snapshot()["rows"]
    early = view.feed.is_packed

    view.save_at = 0.0
    view.tick()
    world.forget("r")
    said(view)

    assert not early
    assert view.feed.is_packed
    assert view.is_over
    (full,) = say(view, t="hello", rev=0)
    assert full["snapshot"]["rows"] == before
    assert len(before) == 3


def test_the_details_of_a_tree_that_is_not_here_come_with_it(world: World) -> None:
    view = seen_tree(world)

    nothing = say(view, t="look", id="q.0")
    world.tell(submitted("q", spec=PLAN), submitted("q.0"))
    (about,) = heard(view)

    assert nothing == []
    assert world.line.attached == ["q.0"]
    assert about["id"] == "q.0"


def test_details_that_changed_come_also_after_the_end(world: World) -> None:
    view = seen_tree(world)
    say(view, t="look", id="r")

    world.tell(completed("r.0", "r.1"), completed("r", attempt=0))
    view.tick()
    after = view.tick()

    assert view.is_over
    assert after is not None
    assert 0 < after <= 1


def test_a_view_in_sight_beats_as_long_as_the_job_is_not_over(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    view = seen_tree(world)
    monkeypatch.setattr("parrot_async.widget.view.BEAT", 0.0)

    (beat,) = heard(view)
    world.tell(completed("r.0", "r.1"), completed("r", attempt=0))
    heard(view)

    assert beat["t"] == "beat"
    assert "lost" not in beat
    assert heard(view) == []


def test_a_beat_says_that_the_service_is_lost(world: World) -> None:
    view = seen_tree(world)

    world.trees.lose(DisconnectedError("the service is gone"))

    assert say(view, t="hello", rev=1)[0]["lost"] == "the service is gone"


def test_a_view_outlives_its_client(world: World) -> None:
    view = seen_tree(world)

    world.close()
    answers = say(view, t="act", n=1, action="cancel", ids=["r"]) + heard(view)

    assert {"t": "done", "n": 1, "error": "the client was closed"} in answers
    assert say(view, t="hello", rev=1)[0]["lost"] == "the client was closed"


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
    view = seen_tree(world)

    at_first = say(view, t="act", n=3, action=action, ids=["r.0"])
    world.line.answers[op].set_result(["q"])
    (done,) = heard(view)

    assert at_first == []
    assert world.line.asked == [(op, {"ids": ["r.0"], **how})]
    assert (done["t"], done["n"]) == ("done", 3)
    assert done.get("id") == ("q" if how else None)


def test_an_action_that_fails_says_why(world: World) -> None:
    view = seen_tree(world)

    say(view, t="act", n=3, action="retry", ids=["r.0"])
    world.line.answers["retry"].set_exception(LookupError("it still runs"))

    assert heard(view) == [{"t": "done", "n": 3, "error": "it still runs"}]


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


def test_details_follow_a_look(world: World) -> None:
    view = seen_tree(world)

    (about,) = say(view, t="look", id="r.0")

    assert (about["t"], about["id"]) == ("details", "r.0")


def test_a_job_has_one_view_until_that_is_closed(world: World) -> None:
    first = job_tree(world.source, "r")

    assert job_tree(world.source, "r") is first
    first.close()
    assert first.tick() is None
    assert job_tree(world.source, "r") is not first


# The panel.


def stored(job_id: str, status: str = "completed", **fields: Any) -> dict[str, Any]:
    """A row as the service gives it."""
    number = float(job_id.removeprefix("m"))
    known = {"title": f"job {job_id}", "function": "tests:work", "queue": "default"}
    root = RootRow(id=job_id, status=JobStatus(status), created_at=number, **known | fields)
    return root.plain()


def seen_panel(world: World, *roots: dict[str, Any]) -> JobsPanel:
    """A panel that a browser has said hello to, and that the service has answered."""
    panel = JobsPanel(world.source)
    said(panel)
    say(panel, t="hello", rev=0)
    answer(panel, world, *roots)
    return panel


def answer(panel: JobsPanel, world: World, *roots: dict[str, Any]) -> list[dict[str, Any]]:
    """Let the service answer the next question of the panel, with these jobs."""
    asked: Future[Any] = Future()
    world.line.answers["jobs"] = asked
    asked.set_result(list(roots))
    panel.feed._asked_at = float("-inf")
    panel.feed._asking = None
    panel.tick()
    return heard(panel)


def test_a_panel_lists_the_newest_jobs_first_with_their_totals(world: World) -> None:
    panel = JobsPanel(world.source)
    said(panel)
    say(panel, t="hello", rev=0)

    answer(panel, world, stored("m2", "running"), stored("m1", completed_at=5.0))
    snapshot = panel.feed.snapshot()

    assert [row["id"] for row in snapshot["rows"]] == ["m2", "m1"]
    assert snapshot["totals"] == {
        "active": 1,
        "queued": 0,
        "finished": 1,
        "cost": "0",
        "seconds": 4.0,
        "matching": 2,
    }


def test_a_new_job_and_a_changed_one_are_told_as_a_delta(world: World) -> None:
    panel = seen_panel(world, stored("m1", "running"))
    said(panel)

    panel.feed._roots = [RootRow.from_plain(row) for row in (stored("m2"), stored("m1"))]
    (delta,) = heard(panel)

    assert [row["id"] for row in delta["new"]] == ["m2"]
    assert delta["set"] == [("m1", {"status": "completed"})]


def test_a_panel_is_filtered_by_state_and_text_and_sends_no_more_than_asked(world: World) -> None:
    titles = {"m4": "Embed", "m3": "embed more", "m2": "load", "m1": "embed"}
    rows = [stored(job_id, title=title) for job_id, title in titles.items()]
    panel = seen_panel(world, *rows[:3], stored("m1", "running", title="embed"))
    said(panel)

    (full,) = say(panel, t="ask", status=["completed"], text="EMBED", limit=1)

    assert [row["id"] for row in full["snapshot"]["rows"]] == ["m4"]
    assert full["snapshot"]["totals"]["matching"] == 2


def test_a_row_that_comes_into_the_middle_has_all_sent_again(world: World) -> None:
    panel = seen_panel(world, stored("m3"), stored("m1"))
    said(panel)

    panel.feed._roots = [RootRow.from_plain(stored(job_id)) for job_id in ("m3", "m2", "m1")]
    (full,) = heard(panel)

    assert [row["id"] for row in full["snapshot"]["rows"]] == ["m3", "m2", "m1"]


def test_a_job_under_way_that_is_here_shows_how_far_it_is(world: World) -> None:
    world.tell(submitted("m1"), started("m1"), progressed("m1", percent=40))

    panel = seen_panel(world, stored("m1", "running"))

    assert panel.feed.snapshot()["rows"][0]["progress"] == 40


def test_the_twin_of_a_big_tree_is_made_by_the_ticking_thread(
    world: World, shown: list[tuple[str, dict[str, str]]], monkeypatch: pytest.MonkeyPatch
) -> None:
    small = JobTree(world.source, "r")
    monkeypatch.setattr("parrot_async.view.feeds.FIRST", 2)
    big = JobTree(world.source, "r")

    small.show()
    big.show()
    at_once = [(kind, set(bundle)) for kind, bundle in shown]
    big.tick()

    both = {"text/html", "text/plain"}
    assert at_once == [("shown", both), ("shown", {"text/plain"})]
    assert [(kind, set(bundle)) for kind, bundle in shown[2:]] == [("updated", both)]


def test_the_twin_follows_now_and_then_and_at_the_end(
    world: World, shown: list[tuple[str, dict[str, str]]]
) -> None:
    view = seen_tree(world)
    view.show()

    world.tell(started("r.0"))
    view.tick()
    soon = len(shown)
    view.save_at = 0.0
    view.tick()
    later = len(shown)
    world.tell(completed("r.0", "r.1"), completed("r", attempt=0))
    view.tick()

    assert (soon, later, len(shown)) == (1, 2, 3)
    assert "2 completed" in shown[-1][1]["text/html"]


def test_the_inert_form_of_a_panel_is_a_table_of_text(world: World) -> None:
    panel = seen_panel(world, stored("m1", title="<img src=x>", error="a <b>"))

    shown = panel.inert()

    assert "<td>&lt;img src=x&gt;</td>" in shown["text/html"]
    assert "<td>1970-01-01 00:00:01+00:00</td>" in shown["text/html"]
    assert "<b>" not in shown["text/html"]
    assert "<img src=x>  completed" in shown["text/plain"]


def test_the_inert_form_of_a_tree_says_how_to_bring_it_to_life_as_long_as_it_runs(
    world: World,
) -> None:
    view = JobTree(world.source, "r")

    running = view.inert()["text/html"]
    world.tell(completed("r.0", "r.1"), completed("r", attempt=0))

    assert "await client.attach(&#x27;r&#x27;)" in running
    assert "attach" not in view.inert()["text/html"]


def test_a_row_of_a_panel_opens_its_tree(world: World) -> None:
    panel = seen_panel(world, stored("m1", "running"))
    said(panel)

    (full,) = say(panel, t="open", id="r")
    world.tell(started("r.0"))
    (delta,) = heard(panel)
    say(panel, t="open", id=None)
    world.tell(started("r.1"))

    assert (full["of"], full["snapshot"]["view"]) == ("r", "tree")
    assert (delta["of"], delta["rev"]) == ("r", 2)
    assert heard(panel) == []


def test_the_open_tree_of_a_panel_gets_on_where_it_is_drawn(world: World) -> None:
    world.tell(started("r.0", "r.1"))
    panel = seen_panel(world)
    say(panel, t="open", id="r")

    say(panel, t="sight", of="r", page="one", ids=["r.0"])
    say(panel, t="sight", of="q", page="one", ids=["q.0"])
    say(panel, t="sight", page="one", ids=["r"])
    world.tell(progressed("r.0", percent=10), progressed("r.1", percent=30))
    (delta,) = heard(panel)

    assert {job_id for job_id, _ in delta["set"]} == {"r", "r.0"}


def test_a_hello_may_be_about_the_open_tree(world: World) -> None:
    panel = seen_panel(world)
    say(panel, t="open", id="r")

    (full,) = say(panel, t="hello", of="r", rev=0)

    assert full["of"] == "r"


def test_a_panel_keeps_its_rows_and_says_why_when_the_service_does_not_answer(
    world: World,
) -> None:
    panel = seen_panel(world, stored("m1"))
    failed: Future[Any] = Future()
    failed.set_exception(DisconnectedError("it does not answer"))
    world.line.answers["jobs"] = failed

    panel.feed._asked_at = float("-inf")
    panel.tick()
    panel.tick()
    said(panel)

    assert say(panel, t="hello", rev=panel.feed.rev)[0]["lost"] == "it does not answer"
    assert [row["id"] for row in panel.feed.snapshot()["rows"]] == ["m1"]


def test_a_panel_that_nobody_sees_asks_nothing(world: World) -> None:
    panel = JobsPanel(world.source)

    panel.tick()

    assert world.line.asked == []


# The thread, and what is not there.


class Counter:
    """Counts its ticks, and may fail."""

    def __init__(self, error: Exception | None = None, after: float | None = None) -> None:
        self.ticks = 0
        self.error = error
        self.after = after
        self.thread = ""

    @property
    def is_urgent(self) -> bool:
        return False

    def tick(self) -> float | None:
        self.ticks += 1
        self.thread = threading.current_thread().name
        if self.error is not None:
            raise self.error
        return self.after


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
