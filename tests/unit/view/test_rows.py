"""A row says what a job does now, and two rows of it differ in what has changed."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from parrot_async.model.events import CancelRequested, Completed, Event, PauseRequested, Spent
from parrot_async.model.models import JobResult, JobSpec, JobStatus, Usage
from parrot_async.model.rows import RootRow
from parrot_async.model.tree import fold
from parrot_async.view.rows import changed_fields, differences, row, stamp, stored_row
from tests.unit.stories import PLAN, completed, failed, progressed, requeued, started, submitted

HOSTILE = "<img src=x onerror=alert(1)>"


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


@pytest.mark.parametrize(
    ("events", "incomplete"),
    [
        ([submitted("r", spec=PLAN), submitted("r.0"), failed("r.0")], [False, False]),
        (
            [submitted("r", spec=PLAN), submitted("r.0"), failed("r.0"), completed("r")],
            [True, False],
        ),
        ([submitted("r"), submitted("r.0"), completed("r.0"), failed("r")], [True, False]),
        ([submitted("r"), submitted("r.0"), completed("r.0"), completed("r")], [False, False]),
        ([submitted("r"), failed("r")], [False]),
    ],
    ids=["runs", "completed all the same", "its own body", "whole", "alone"],
)
def test_a_row_says_where_a_part_of_a_tree_may_run_again(
    events: list[Event], incomplete: list[bool]
) -> None:
    tree = fold(events)

    assert [row(node, {}).get("incomplete", False) for node in tree.walk()] == incomplete


def test_a_row_says_so_however_deep_the_failed_job_is() -> None:
    ids = ["r", "r.0", "r.0.0", "r.0.0.0"]
    tree = fold(map(submitted, ids))
    tree.apply(failed(ids[-1]))
    for job_id in reversed(ids[:-1]):
        tree.apply(completed(job_id))

    assert [row(tree[job_id], {}).get("incomplete") for job_id in ids] == [True, True, True, None]


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


def test_a_stamp_stays_equal_while_a_job_only_makes_progress() -> None:
    tree = fold([submitted("r"), started("r")])
    before = stamp(tree["r"])

    tree.apply(progressed("r", percent=40, step="reading"))
    on_progress = stamp(tree["r"])
    tree.apply(completed("r"))

    assert on_progress == before
    assert stamp(tree["r"]) != before


def test_with_the_same_stamp_only_the_progress_is_compared() -> None:
    tree = fold([submitted("r"), started("r")])
    before = row(tree["r"], {})
    now = datetime.now(UTC)

    tree.apply(progressed("r", percent=40, step="reading"))
    fields = changed_fields(tree["r"], before, {}, now, same_stamp=True)
    tree.apply(completed("r"))
    state = changed_fields(tree["r"], before, {}, now, same_stamp=False)

    assert (fields["progress"], fields["step"]) == (40, "reading")
    assert "status" not in fields
    assert (state["status"], state["ended"]) == ("completed", 9)


def test_the_history_of_a_function_says_when_a_job_is_expected_to_end() -> None:
    now = datetime.now(UTC).timestamp()
    tree = fold([submitted("r"), started("r", at=now - 10)])

    assert "ends" not in row(tree["r"], {})
    assert row(tree["r"], {"tests:task": 30.0})["ends"] == pytest.approx(now + 20, abs=2)


def stored(**fields: Any) -> RootRow:
    known = {"title": "Embed", "function": "tests:task", "queue": "default", "created_at": 1.0}
    return RootRow(id="r", **{"status": JobStatus.RUNNING, **known, **fields})


@pytest.mark.parametrize(
    ("root", "shown"),
    [
        (stored(), {"title": "Embed", "status": "running", "type": "root_job", "created": 1.0}),
        (stored(title=""), {"title": "tests:task"}),
        (stored(title="", function=""), {"title": "(no title)"}),
        (stored(queue="held"), {"queue": "held"}),
        (stored(completed_at=5.123), {"ended": 5.12}),
        (stored(cost=Decimal("0.10")), {"cost": "0.10"}),
        (stored(error="ValueError:\x1b broken"), {"error": "ValueError:\ufffd broken"}),
    ],
)
def test_a_row_of_a_stored_job_has_what_the_store_knows(
    root: RootRow, shown: dict[str, object]
) -> None:
    made = stored_row(root)

    assert {name: made.get(name) for name in shown} == shown
    assert all(made.values())
