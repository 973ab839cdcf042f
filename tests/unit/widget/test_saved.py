"""What is saved of a view is static, bounded and harmless."""

import pytest

from parrot_async.model.tree import fold
from parrot_async.view.protocol import Row
from parrot_async.widget.saved import ROWS, SavedOutput, panel_bundle, tree_bundle
from tests.unit.stories import completed, family, started, submitted

MINUTE: Row = {"id": "m1", "title": "a", "status": "waiting_for_children", "created": 60.0}


def test_a_tree_is_saved_as_html_and_as_text() -> None:
    tree = family(2, started("r.0", "r.1"), completed("r.0", "r.1"), completed("r", attempt=0))

    bundle = tree_bundle(tree, "r")

    assert bundle["text/html"].startswith('<div class="parrot-static">')
    assert "2 completed" in bundle["text/html"]
    assert bundle["text/plain"].count("\n") == 2
    assert "attach" not in bundle["text/html"]


def test_a_job_that_runs_is_saved_with_the_code_that_shows_it_live() -> None:
    tree = fold([submitted("r"), started("r")])

    assert "await client.attach(&#x27;r&#x27;)" in tree_bundle(tree, "r")["text/html"]


def test_a_tree_that_is_not_here_is_saved_as_its_id() -> None:
    assert tree_bundle(None, "q.1") == {"text/plain": "<job q.1>"}


def test_a_big_tree_is_saved_in_few_lines() -> None:
    tree = family(2_000)

    assert tree_bundle(tree, "r")["text/html"].count("<li") <= ROWS


def test_jobs_are_saved_as_a_table_with_times_in_utc_and_states_in_words() -> None:
    rows: list[Row] = [{**MINUTE, "title": "<b>", "cost": "0.10", "error": "a <i>"}]

    bundle = panel_bundle(rows)

    assert "<td>1970-01-01 00:01:00+00:00</td>" in bundle["text/html"]
    assert "<td>waiting for children</td>" in bundle["text/html"]
    assert "<td>$0.10</td>" in bundle["text/html"]
    assert "<td>&lt;b&gt;</td>" in bundle["text/html"]
    assert "<i>" not in bundle["text/html"]
    assert bundle["text/plain"].startswith("<b>  waiting for children")


def test_of_many_jobs_the_newest_are_saved() -> None:
    rows: list[Row] = [{**MINUTE, "id": f"m{number}"} for number in range(ROWS + 50)]

    bundle = panel_bundle(rows)

    assert bundle["text/html"].count("<tr>") == ROWS + 1
    assert f"<td>m{ROWS}</td>" not in bundle["text/html"]


def test_a_saved_output_is_updated_under_its_name_once_it_was_shown(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    calls: list[tuple[str, dict[str, str], dict[str, object]]] = []
    for name in ("display", "update_display"):
        monkeypatch.setattr(
            f"parrot_async.widget.saved.{name}",
            lambda bundle, name=name, **how: calls.append((name, bundle, how)),
        )
    saved, first, second = SavedOutput("parrot-1"), {"text/plain": "1"}, {"text/plain": "2"}

    saved.update(first)
    saved.show(first)
    saved.update(second)

    how = {"raw": True, "display_id": "parrot-1"}
    assert calls == [("display", first, how), ("update_display", second, how)]
