"""A list of jobs, and a plan before it runs, as a notebook shows them."""

from decimal import Decimal
from typing import Any

import pytest

from parrot_async import Plan, job
from parrot_async.jobs.plan import Step
from parrot_async.model.models import JobStatus
from parrot_async.model.rows import RootRow
from parrot_async.report import tables
from parrot_async.report.steps import FIRST, TOTAL
from parrot_async.report.tables import RootRows
from tests.unit.report.test_report import HOSTILE, Elements


@job
def read(page: Any, **others: Any) -> None:
    pass


def row(job_id: str = "a", title: str = "Read all", **more: Any) -> RootRow:
    return RootRow(job_id, title, "docs:read", "ingest", JobStatus.COMPLETED, 1_700_000_000, **more)


def test_jobs_are_listed_as_a_table_and_are_a_list_of_rows() -> None:
    rows = RootRows(
        [row(completed_at=1_700_000_003.0), row("bcd", error="broken\nhere", cost=Decimal("0.2"))]
    )

    head, first, second = str(rows).splitlines()
    cells = Elements(rows._repr_html_()).words

    assert head.split() == ["Job", "Submitted", "State", "Took", "Cost", "Title", "Error"]
    assert first.split()[0] == "a"
    assert "✔ completed  3.0s" in first
    assert first.endswith("Read all")
    assert second.endswith("$0.20  Read all  broken here")
    assert first.index("Read all") == second.index("Read all") == head.index("Title")
    assert {"a", "bcd", "3.0s", "$0.20", "broken here"} <= set(cells)
    assert rows[1].id == "bcd"
    assert rows == [*rows]


def test_columns_without_a_word_are_left_out_and_no_jobs_are_said_to_be_none() -> None:
    assert str(RootRows([row()])).splitlines()[0].split() == ["Job", "Submitted", "State", "Title"]
    assert str(RootRows()) == "No jobs."
    assert RootRows()._repr_html_() == "<p>No jobs.</p>"


def test_of_many_jobs_the_first_hundred_are_shown() -> None:
    rows = RootRows(row(f"job{number}") for number in range(10_000))

    lines, page = str(rows).splitlines(), rows._repr_html_()

    assert len(lines) == 102
    assert lines[-1] == "… and 9,900 more"
    assert page.count("<tr>") == 101
    assert "… and 9,900 more" in page


@pytest.mark.parametrize("words", HOSTILE)
def test_no_words_of_a_user_add_anything_to_a_table(words: str) -> None:
    harmless = RootRows([row(error="harmless")])

    rows = RootRows([row(title=words, error=words)])

    assert Elements(rows._repr_html_()).shape == Elements(harmless._repr_html_()).shape
    assert len(str(rows).splitlines()) == 2
    assert "\x1b" not in str(rows)


def test_a_table_of_nothing_has_no_lines() -> None:
    assert tables.text(("Job",), []) == ""


def shown(plan: Plan) -> tuple[list[str], Elements]:
    bundle = plan._repr_mimebundle_()
    return bundle["text/plain"].splitlines(), Elements(bundle["text/html"])


def test_a_plan_is_shown_as_an_outline_of_its_steps() -> None:
    pages = Plan("Pages", [read.bind(1), read.options(title="Two").bind(2)], sequential=True)

    lines, page = shown(Plan("Book", [pages, read.bind("end", of=3)]))

    assert lines == [
        "Book: 2 steps together",
        "  Pages: 2 steps in order",
        "    read: 1",
        "    Two: 2",
        "  read: 'end', of=3",
    ]
    assert page.depth == 0
    assert [tag for tag, _ in page.shape if tag in ("ul", "/ul")] == [*["ul"] * 3, *["/ul"] * 3]
    assert [tag for tag, _ in page.shape].count("li") == 5
    assert " 2 steps in order" in page.words


def test_a_plan_of_thousands_of_steps_is_cut_short_and_counted() -> None:
    inner = [Plan(f"part {number}", [read.bind(0)] * 3_000) for number in range(50)]

    lines, page = shown(Plan("Book", inner))

    assert len(lines) == TOTAL + 1
    assert lines[FIRST + 2] == f"    … and {3_000 - FIRST:,} more"
    assert lines[-1].strip() == "…: and more"
    assert page.depth == 0


@pytest.mark.parametrize("words", HOSTILE)
def test_no_words_of_a_user_add_anything_to_a_plan(words: str) -> None:
    def written(said: str) -> Plan:
        steps: list[Step | Plan] = [read.options(title=said).bind(said), Plan(said, [read.bind(1)])]
        return Plan(said, steps)

    plain_lines, plain_page = shown(written("harmless"))

    lines, page = shown(written(words))

    assert page.shape == plain_page.shape
    assert len(lines) == len(plain_lines)
    assert not any("\x1b" in one for one in lines)
