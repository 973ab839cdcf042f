"""The picture of when which worker ran what."""

import re
from datetime import UTC, datetime
from xml.etree import ElementTree as ET

from parrot_async.errors import ErrorInfo
from parrot_async.model.models import JobSpec, JobStatus
from parrot_async.model.tree import JobTree, fold
from parrot_async.report.timeline import LANES, Timeline, bars
from tests.unit.stories import (
    BROKEN,
    PLAN,
    attempt_failed,
    completed,
    failed,
    family,
    requeued,
    started,
    submitted,
)

SVG = "{http://www.w3.org/2000/svg}"
NOW = datetime.fromtimestamp(20, UTC)
HOSTILE = '<img src=x onerror=alert(1)> "quoted" &amp; </svg><script>1</script>'


def drawn(tree: JobTree) -> ET.Element:
    """The picture, parsed: it is well-formed, whatever is in it."""
    return ET.fromstring(Timeline(tree, now=NOW).svg())  # noqa: S314 - we drew it ourselves


def rectangles(picture: ET.Element) -> list[tuple[float, float, float]]:
    """Left, top and width of the bars."""
    found = picture.iter(f"{SVG}rect")
    return [(float(r.attrib["x"]), float(r.attrib["y"]), float(r.attrib["width"])) for r in found]


def test_each_attempt_is_a_bar_with_how_it_ended() -> None:
    tree = fold(
        [
            submitted("r", spec=PLAN),
            submitted("r.0", "r.1", "r.2"),
            started("r.0", "r.1", at=1),
            attempt_failed("r.0", at=2),
            requeued("r.0", at=2),
            started("r.0", attempt=2, at=3),
            completed("r.0", attempt=2, at=5),
            failed("r.1", at=4, error=ErrorInfo("cancelled_by_parent", "its parent")),
            started("r.2", at=6),
        ]
    )

    made = bars(tree, now=20)

    assert [(bar.begin, bar.end, bar.status) for bar in made] == [
        (1, 4, JobStatus.CANCELLED),
        (1, 2, JobStatus.FAILED),
        (3, 5, JobStatus.COMPLETED),
        (6, None, JobStatus.RUNNING),
    ]
    assert made[0].worker == "127.0.0.1:40001"


def test_only_the_longest_attempts_are_kept_in_the_order_of_their_begin() -> None:
    ids = [f"r.{number}" for number in range(5)]
    tree = family(
        5, *(started(job_id, at=10 - n) for n, job_id in enumerate(ids)), completed(*ids, at=11)
    )

    assert [bar.begin for bar in bars(tree, most=2)] == [6, 7]


def test_bars_stand_where_and_as_wide_as_their_times_say() -> None:
    tree = family(2, started("r.0", at=0), completed("r.0", at=10), started("r.1", at=10))

    (first, second) = sorted(rectangles(drawn(tree)))

    assert first[2] == second[2]
    assert second[0] == first[0] + first[2]
    assert first[1] == second[1]


def test_what_runs_at_the_same_time_on_a_worker_stands_in_lines_below_each_other() -> None:
    tree = family(3, started("r.0", "r.1", "r.2", at=0), completed("r.0", "r.1", "r.2", at=10))

    tops = [top for _, top, _ in rectangles(drawn(tree))]

    assert len(set(tops)) == 3


def test_too_many_lines_are_counted() -> None:
    ids = [f"r.{number}" for number in range(LANES + 7)]

    picture = drawn(family(LANES + 7, started(*ids, at=0), completed(*ids, at=10)))

    assert len(rectangles(picture)) == LANES
    assert "… and 7 more" in "".join(picture.itertext())


def test_a_state_is_said_in_words_and_not_by_colour_alone() -> None:
    tree = family(2, started("r.0", "r.1", at=0), completed("r.0", at=10), failed("r.1", at=10))

    picture = drawn(tree)

    titles = [title.text or "" for title in picture.iter(f"{SVG}title")]
    assert {title.split(",")[0] for title in titles} == {"task: completed", "task: failed"}
    assert "✘ task" in [text.text for text in picture.iter(f"{SVG}text")]


def test_hostile_texts_stay_text() -> None:
    spec = JobSpec(title=HOSTILE)
    tree = fold([submitted("r", spec=spec), started("r", at=0), failed("r", error=BROKEN)])

    shown = Timeline(tree, now=NOW)._repr_html_()

    assert list(drawn(tree))
    assert not re.search(r"<(img|script)", shown)
    assert "&lt;img" in shown


def test_a_tree_of_which_nothing_ran_has_an_empty_picture() -> None:
    picture = drawn(family(2))

    assert rectangles(picture) == []
    assert repr(Timeline(family(2))) == "<timeline of 'plan': 0 attempts>"


def test_a_picture_may_be_of_a_part_of_the_tree() -> None:
    tree = family(2, started("r.0", "r.1", at=0), completed("r.0", "r.1", at=10))

    assert "1 attempts" in repr(Timeline(tree, "r.1"))
