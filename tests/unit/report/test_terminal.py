"""The tree in a terminal: what fits, what is told first, and what users' words cannot do."""

import io
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console

from parrot_async.errors import ErrorInfo
from parrot_async.model.events import Event, Paused, PauseRequested, Spent
from parrot_async.model.models import Usage
from parrot_async.model.tree import JobTree, fold
from parrot_async.report.terminal import MANY, Milestones, TerminalTree, render
from tests.unit.stories import (
    BROKEN,
    PLAN,
    completed,
    failed,
    family,
    progressed,
    started,
    submitted,
    waiting,
)

NOW = datetime.fromtimestamp(20, UTC)
ESCAPE = "\x1b"


def drawn(tree: JobTree, *, width: int = 100, max_rows: int = 24) -> list[str]:
    """The lines that a terminal would show."""
    console = Console(width=width, file=io.StringIO(), force_terminal=True, color_system=None)
    with console.capture() as capture:
        console.print(render(tree, width=width, max_rows=max_rows, now=NOW))
    return capture.get().splitlines()


def test_a_line_has_state_step_percent_times_and_cost() -> None:
    usage = Usage(1500, 347, Decimal("0.24"))
    tree = family(
        1,
        started("r.0", at=10),
        progressed("r.0", percent=50, step="embedding", done=32, total=64),
        Spent(id="r.0", attempt=1, usage=usage),
        titles=["chunks"],
    )

    lines = drawn(tree, width=120)

    assert lines[1].startswith("  ▶ chunks  running  embedding (32 of 64)")
    assert lines[1].rstrip().endswith("50 % 10s, 10s left, 1,847 tok, $0.24")


@pytest.mark.parametrize("width", [20, 40, 60, 90, 200])
def test_no_line_is_wider_than_the_terminal(width: int) -> None:
    tree = family(3, started("r.0"), failed("r.1"), titles=["word " * 50, "x" * 300, "日本語" * 90])

    lines = drawn(tree, width=width)

    assert len(lines) == 4
    assert all(Console().render_str(line).cell_len <= width for line in lines)


def test_a_big_tree_folds_to_what_runs_what_failed_and_a_count() -> None:
    ids = tuple(f"r.{number}" for number in range(10_000))
    titles = tuple(f"part {number}" for number in range(10_000))
    tree = family(
        10_000,
        started("r.5", "r.6"),
        failed("r.4000"),
        completed(*ids[100:4000], attempt=0),
        titles=titles,
    )

    lines = drawn(tree)

    assert [line.split("  ")[1].strip() for line in lines[1:4]] == [
        "▶ part 5",
        "▶ part 6",
        "✘ part 4000",
    ]
    assert lines[4].strip() == "… and 9,997 more: 6,097 queued, 3,900 completed"


@pytest.mark.parametrize("max_rows", [2, 3, 5, 10, 24])
def test_the_picture_never_has_more_rows_than_asked(max_rows: int) -> None:
    plans = tuple(f"r.{number}" for number in range(30))
    tasks = [submitted(*(f"{plan}.{number}" for number in range(30))) for plan in plans]
    run = [started(*(f"{plan}.{number}" for number in range(20))) for plan in plans]
    tree = fold(
        [
            submitted("r", spec=PLAN),
            submitted(*plans, spec=PLAN),
            waiting("r", *plans),
            *tasks,
            *run,
        ]
    )

    lines = drawn(tree, max_rows=max_rows)

    assert len(lines) <= max_rows


def test_an_empty_tree_can_be_drawn() -> None:
    assert drawn(JobTree()) == ["no job yet"]


@given(st.text(max_size=30) | st.text(alphabet="[]/\\bold red\x1b\x9b\x07\r\n", max_size=30))
@settings(max_examples=200)
def test_users_words_are_neither_markup_nor_control_sequences(words: str) -> None:
    error = ErrorInfo("exception", words, words)
    tree = family(
        2,
        started("r.0", "r.1"),
        progressed("r.0", percent=5, step=words),
        failed("r.1", error=error),
        titles=[words, words],
    )

    lines = drawn(tree)

    assert len(lines) == 3
    assert not any(ESCAPE in line or "\x9b" in line or "\r" in line for line in lines)


def test_rich_markup_in_a_title_is_shown_as_it_is() -> None:
    assert "[bold red]x[/]" in drawn(family(1, titles=["[bold red]x[/]"]))[1]


def log_of(*steps: Event, children: int = 1, encoding: str = "utf-8") -> str:
    """What is printed where stdout is no terminal, when the tree is shown after each step."""
    raw = io.BytesIO()
    tree = family(children)
    console = Console(
        file=io.TextIOWrapper(raw, encoding, write_through=True), force_terminal=False
    )
    with TerminalTree(console) as view:
        for step in steps:
            tree.apply(step)
            view._shown_at = float("-inf")
            view.update(tree)
    return raw.getvalue().decode(encoding)


def test_outside_a_terminal_milestones_are_printed_once_and_no_jump_skips_them() -> None:
    steps: list[Event] = [
        started("r.0"),
        *(progressed("r.0", percent=p) for p in (3, 24, 30, 31, 90, 91)),
    ]

    printed = log_of(*steps, completed("r.0"), completed("r", attempt=0))

    told = [line.split(",")[1].strip() for line in printed.splitlines() if line.startswith("task")]
    assert told[:3] == ["0 %", "30 %", "90 %"]
    assert printed.count("task: completed") == 1
    assert printed.count("plan: completed") == 1
    assert ESCAPE not in printed


def test_outside_a_terminal_a_pause_is_told() -> None:
    steps: list[Event] = [
        started("r.0"),
        PauseRequested(ids=("r.0",), at=2),
        Paused(ids=("r.0",), attempts=(1,), at=3),
    ]

    printed = log_of(*steps)

    assert "task: paused, 0 %" in printed


def test_a_line_says_that_a_job_is_about_to_hold() -> None:
    tree = family(2, started("r.0"), PauseRequested(ids=("r.0", "r.1"), at=2))

    lines = drawn(tree)

    assert lines[1].startswith("  ▶ task  running, pausing")
    assert lines[2].startswith("  ◫ task  paused")


def test_outside_a_terminal_failures_are_told_up_to_a_bound() -> None:
    ids = tuple(f"r.{number}" for number in range(200))

    printed = log_of(started(*ids), failed(*ids), children=200)

    assert printed.count("task: failed: ValueError: broken") == MANY
    assert printed.count("more jobs failed") == 1


def test_a_stream_without_the_letters_gets_question_marks_instead_of_an_error() -> None:
    error = ErrorInfo("exception", "größer als 5 €", "ValueError")

    printed = log_of(started("r.0"), failed("r.0", error=error), encoding="ascii")

    assert "gr??er als 5 ?" in printed


def test_a_failure_is_told_once_in_plain_lines() -> None:
    milestones = Milestones()
    tree = family(1, started("r.0"), failed("r.0", error=BROKEN))

    first, second = list(milestones.new(tree, NOW)), list(milestones.new(tree, NOW))

    assert first[0] == "task: failed: ValueError: broken"
    assert second == []


def test_a_terminal_is_drawn_in_place_and_left_with_the_last_picture() -> None:
    out = io.StringIO()
    console = Console(file=out, force_terminal=True, width=80, height=20)
    tree = family(1, started("r.0"))

    with TerminalTree(console) as view:
        view.update(tree)
        tree.apply(completed("r.0"))
        view.update(tree)

    assert ESCAPE in out.getvalue()
    assert "completed" in out.getvalue().rpartition("task")[2]


def test_updates_that_come_fast_are_not_all_drawn() -> None:
    out = io.StringIO()
    tree = family(1, started("r.0"))

    with TerminalTree(Console(file=out, force_terminal=True, width=80, height=20)) as view:
        for _ in range(1_000):
            view.update(tree)

    assert out.getvalue().count("task") < 20


def test_a_tree_with_as_many_jobs_as_rows_is_shown_whole() -> None:
    plans = tuple(f"r.{number}" for number in range(5))
    tasks = [submitted(f"{plan}.0") for plan in plans]
    tree = fold([submitted("r", spec=PLAN), submitted(*plans, spec=PLAN), *tasks])

    lines = drawn(tree, max_rows=11)

    assert len(lines) == 11
    assert not any("more" in line for line in lines)


def test_the_picture_fits_the_height_of_the_terminal() -> None:
    out = io.StringIO()
    tree = family(100, started(*(f"r.{number}" for number in range(100))))

    with TerminalTree(Console(file=out, force_terminal=True, width=80, height=8)) as view:
        view.update(tree)

    assert "and 95 more" in out.getvalue()
