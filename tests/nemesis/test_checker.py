"""The checker objects to each broken promise, and to nothing else."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from parrot_async.model.events import Event
from parrot_async.model.models import FailurePolicy, JobSpec
from tests.nemesis.checker import PROMISES, check
from tests.nemesis.history import Execution, History, Lapse
from tests.unit.stories import (
    BROKEN,
    LOST,
    PLAN,
    attempt_failed,
    cancelled,
    completed,
    failed,
    requeued,
    started,
    submitted,
    waiting,
)

TASK = JobSpec(title="task", function="tests:task", function_id="hash")
STRICT = PLAN.model_copy(update={"on_failure": FailurePolicy.COLLECT})

LOG: list[Event] = [
    submitted("r", spec=TASK),
    started("r"),
    submitted("r.0", "r.1", spec=TASK),
    waiting("r", attempt=1),
    started("r.0", "r.1"),
    completed("r.0"),
    attempt_failed("r.1", error=LOST),
    requeued("r.1", at=2),
    started("r.1", attempt=2, at=3),
    completed("r.1", attempt=2),
    completed("r"),
]


def good() -> History:
    """A parent with two children, one of which lost its worker."""
    ran = [("r", 1, 7), ("r.0", 1, 7), ("r.1", 1, 8), ("r.1", 2, 7)]
    return History(
        accepted=["r"],
        events={"r": list(LOG)},
        executions=[Execution(job_id, attempt, 0.0, pid) for job_id, attempt, pid in ran],
        results={"r": 3, "r.0": 1, "r.1": 2},
        expected={"r": 3},
        dead={8},
    )


def without(kind: str, job_id: str, *, last: bool = False) -> History:
    history = good()
    log = history.events["r"]
    found = [n for n, event in enumerate(log) if event.kind == kind and job_id in event.ids]  # type: ignore[union-attr]
    del log[found[-1 if last else 0]]
    return history


def with_event(at: int, *events: Event) -> History:
    history = good()
    log = history.events["r"]
    place = len(log) + 1 + at if at < 0 else at
    log[place:place] = events
    return history


def with_runs(*runs: tuple[str, int, int]) -> History:
    history = good()
    history.executions += [Execution(job_id, attempt, 0.0, pid) for job_id, attempt, pid in runs]
    return history


def of_plan(*ends: Event) -> History:
    log = [submitted("r", spec=STRICT), submitted("r.0", spec=TASK), *ends]
    return History(["r"], {"r": log}, [Execution("r.0", 1, 0.0, 7)], {"r.0": 1})


def lost_tree() -> History:
    return replace(good(), accepted=["r", "s"])


def unseen_tree() -> History:
    return with_runs(("r.5", 1, 7))


def wrong_value() -> History:
    return replace(good(), results={"r": 4, "r.0": 1, "r.1": 2})


def no_value() -> History:
    return replace(good(), results={"r": 3, "r.0": 1})


def without_lines_of(job_id: str) -> History:
    history = good()
    history.executions = [run for run in history.executions if run.job_id != job_id]
    return history


def unheard(pid: int) -> History:
    """The second attempt of "r.1" is the first that is heard of."""
    history = good()
    history.events["r"][4:9] = [started("r.0"), completed("r.0"), started("r.1", attempt=2)]
    history.executions[2] = Execution("r.1", 1, 0.0, pid)
    return history


def cut_off(batches: int) -> History:
    """The worker of an attempt lives, and its service was stopped."""
    return replace(good(), dead=(), lapse=Lapse({8}, batches))


BREACHES: list[tuple[str, Callable[[], History]]] = [
    ("accepted", lost_tree),
    ("accepted", unseen_tree),
    ("end", lambda: without("completed", "r")),
    ("end", lambda: without("completed", "r.0")),
    ("end", lambda: with_event(-1, completed("r.0"))),
    ("end", lambda: with_event(-1, failed("r"))),
    ("end", lambda: with_event(-2, cancelled("r.1"))),
    ("parent", lambda: with_event(-1, submitted("r.2", spec=TASK), cancelled("r.2"))),
    ("parent", lambda: with_event(2, submitted("r.7.0", spec=TASK), cancelled("r.7.0"))),
    ("parent", lambda: with_event(5, completed("r"))),
    (
        "parent",
        lambda: of_plan(
            started("r.0"), attempt_failed("r.0"), failed("r.0"), completed("r", attempt=0)
        ),
    ),
    ("body", lambda: without_lines_of("r.0")),
    ("body", lambda: replace(good(), executions=good().executions[:3])),
    ("result", wrong_value),
    ("result", no_value),
    ("fenced", lambda: with_event(-2, attempt_failed("r.1", error=BROKEN))),
    ("fenced", lambda: with_event(-1, started("r.0", attempt=2))),
    ("fenced", lambda: with_event(9, completed("r.1"))),
    ("again", lambda: with_runs(("r.0", 1, 7))),
    ("again", lambda: with_runs(("r.0", 2, 9))),
    ("again", lambda: without("attempt_failed", "r.1")),
    ("again", lambda: replace(good(), dead=())),
    ("again", lambda: unheard(7)),
    ("again", lambda: replace(good(), dead=(), causes=("another word",))),
    ("again", lambda: replace(good(), dead=(), lapse=Lapse({9}))),
    ("lease", lambda: cut_off(1)),
    ("processes", lambda: replace(good(), left=[9])),
]


def words(objections: list[str]) -> set[str]:
    return {text.partition(":")[0] for text in objections}


def test_a_history_that_keeps_all_promises_is_left_in_peace() -> None:
    assert check(good()) == []


def test_a_plan_whose_failed_child_failed_it_is_left_in_peace() -> None:
    history = of_plan(started("r.0"), attempt_failed("r.0"), failed("r.0"), failed("r"))

    assert check(history) == []


def test_a_retry_after_an_error_of_its_own_is_left_in_peace() -> None:
    history = good()
    history.events["r"][6] = attempt_failed("r.1", error=BROKEN)
    history.dead = ()

    assert check(history) == []


def test_an_attempt_that_is_explained_is_left_in_peace() -> None:
    explained = replace(good(), dead=(), causes=(LOST.message[:8],))

    assert check(explained) == []
    assert check(cut_off(0)) == []


def test_an_attempt_that_died_before_it_was_heard_of_is_left_in_peace() -> None:
    assert check(unheard(8)) == []


@pytest.mark.parametrize(("promise", "breach"), BREACHES)
def test_a_breach_is_objected_to(promise: str, breach: Callable[[], History]) -> None:
    objections = check(breach())

    assert promise in words(objections), objections


def test_every_promise_has_a_breach_that_is_objected_to() -> None:
    seen = set().union(*(words(check(breach())) for _, breach in BREACHES))

    assert seen == set(PROMISES)
