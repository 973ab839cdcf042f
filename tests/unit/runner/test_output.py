"""What jobs warn is kept by each attempt, and the process's own filters stay as they were."""

import threading
import warnings
from collections.abc import Iterator
from contextvars import copy_context
from typing import Any, cast

import pytest

from parrot_async.jobs.context import JobContext, current_context
from parrot_async.model.models import LogLine
from parrot_async.runner.output import Output

Kept = list[tuple[JobContext, str]]


@pytest.fixture
def shown() -> Iterator[list[warnings.WarningMessage]]:
    """What the process itself shows, under no filters at all."""
    with warnings.catch_warnings(record=True) as shown:
        warnings.resetwarnings()
        yield shown


@pytest.fixture
def kept(shown: list[warnings.WarningMessage]) -> Iterator[Kept]:
    """The lines that jobs leave."""
    lines: Kept = []

    def keep(context: JobContext, line: LogLine) -> None:
        lines.append((context, line.text))

    output = Output(keep)
    output.install()
    yield lines
    output.remove()


def attempt(category: type[Warning] = UserWarning, times: int = 1) -> JobContext:
    """A job that warns, on a thread of its own."""
    context = JobContext(cast("Any", None))

    def body() -> None:
        current_context.set(context)
        for _ in range(times):
            warnings.warn("old recipe", category, stacklevel=1)

    thread = threading.Thread(target=copy_context().run, args=(body,))
    thread.start()
    thread.join()
    return context


def test_each_attempt_keeps_its_own_warnings_and_each_of_them_once(kept: Kept) -> None:
    first, second = attempt(times=3), attempt(times=3)

    assert kept == [(first, "UserWarning: old recipe"), (second, "UserWarning: old recipe")]


@pytest.mark.parametrize("action", ["default", "module", "once"])
def test_a_filter_that_shows_a_warning_once_does_so_in_each_attempt(action: Any) -> None:
    lines: list[LogLine] = []
    with warnings.catch_warnings():
        warnings.resetwarnings()
        warnings.filterwarnings("ignore", category=DeprecationWarning)
        warnings.filterwarnings(action, "old", DeprecationWarning)
        output = Output(lambda _, line: lines.append(line))
        output.install()

        attempt(DeprecationWarning)
        attempt(DeprecationWarning)
        output.remove()

    assert [line.text for line in lines] == ["DeprecationWarning: old recipe"] * 2


def test_what_is_ignored_stays_so_in_jobs(kept: Kept) -> None:
    warnings.simplefilter("ignore", UserWarning)

    attempt()

    assert kept == []


def test_outside_of_jobs_a_warning_is_shown_once_as_ever(
    kept: Kept, shown: list[warnings.WarningMessage]
) -> None:
    attempt()
    for _ in range(3):
        warnings.warn("old recipe", stacklevel=1)

    assert [str(one.message) for one in shown] == ["old recipe"]
    assert len(kept) == 1


def test_the_filters_are_left_as_they_were() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("default", DeprecationWarning)
        before = list(warnings.filters)
        output = Output(lambda *_: None)

        output.install()
        output.renew()
        during = list(warnings.filters)
        output.remove()

        assert [one for one in during if one in before] == before
        assert len(during) == len(before) + sum(one[0] == "default" for one in before) + 1
        assert warnings.filters == before
