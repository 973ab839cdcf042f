"""One job as one bar: by tqdm, or by rich where that is not installed."""

import pytest

from parrot_async.model.events import Event
from parrot_async.model.tree import fold
from parrot_async.report import bar as bars
from parrot_async.report.bar import bar
from tests.unit.stories import completed, failed, progressed, started, submitted

HOSTILE = "[red]<b>\x1b[31m title"


@pytest.fixture(params=["tqdm", "rich"])
def library(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    if request.param == "rich":
        monkeypatch.setattr(bars, "find_spec", lambda _: None)
    return str(request.param)


def test_a_bar_shows_how_far_the_job_is_and_what_it_does(
    library: str, capsys: pytest.CaptureFixture[str]
) -> None:
    begun: list[Event] = [submitted("r"), started("r"), progressed("r", percent=40, step="reading")]

    with bar("task") as draw:
        draw(fold(begun)["r"])
        draw(fold([*begun, completed("r")])["r"])

    shown = "".join(capsys.readouterr())
    assert "100%" in shown
    assert "completed" in shown


def test_a_bar_of_a_failed_job_says_so(library: str, capsys: pytest.CaptureFixture[str]) -> None:
    with bar("task") as draw:
        draw(fold([submitted("r"), started("r"), failed("r")])["r"])

    assert "failed" in "".join(capsys.readouterr())


def test_a_hostile_title_stays_text(library: str, capsys: pytest.CaptureFixture[str]) -> None:
    with bar(HOSTILE) as draw:
        draw(fold([submitted("r"), started("r")])["r"])

    shown = "".join(capsys.readouterr())
    assert "[red]<b>" in shown
    assert "\x1b[31m title" not in shown
