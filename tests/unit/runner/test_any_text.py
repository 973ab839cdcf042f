"""Any text and any value of a user's, on its way from a job into the store and out again."""

import logging
import threading
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from parrot_async.errors import OptionsError
from parrot_async.jobs.context import JobContext, current_context, host_of
from parrot_async.model import events
from parrot_async.model.events import Record
from parrot_async.model.models import JobResult, LogLine
from parrot_async.runner.host import ExecutionHost
from parrot_async.runner.output import Output
from parrot_async.store import Commit, open_store
from parrot_async.transport.outcome import error_info
from parrot_async.transport.previews import preview
from parrot_async.transport.wire import pack, unpack
from tests.unit.runner.attempts import BareRunner

ANY_TEXT = st.text(st.characters(codec=None), max_size=30)
RAISED = [Exception, ValueError, SystemExit, KeyboardInterrupt, GeneratorExit, RecursionError]


class OddError(Exception):
    """A value, and an error, whose every text is the same, or raises."""

    def __init__(self, text: str, raised: type[BaseException] | None) -> None:
        self.text = text
        self.raised = raised

    def __str__(self) -> str:
        if self.raised is not None:
            raise self.raised
        return self.text

    __repr__ = __str__


ODD = st.builds(OddError, ANY_TEXT, st.none() | st.sampled_from(RAISED))


def in_a_job(runner: BareRunner, body: Callable[[JobContext], object]) -> list[BaseException]:
    """Call a body as a job, on a thread of its own; what it raised."""
    context = ExecutionHost(runner, "a", 1, None).context
    raised: list[BaseException] = []

    def run() -> None:
        current_context.set(context)
        try:
            body(context)
        except BaseException as exc:  # noqa: BLE001 - as a runner would
            raised.append(exc)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    return raised


@pytest.fixture
def runner() -> Iterator[BareRunner]:
    """A runner that keeps what jobs print, log and warn."""
    runner = BareRunner()

    def keep(context: JobContext, line: LogLine) -> None:
        host = host_of(context)
        assert isinstance(host, ExecutionHost)
        runner.outbox.logged(host, line)

    with warnings.catch_warnings():
        warnings.resetwarnings()
        output = Output(keep)
        output.install()
        yield runner
        output.remove()


def stored(records: list[Record], folder: Path) -> list[str]:
    """The kinds of what a store gives back of records."""
    received = [unpack(pack(record)) for record in records]
    store = open_store(f"sqlite:///{folder / 'jobs.db'}")
    store.commit(Commit(events=[("a", record.body) for record in received]))
    found = [events.load(body) for _, body in store.events("a")][-len(received) :]
    store.close()
    return [event.kind for event in found]


WAYS: dict[str, Callable[[JobContext, Any], object]] = {
    "print": lambda _, text: print(text),  # noqa: T201
    "write": lambda _, text: print(text, end=""),  # noqa: T201
    "log": lambda _, text: logging.getLogger("odd").warning("%s", text),
    "level": lambda _, text: logging.getLogger("odd").log(41, text),
    "warn": lambda _, text: warnings.warn(text, stacklevel=1),
    "step": lambda job, text: job.step(text),
    "track": lambda job, text: list(job.track([1, 2], text)),
    "api": lambda job, text: job.spend(input_tokens=1, api=text),
}


@pytest.mark.parametrize("way", WAYS)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=30)
@given(text=ANY_TEXT)
def test_any_text_arrives_in_the_store(
    way: str, text: str, runner: BareRunner, tmp_path: Path
) -> None:
    raised = in_a_job(runner, lambda job: WAYS[way](job, text))
    records = runner.outbox.flush()

    assert raised == []
    assert b"\\u0000" not in b"".join(record.body for record in records)
    assert "attempt_failed" not in stored(records, tmp_path)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(value=ODD)
def test_any_error_and_any_value_end_their_attempt(
    value: OddError, runner: BareRunner, tmp_path: Path
) -> None:
    host = ExecutionHost(runner, "a", 1, None)

    def end(_: JobContext) -> None:
        runner.outbox.failed(host, error_info(value), None)
        runner.outbox.completed(host, JobResult(1, preview(value)), b"1")

    raised = in_a_job(runner, end)

    assert raised == []
    assert stored(runner.outbox.flush(), tmp_path) == ["completed", "attempt_failed"]


@pytest.mark.parametrize("cost", ["nan", "inf", "1e13", "much", "-1e13"])
def test_a_cost_that_nobody_can_pay_is_refused_in_the_jobs_own_line(
    cost: str, runner: BareRunner
) -> None:
    raised = in_a_job(runner, lambda job: job.spend(cost=cost))

    assert [type(one) for one in raised] == [OptionsError]
    assert runner.outbox.flush() == []


def test_a_total_that_is_no_number_is_refused_in_the_jobs_own_line(runner: BareRunner) -> None:
    raised = in_a_job(runner, lambda job: job.track([1], total=2.5))  # type: ignore[arg-type]

    assert [type(one) for one in raised] == [TypeError]
