"""The details of a job are bounded, and a page that shows them is told when they change."""

import json
from decimal import Decimal

from parrot_async.model.events import Logged, Spent
from parrot_async.model.models import JobSpec, LogLine, Usage
from parrot_async.model.tree import fold
from parrot_async.view.details import LOG_LINES, LOG_TEXT, TEXT, DetailsOnDemand, details
from tests.unit.stories import attempt_failed, completed, failed, requeued, started, submitted
from tests.unit.views import World, plan_of


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
    world = plan_of(2)
    shown = DetailsOnDemand(world.source, world.wake)
    nothing = shown.take()

    shown.show("r.0")
    first, again = shown.take(), shown.take()
    world.tell(started("r.1"))
    unchanged = shown.pause
    world.tell(started("r.0"))

    assert (nothing, again) == (None, None)
    assert first is not None
    assert first["id"] == "r.0"
    assert unchanged is None
    assert 0 < (shown.pause or 0) <= 1
    assert shown.take() is None


def test_a_line_of_a_log_is_news_for_the_details_though_no_row_changes() -> None:
    world = plan_of(1)
    world.tell(started("r.0"))
    shown = DetailsOnDemand(world.source, world.wake)
    shown.show("r.0")
    shown.take()
    before = world.wakings

    world.tell(Logged(id="r.0", attempt=1, lines=(LogLine(2.0, "print", "epoch 2"),)))

    assert world.wakings == before + 1
    assert shown.pause is not None


def test_what_happens_below_a_job_is_news_for_its_details() -> None:
    world = plan_of(1)
    shown = DetailsOnDemand(world.source, world.wake)
    shown.show("r")
    shown.take()

    world.tell(started("r.0"))

    assert shown.pause is not None


def test_closed_details_are_not_made_again() -> None:
    world = plan_of(1)
    shown = DetailsOnDemand(world.source, world.wake)

    shown.show("r.0")
    shown.show(None)
    world.tell(started("r.0"))

    assert shown.pause is None
    assert shown.take() is None


def test_details_of_a_tree_that_is_not_here_are_asked_for_and_wake_the_view() -> None:
    world = World()
    shown = DetailsOnDemand(world.source, world.wake)

    shown.show("q.0")
    nothing = shown.take()
    world.tell(submitted("q"), submitted("q.0"))
    made = shown.take()

    assert nothing is None
    assert world.line.attached == ["q.0"]
    assert world.wakings == 1
    assert made is not None
    assert made["id"] == "q.0"


def test_details_name_each_attempt_with_its_worker_and_its_error() -> None:
    tree = fold(
        [submitted("r"), started("r"), attempt_failed("r"), requeued("r"), started("r", attempt=2)]
    )

    first, second = details(tree, tree["r"])["attempts"]

    assert first == (1, "127.0.0.1:40001", 1.0, 5.0, "ValueError: broken")
    assert (second[0], second[3], second[4]) == (2, None, "")


def test_details_leave_out_what_a_job_does_not_have() -> None:
    tree = fold([submitted("r", spec=JobSpec(title="t", description="d", prompt="d"))])

    assert details(tree, tree["r"]) == {"t": "details", "id": "r", "description": "d"}


def test_details_of_a_completed_job_have_its_result_and_of_a_failed_one_its_error() -> None:
    good = fold([submitted("r"), started("r"), completed("r", preview="[1, 2]")])
    bad = fold([submitted("r"), started("r"), failed("r")])

    of_good, of_bad = details(good, good["r"]), details(bad, bad["r"])

    assert (of_good["result"], of_good["nbytes"]) == ("[1, 2]", 2)
    assert (of_bad["kind"], of_bad["error"]) == ("exception", "broken")
    assert of_bad["traceback"].endswith("ValueError: broken")
