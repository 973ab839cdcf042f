"""How a job ended, and what is raised of it."""

import sys
import traceback
from dataclasses import replace
from typing import Any, get_args

import pytest

from parrot_async.errors import (
    ErrorInfo,
    ErrorKind,
    JobCancelledError,
    JobError,
    JobFailedError,
    JobLostError,
    JobTimeoutError,
    ResultExpiredError,
)
from parrot_async.transport import results
from parrot_async.transport.outcome import RAISED, Outcome, error_info
from parrot_async.transport.pickling import dump_value
from parrot_async.transport.wire import INLINE


class SilentError(Exception):
    """An error whose text cannot be made."""

    def __str__(self) -> str:
        raise LookupError("no words")


class PickyError(Exception):
    """An error that is made of two arguments, and passes one on."""

    def __init__(self, what: str, why: str) -> None:
        super().__init__(what)
        self.why = why


def raised_by(outcome: Outcome) -> BaseException:
    """Return what the value raises."""
    with pytest.raises(BaseException) as raised:  # noqa: PT011 - the test looks at it
        outcome.value()
    return raised.value


def caught(exc: BaseException) -> BaseException:
    """Return the exception with a traceback, as a body's would have."""
    try:
        raise exc  # noqa: TRY301 - that gives it its traceback
    except BaseException as raised:  # noqa: BLE001 - any may be asked for
        return raised


def test_a_value_comes_back() -> None:
    assert Outcome.of({"a": 1}).value() == {"a": 1}
    assert Outcome.of(None).value() is None


def test_a_value_in_the_result_folder_comes_back_while_it_is_there(tmp_path: Any) -> None:
    url = results.write(str(tmp_path), "r.1.pickle", dump_value([1, 2]))
    outcome = Outcome("r", url=url)

    value = outcome.value()
    results.delete(url)

    assert value == [1, 2]
    assert isinstance(raised_by(outcome), ResultExpiredError)


def test_an_error_comes_back_as_itself_with_its_frames_and_a_note_of_the_job() -> None:
    error = caught(ValueError("on purpose"))
    outcome = Outcome("r.3", dump_value(error), error=error_info(error))

    raised = raised_by(outcome)

    assert type(raised) is ValueError
    assert str(raised) == "on purpose"
    assert raised.__notes__ == ["in job r.3"]
    assert "raise exc" in "".join(traceback.format_exception(raised))


def test_an_error_that_came_without_its_frames_has_the_traceback_as_a_note() -> None:
    info = ErrorInfo("exception", "on purpose", "ValueError", "Traceback (most recent call last)")
    outcome = Outcome("r.3", dump_value(ValueError("on purpose")), error=info)

    raised = raised_by(outcome)

    assert raised.__notes__ == ["in job r.3\nTraceback (most recent call last)"]


def test_an_error_of_a_plain_call_says_so() -> None:
    raised = raised_by(Outcome.of_error(caught(ValueError("here"))))

    assert raised.__notes__ == ["in a local call"]


def test_an_error_keeps_its_cause_with_the_frames_of_that() -> None:
    error = ValueError("outer")
    error.__cause__ = caught(OSError("inner"))
    outcome = Outcome.of_error(caught(error))

    raised = raised_by(outcome)

    assert isinstance(raised.__cause__, OSError)
    shown = "".join(traceback.format_exception(raised.__cause__))
    assert "in caught" in shown
    assert shown.endswith("OSError: inner\n")


def test_an_error_comes_back_whatever_its_class_is_made_of() -> None:
    error = caught(PickyError("what", "why"))
    outcome = Outcome("r", dump_value(error), error=error_info(error))

    raised = raised_by(outcome)

    assert isinstance(raised, PickyError)
    assert (raised.args, raised.why) == (("what",), "why")


def test_an_error_whose_class_is_not_here_is_a_job_error_with_its_text(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    error = caught(PickyError("what", "why"))
    outcome = Outcome("r", dump_value(error), error=error_info(error))
    monkeypatch.delattr(sys.modules[__name__], "PickyError")

    raised = raised_by(outcome)

    assert type(raised) is JobFailedError
    assert str(raised).startswith("job r: what\nTraceback")


@pytest.mark.parametrize("exc", [StopIteration(3), StopAsyncIteration()])
def test_what_would_end_the_callers_iteration_is_a_job_error(exc: Exception) -> None:
    outcome = Outcome.of_error(caught(exc))

    assert type(raised_by(outcome)) is JobFailedError


@pytest.mark.parametrize("exc", [SystemExit(3), KeyboardInterrupt()])
def test_what_would_end_the_callers_process_is_a_job_error(exc: BaseException) -> None:
    outcome = Outcome.of_error(caught(exc))

    assert type(raised_by(outcome)) is JobFailedError


@pytest.mark.parametrize(
    ("kind", "kind_of_error"),
    [("timeout", JobTimeoutError), ("lost", JobLostError), ("cancelled", JobCancelledError)],
)
def test_each_kind_of_end_has_its_error(kind: ErrorKind, kind_of_error: type[JobError]) -> None:
    info = ErrorInfo(kind, "so it was")

    raised = raised_by(Outcome("r", error=info))

    assert type(raised) is kind_of_error
    assert str(raised) == "job r: so it was"
    assert isinstance(raised, JobError)
    assert (raised.job_id, raised.info) == ("r", info)


def test_every_kind_of_end_raises_something() -> None:
    assert set(RAISED) == set(get_args(ErrorKind))


def test_a_job_that_did_not_fail_has_no_error() -> None:
    with pytest.raises(LookupError, match="job r did not fail"):
        Outcome("r", b"").exception()


def test_an_error_is_described_with_the_names_that_a_retry_may_be_on() -> None:
    info = error_info(caught(FileNotFoundError("gone")))

    assert (info.kind, info.message, info.type_name) == ("exception", "gone", "FileNotFoundError")
    assert info.bases == ("FileNotFoundError", "OSError", "Exception", "BaseException")


def test_an_error_without_words_is_described_by_its_type() -> None:
    assert error_info(ValueError()).message == "ValueError"
    assert error_info(SilentError()).message == "<SilentError, whose str raised LookupError>"


def test_a_description_has_an_end() -> None:
    info = error_info(caught(ValueError("x" * 100_000)))

    assert len(info.message) == 2000
    assert len(info.traceback) == 20_000


def test_an_error_that_passes_many_jobs_keeps_its_kind_and_names_the_first_and_the_last() -> None:
    error: BaseException = ValueError("broken")
    for level in range(500):
        info = replace(error_info(error), traceback="line\n" * 2_000)
        error = Outcome(f"job-{level}", dump_value(error), error=info).exception()

    assert isinstance(error, ValueError)
    assert error.__notes__[0].startswith("in job job-0")
    assert error.__notes__[-1].startswith("in job job-499")
    assert len(dump_value(error)) < INLINE
