"""Of a big tree the first, failed and running jobs get a line; the others are counted."""

import pytest

from parrot_async.model.models import JobStatus
from parrot_async.model.tree import JobTree, fold
from parrot_async.report.outline import Outline, Rest, outline
from tests.unit.stories import PLAN, completed, failed, family, started, submitted


def shown(top: Outline) -> list[str]:
    """The ids of the jobs that have a line, in order."""
    return [here.node.id for here, _ in top.walk() if isinstance(here, Outline)]


def many(children: int, *, fails: int, runs: int) -> JobTree:
    """A plan whose last children run, those before failed, and whose others completed."""
    ids = [f"r.{number}" for number in range(children)]
    running, failing = ids[children - runs :], ids[children - runs - fails : children - runs]
    done = ids[: children - runs - fails]
    return family(children, started(*ids), failed(*failing), completed(*done), started(*running))


def test_a_small_tree_is_shown_whole_with_its_levels() -> None:
    tree = family(2, submitted("r.0.0"))

    lines = [
        (here.node.id, level) for here, level in outline(tree).walk() if isinstance(here, Outline)
    ]

    assert lines == [("r", 0), ("r.0", 1), ("r.0.0", 2), ("r.1", 1)]


def test_first_failed_and_running_children_are_shown_in_their_own_order() -> None:
    tree = many(100, fails=2, runs=2)

    top = outline(tree, first=3, notable=10)

    assert shown(top) == ["r", "r.0", "r.1", "r.2", "r.96", "r.97", "r.98", "r.99"]
    assert top.rest == Rest({JobStatus.COMPLETED: 93}, alone=False)
    assert top.rest.count == 93


def test_failures_leave_half_of_the_lines_to_what_runs() -> None:
    tree = many(200, fails=100, runs=50)

    top = outline(tree, first=0, notable=100, total=21)
    statuses = [child.node.status for child in top.children]

    assert 0 < statuses.count(JobStatus.FAILED) <= 10
    assert statuses.count(JobStatus.RUNNING) > 0


def test_a_parent_of_failures_counts_as_one() -> None:
    groups = tuple(f"r.{number}" for number in range(50))
    tree = fold([submitted("r", spec=PLAN), submitted(*groups, spec=PLAN)])
    tree.apply(submitted("r.40.0"))
    tree.apply(failed("r.40.0"))

    assert "r.40" in shown(outline(tree, first=2, notable=5))


def test_children_of_which_none_is_shown_are_counted_as_alone() -> None:
    top = outline(family(30), first=0, notable=0)

    assert top.children == []
    assert top.rest == Rest({JobStatus.QUEUED: 30}, alone=True)


def test_an_outline_may_begin_at_any_job() -> None:
    tree = family(3, submitted("r.1.0"))

    assert shown(outline(tree, "r.1")) == ["r.1", "r.1.0"]


@pytest.mark.parametrize("total", [1, 2, 3, 10, 57])
def test_an_outline_has_at_most_the_lines_that_were_asked_for(total: int) -> None:
    tree = many(300, fails=20, runs=20)

    lines = list(outline(tree, total=total).walk())

    assert len(lines) <= max(total, 2)  # the job itself, and the count of all below it


def test_a_tree_of_many_levels_stays_within_the_total() -> None:
    plans = tuple(f"r.{number}" for number in range(100))
    tasks = [submitted(*(f"{plan}.{number}" for number in range(100))) for plan in plans]
    tree = fold([submitted("r", spec=PLAN), submitted(*plans, spec=PLAN), *tasks])

    lines = list(outline(tree, total=300).walk())

    assert len(lines) <= 300
    shown = sum(isinstance(here, Outline) for here, _ in lines)
    hidden = [here.count for here, _ in lines if isinstance(here, Rest)]
    assert hidden[0] > 0
    assert shown > 100
