"""The panel in a notebook: its rows travel as a state and as messages, and are saved as a table."""

from parrot_async.widget import JobsPanel
from tests.unit.views import World, heard, said, say, stored


def test_a_panel_opens_without_rows_and_without_a_question(world: World) -> None:
    panel = JobsPanel(world.source)

    (opened,) = said(panel)

    assert opened["snapshot"]["view"] == "panel"
    assert opened["snapshot"]["rows"] == []
    assert heard(panel) == []
    assert world.line.asked == []


def test_a_browser_that_says_hello_gets_the_jobs_and_then_what_changes(world: World) -> None:
    panel = JobsPanel(world.source)
    said(panel)

    say(panel, t="hello", rev=0)
    world.answer(panel.feed, stored("m1", "running"))
    first = heard(panel) + heard(panel)
    world.answer(panel.feed, stored("m1"))
    second = heard(panel) + heard(panel)

    assert [row["id"] for row in first[-1]["new"]] == ["m1"]
    assert second[-1]["set"] == [("m1", {"status": "completed"})]


def test_a_row_that_a_browser_opens_comes_with_its_tree(world: World) -> None:
    panel = JobsPanel(world.source)
    say(panel, t="hello", rev=0)

    full = say(panel, t="open", id="r")[-1]

    assert (full["t"], full["of"], len(full["snapshot"]["rows"])) == ("full", "r", 3)


def test_a_panel_is_saved_as_a_table(world: World, shown: list[tuple[str, dict[str, str]]]) -> None:
    panel = JobsPanel(world.source)
    say(panel, t="hello", rev=0)
    world.answer(panel.feed, stored("m1", title="<img src=x>"))
    panel.tick()
    panel.tick()

    panel.show()

    ((kind, bundle),) = shown
    assert kind == "shown"
    assert "<td>&lt;img src=x&gt;</td>" in bundle["text/html"]
    assert repr(panel) == "<panel of all jobs>"
