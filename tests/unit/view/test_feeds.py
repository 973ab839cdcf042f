"""What a live view tells its browsers of a tree: only what has changed, each once, in order."""

import json
from decimal import Decimal
from itertools import pairwise

import pytest

from parrot_async.model.events import (
    CancelRequested,
    Completed,
    Event,
    Logged,
    PauseRequested,
    Spent,
)
from parrot_async.model.models import JobResult, JobSpec, LogLine, Usage
from parrot_async.model.tree import fold
from parrot_async.view.details import LOG_LINES, LOG_TEXT, TEXT, details
from parrot_async.view.feeds import TreeFeed
from parrot_async.view.looking import Looking
from parrot_async.view.protocol import Delta
from parrot_async.view.rows import differences, row
from parrot_async.view.sights import Sights
from tests.unit.stories import (
    PLAN,
    completed,
    failed,
    progressed,
    requeued,
    started,
    submitted,
    waiting,
)
from tests.unit.views import World

HOSTILE = "<img src=x onerror=alert(1)>"


def plan_of(count: int) -> World:
    """A plan "r" that waits for its children."""
    world = World()
    ids = [f"r.{number}" for number in range(count)]
    world.tell(submitted("r", spec=PLAN), submitted(*ids), waiting("r"))
    return world


def test_a_row_says_what_a_job_does_and_leaves_out_what_is_as_always() -> None:
    tree = fold([submitted("r"), started("r"), progressed("r", percent=12.34, step="reading")])

    said = row(tree["r"], {})

    assert said.pop("ends") > 0
    assert said == {
        "id": "r",
        "title": "task",
        "status": "running",
        "step": "reading",
        "worker": "127.0.0.1:40001",
        "started": 1.0,
        "progress": 12.3,
    }


def test_a_row_of_a_failed_job_has_the_first_line_of_its_error() -> None:
    tree = fold([submitted("r"), started("r"), failed("r")])

    said = row(tree["r"], {})

    assert (said["status"], said["error"], said["ended"]) == ("failed", "ValueError: broken", 9)


def test_a_row_says_that_somebody_wants_the_job_to_stop_or_to_pause() -> None:
    tree = fold([submitted("r"), started("r")])
    tree.apply(PauseRequested(ids=("r",), at=2))
    tree.apply(CancelRequested(ids=("r",), at=2))

    said = row(tree["r"], {})

    assert said["stopping"] is True
    assert said["pausing"] is True


def test_a_job_that_waits_for_its_next_attempt_says_until_when() -> None:
    tree = fold([submitted("r"), started("r"), requeued("r", at=6)])

    assert row(tree["r"], {})["retry"] == 7


def test_a_row_has_the_sums_of_all_below_it() -> None:
    usage = Usage(100, 20, Decimal("0.25"), "gpt")
    tree = fold([submitted("r", spec=PLAN), submitted("r.0"), started("r.0")])
    tree.apply(Spent(id="r.0", attempt=1, usage=usage))

    said = row(tree["r"], {})

    assert (said["tokens"], said["cost"], said["counts"]) == (120, "0.25", {"running": 1})


def test_a_row_names_the_job_whose_result_it_has() -> None:
    event = Completed(
        ids=("r",), attempts=(1,), at=(9,), results=(JobResult(2, "42", source="q.1"),)
    )
    tree = fold([submitted("r"), event])

    said = row(tree["r"], {})

    assert (said["result"], said["source"]) == ("42", "q.1")
    assert "source" not in row(fold([submitted("r"), started("r"), completed("r")])["r"], {})


def test_of_long_arguments_both_ends_are_said() -> None:
    path = "PosixPath('/data/of/a/very/long/way/to/the/reports/2024/q3.pdf')"
    spec = JobSpec(title="embed", function="papers:embed")
    event = submitted("r", spec=spec).model_copy(update={"arguments": (path,)})

    said = row(fold([event])["r"], {})["call"]

    assert said.startswith("PosixPath('")
    assert said.endswith("/reports/2024/q3.pdf')")
    assert len(said) < len(path)


def test_arguments_are_said_where_the_title_is_but_the_functions_name() -> None:
    spec = JobSpec(title="embed", function="papers:embed")
    event = submitted("r", spec=spec).model_copy(update={"arguments": ("'page 7'",)})
    tree, named = fold([event]), fold([event.model_copy(update={"titles": ("page 7",)})])

    said = row(tree["r"], {})

    assert said["call"] == "'page 7'"
    assert "function" not in said
    assert "call" not in row(named["r"], {})


def test_hostile_texts_travel_as_data_without_control_characters() -> None:
    spec = JobSpec(title=HOSTILE + "\x1b[31m\u202e\n" * 100)
    tree = fold([submitted("r", spec=spec), started("r"), progressed("r", percent=1, step=HOSTILE)])

    said = row(tree["r"], {})

    assert said["title"].startswith(HOSTILE)
    assert not {"\x1b", "\u202e", "\n"} & set(said["title"])
    assert said["step"] == HOSTILE
    assert len(said["title"]) <= 160


def test_differences_name_what_changed_and_what_has_its_default_again() -> None:
    before = row(
        fold([submitted("r"), started("r"), progressed("r", percent=5, step="a")])["r"], {}
    )
    now = row(fold([submitted("r"), started("r"), completed("r")])["r"], {})

    changed = differences(before, {**dict.fromkeys(before), **now})

    assert changed["status"] == "completed"
    assert changed["step"] is None
    assert "title" not in changed
    patched = {name: value for name, value in {**before, **changed}.items() if value is not None}
    assert patched == now


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


def told(delta: Delta | None) -> tuple[list[str], int]:
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
    assert [told(delta) for delta in deltas[:2]] == [(["r.0.0", "r.0.1"], 1), (["r.1.0"], 0)]
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

    assert (told(delta), told(after)) == ((["r.1"], 1), (["r.2"], 0))
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
    feed.see("page", ["r.0"])
    feed.advance()

    world.tell(progressed("r.0", percent=10), progressed("r.1", percent=30))
    in_sight, pause = feed.advance(), feed.pause
    world.tell(completed("r.1"), progressed("r.0", percent=20))
    ended = feed.advance()
    feed.see("page", ["r.1"])
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
    feed.see("page", ["r.0"])
    feed.advance()

    world.tell(progressed("r.1", percent=30))
    before = feed.advance()
    feed.see("page", ["r.1"])
    delta = feed.advance()

    assert before is not None
    assert [job_id for job_id, _ in before["set"]] == ["r"]
    assert delta is not None
    assert dict(delta["set"])["r.1"]["progress"] == 30
    assert feed.pause is None


def told_at_once(world: World, feed: TreeFeed, percent: float) -> set[str]:
    """Let three jobs get on; of which of them that is told at once."""
    world.tell(*(progressed(f"r.{number}", percent=percent) for number in range(3)))
    delta = feed.advance()
    assert delta is not None
    return {job_id for job_id, _ in delta["set"]} - {"r"}


def test_what_any_page_draws_is_in_sight_until_the_page_draws_something_else() -> None:
    world = plan_of(3)
    world.tell(started("r.0", "r.1", "r.2"))
    feed = world.feed("r")

    feed.see("one", ["r.0"])
    feed.see("other", ["r.1"])
    feed.advance()
    of_both = told_at_once(world, feed, 10)
    feed.see("one", [])
    feed.advance()
    of_other = told_at_once(world, feed, 20)

    assert of_both == {"r.0", "r.1"}
    assert of_other == {"r.1"}


def test_a_page_that_is_gone_is_forgotten_when_another_has_outlived_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    sights = Sights()

    sights.tell("gone", ["r.0"])
    sights.tell("here", ["r.1"])
    before = sights.ids
    monkeypatch.setattr("parrot_async.view.sights.GONE", 1e-9)
    alone = sights.ids
    sights.tell("here", ["r.1"])

    assert before == alone == {"r.0", "r.1"}
    assert sights.ids == {"r.1"}


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


def test_details_are_bounded() -> None:
    world = plan_of(600)
    ids = [f"r.{number}" for number in range(600)]
    world.tell(started(*ids), completed(*ids))
    lines = tuple(LogLine(float(number), "info", "x" * 5_000) for number in range(300))
    world.tell(Logged(id="r.0", attempt=1, lines=lines))
    world.tell(failed("r"))
    tree = world.trees.tree("r")

    of_root, of_child = details(tree, tree["r"]), details(tree, tree["r.0"])

    assert len(of_root["timeline"]) == 500
    assert len(of_child["logs"]) <= LOG_LINES
    assert all(len(text) < LOG_TEXT + 50 for _, _, text in of_child["logs"])
    assert of_root["traceback"].startswith("Traceback")
    assert json.dumps([of_root, of_child])


def test_a_long_text_keeps_its_beginning_and_its_end() -> None:
    spec = JobSpec(title="t", prompt="begin" + "x" * 2 * TEXT + "end")
    tree = fold([submitted("r", spec=spec)])

    prompt = details(tree, tree["r"])["prompt"]

    assert prompt.startswith("begin")
    assert prompt.endswith("end")
    assert len(prompt) < TEXT + 100


def test_the_dearest_come_first_in_the_details() -> None:
    world = plan_of(3)
    world.tell(started("r.0", "r.1", "r.2"))
    for number, cost in enumerate(("0.1", "0.3", "0.2")):
        usage = Usage(1, 2, Decimal(cost), f"api-{number}")
        world.tell(Spent(id=f"r.{number}", attempt=1, usage=usage))
    tree = world.trees.tree("r")

    assert [said[0] for said in details(tree, tree["r"])["usage"]] == [
        "task (api-1)",
        "task (api-2)",
        "task (api-0)",
    ]


def test_details_come_when_opened_and_again_when_the_job_has_changed_but_not_at_once() -> None:
    world = plan_of(1)
    looking = Looking(world.source, world.wake)
    nothing = looking.details()

    looking.at("r.0")
    first, again = looking.details(), looking.details()
    looking.touch({"r.1"})
    unchanged = looking.pause
    looking.touch({"r.0"})

    assert (nothing, again) == (None, None)
    assert first is not None
    assert first["id"] == "r.0"
    assert unchanged is None
    assert 0 < (looking.pause or 0) <= 1
    assert looking.details() is None
