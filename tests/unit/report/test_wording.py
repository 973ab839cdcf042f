"""How states and money are worded, and what is made of users' texts."""

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from parrot_async.errors import ErrorInfo
from parrot_async.model.durations import seconds as seconds_in
from parrot_async.model.events import PauseRequested
from parrot_async.model.models import JobStatus, Usage
from parrot_async.model.tree import fold
from parrot_async.report.wording import (
    ENDS,
    ICONS,
    both_ends,
    counts_words,
    duration,
    fenced,
    html_text,
    line,
    money,
    percent,
    plain,
    spent,
    state_words,
    status_word,
    ticking,
)
from tests.unit.stories import completed, progressed, started, submitted

DURATIONS: list[dict[str, Any]] = json.loads(
    (Path(__file__).parents[2] / "data" / "durations.json").read_text("utf-8")
)


def test_every_state_has_an_icon_of_one_column_and_every_kind_of_end_its_words() -> None:
    assert set(ICONS) == set(JobStatus)
    assert all(len(icon) == 1 for icon in ICONS.values())
    assert set(ENDS) == set(ErrorInfo.__dataclass_fields__["kind"].type.__args__)


@pytest.mark.parametrize(
    ("cost", "words"),
    [
        ("0", "$0.00"),
        ("0.24", "$0.24"),
        ("1234.5", "$1,234.50"),
        ("0.0012", "$0.0012"),
        ("0.00001", "<$0.0001"),
    ],
)
def test_money_shows_small_sums(cost: str, words: str) -> None:
    assert money(Decimal(cost)) == words


def test_control_characters_are_shown_and_line_ends_kept() -> None:
    assert plain("a\x1b[31m\r\nb\rc\td\u202e\ud800") == "a\ufffd[31m\nb\nc\td\ufffd\ufffd"


def test_a_state_is_worded_without_underscores() -> None:
    assert status_word(JobStatus.WAITING_FOR_CHILDREN) == "waiting for children"


def test_a_pause_is_told_beside_the_state() -> None:
    running = fold([submitted("r"), started("r"), PauseRequested(ids=("r",), at=2)])
    queued = fold([submitted("r"), PauseRequested(ids=("r",), at=2, by="queue")])

    assert state_words(running["r"]) == "running, pausing"
    assert state_words(queued["r"]) == "paused with its queue"


def test_counts_are_in_the_order_of_a_jobs_life_and_leave_out_zeros() -> None:
    counts = {JobStatus.FAILED: 1, JobStatus.COMPLETED: 1_200, JobStatus.RUNNING: 0}

    assert counts_words(counts) == "1,200 completed, 1 failed"
    assert counts_words({}) == ""


def test_a_hundred_percent_are_said_only_when_they_are_reached() -> None:
    tree = fold([submitted("r"), started("r"), progressed("r", percent=99.99)])

    almost = percent(tree["r"])
    tree.apply(completed("r"))

    assert (almost, percent(tree["r"])) == ("99 %", "100 %")


@pytest.mark.parametrize(
    ("usage", "words"),
    [
        (None, ""),
        (Usage(), ""),
        (Usage(1_500, 347), "1,847 tokens"),
        (Usage(cost=Decimal("0.24")), "$0.24"),
        (Usage(1_500, 347, Decimal("0.24")), "1,847 tokens, $0.24"),
    ],
)
def test_usage_is_tokens_and_money(usage: Usage | None, words: str) -> None:
    assert spent(usage) == words


def test_a_line_has_no_line_ends_and_is_cut_with_an_ellipsis() -> None:
    assert line("  one\n two\tthree ") == "one two three"
    assert line("abcdefgh", 5) == "abcd…"
    assert line("abc  efgh", 5) == "abc…"
    assert len(line("x" * 10_000)) == 200


def test_of_a_long_text_both_ends_are_kept() -> None:
    text = "PosixPath('/data/reports/" + "deep/" * 20 + "page-7.md')"

    short = both_ends(text, 44)

    assert short.startswith("PosixPath('/da")
    assert " … " in short
    assert short.endswith("page-7.md')")
    assert both_ends("short", 44) == "short"


def test_a_fence_is_longer_than_any_within() -> None:
    assert fenced("a\n````\nb\n") == "`````text\na\n````\nb\n`````"
    assert fenced("plain") == "```text\nplain\n```"


def test_html_is_escaped_in_elements_and_in_attributes() -> None:
    assert html_text("<a href=\"x\" id='y'>&\x1b") == (
        "&lt;a href=&quot;x&quot; id=&#x27;y&#x27;&gt;&amp;\ufffd"
    )


@pytest.mark.parametrize("case", DURATIONS, ids=lambda case: f"{case['seconds']}")
def test_durations_are_worded_as_the_table_has_it_as_in_the_browser(case: dict[str, Any]) -> None:
    assert duration(case["seconds"]) == case["duration"]
    assert ticking(case["seconds"]) == case["ticking"]


@pytest.mark.parametrize("case", DURATIONS, ids=lambda case: f"{case['seconds']}")
def test_a_duration_that_is_printed_can_be_written_as_an_option(case: dict[str, Any]) -> None:
    assert seconds_in(case["ticking"]) == pytest.approx(max(case["seconds"], 0), rel=0.03, abs=1)


def test_a_duration_that_is_not_known_has_no_words() -> None:
    assert duration(None) == ""
