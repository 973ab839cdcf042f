"""The page of a tree opens and closes without a script, and says all in words."""

import re
from datetime import UTC, datetime

from parrot_async.model.events import Logged
from parrot_async.model.models import JobSpec, LogLine
from parrot_async.model.tree import fold
from parrot_async.report.html import FEW, LOG_LINES_SHOWN, OPEN_LEVELS, html
from tests.unit.stories import (
    PLAN,
    completed,
    failed,
    family,
    progressed,
    started,
    submitted,
    waiting,
)

NOW = datetime.fromtimestamp(100, UTC)


def test_the_page_needs_no_script_and_nothing_from_elsewhere() -> None:
    page = html(family(2, started("r.0"), failed("r.1")), now=NOW)

    assert not re.search(r"<script|\son\w+=|https?:|url\(|@import|<link|<img", page)


def test_the_state_is_said_in_words_beside_a_hidden_icon() -> None:
    page = html(family(1, started("r.0"), progressed("r.0", percent=40)), now=NOW)

    assert 'aria-hidden="true">▶</span>' in page
    assert "running, 40 %" in page
    assert 'aria-label="progress">40 %</progress>' in page


def test_a_row_shows_the_call_where_the_title_is_only_the_functions_name() -> None:
    spec = JobSpec(title="read", function="tests:read", function_id="1")
    path = "PosixPath('/a/folder/with/a/long/name/and/at/its/end/page-7.md')"
    birth = submitted("r.0", "r.1", spec=spec, titles=["read", "Read page 8"])
    birth = birth.model_copy(update={"arguments": (path, path)})
    tree = fold([submitted("r", spec=PLAN), birth, started("r.0", "r.1"), completed("r.0", "r.1")])

    first, second = html(tree, "r.0", now=NOW), html(tree, "r.1", now=NOW)

    assert re.search(r'parrot-call">PosixPath\(\S+ … \S+page-7.md\S+ → ', first)
    assert "parrot-call" not in second.partition("</style>")[2]


def test_a_single_job_that_failed_is_open_and_others_are_not() -> None:
    alone = fold([submitted("r"), started("r"), failed("r")])
    below = family(1, started("r.0"), failed("r.0"))

    assert html(alone, now=NOW).count("<details open>") == 1
    assert html(below, "r.0", now=NOW).count("<details open>") == 1
    assert html(below, now=NOW).count("<details open>") == 1
    assert "<details open" not in html(fold([submitted("r")]), now=NOW)


def test_upper_levels_are_open_and_lower_ones_folded() -> None:
    ids = ["r"]
    for _ in range(4):
        ids.append(ids[-1] + ".0")
    tree = fold(submitted(job_id, spec=PLAN) for job_id in ids)

    page = html(tree, now=NOW)

    assert page.count("<details open>") == OPEN_LEVELS


def test_a_completed_job_with_many_children_is_folded_and_one_that_runs_is_not() -> None:
    ids = tuple(f"r.{number}" for number in range(FEW + 1))
    ended = family(FEW + 1, started(*ids), completed(*ids), completed("r", attempt=0))

    assert "<details open>" not in html(ended, now=NOW)
    assert "<details open>" in html(family(FEW + 1, started(*ids)), now=NOW)


def test_the_details_have_request_traceback_and_the_end_of_the_log() -> None:
    spec = JobSpec(title="task", description="Read <all> of it", function="tests:task")
    lines = tuple(LogLine(float(n), "info", f"line {n}.") for n in range(LOG_LINES_SHOWN + 5))
    log = Logged(id="r", attempt=1, lines=lines)
    tree = fold([submitted("r", spec=spec), started("r"), log, failed("r")])

    page = html(tree, now=NOW)

    assert "<p>Original request</p><pre>Read &lt;all&gt; of it</pre>" in page
    assert "<p>Traceback</p><pre>Traceback: line 3\nValueError: broken</pre>" in page
    assert "info: line 4." not in page
    assert "info: line 5." in page


def test_a_job_that_has_not_begun_has_no_bar() -> None:
    tree = fold([submitted("r", spec=PLAN), submitted("r.0"), waiting("r"), started("r.0")])

    assert "<progress" in html(tree, "r.0", now=NOW)
    assert "<progress" not in html(fold([submitted("r")]), now=NOW)
    tree.apply(completed("r.0"))
    assert "<progress" not in html(tree, "r.0", now=NOW)


def test_a_page_has_at_most_as_many_lines_as_asked() -> None:
    page = html(family(500), now=NOW, most=20)

    assert page.count("<li") <= 20
    assert "more: " in page


def test_every_tag_that_is_opened_is_closed() -> None:
    tree = family(60, started("r.0"), failed("r.1"), submitted("r.0.0", "r.0.1"))

    page = html(tree, now=NOW)

    for tag in ("div", "ul", "li", "details", "summary", "span", "dl", "pre"):
        assert len(re.findall(f"<{tag}[ >]", page)) == page.count(f"</{tag}>"), tag
