"""What the service is told of a function, and which calls are refused at once."""

from functools import partial
from typing import Any

import pytest

from parrot_async import Priority, job
from parrot_async.errors import OptionsError
from parrot_async.jobs.options import Options
from parrot_async.jobs.spec import check_call, is_async, name_of, spec_of
from parrot_async.model.models import FailurePolicy, JobType
from parrot_async.transport.pickling import Call


@job(queue="slow", cpu=2, timeout="1m30s", retries=3, retry_on=(OSError, KeyError))
def work(number: int) -> int:
    return number + 1


async def later(number: int) -> int:
    return number


class Caller:
    """A callable object."""

    def __call__(self, number: int) -> int:
        return number


class AsyncCaller:
    """A callable object whose calls are awaited."""

    async def __call__(self, number: int) -> int:
        return number


def pair(left: int, right: int = 0) -> int:
    return left + right


def decorated(*args: int) -> int:
    return pair(*args)


decorated.__wrapped__ = pair  # type: ignore[attr-defined]


def only_named(*, title: str) -> str:
    return title


def test_options_become_what_the_service_is_told() -> None:
    spec = spec_of(work.options(priority=Priority.HIGH, result_ttl="7d", key="once"))

    assert (spec.queue, spec.pool, spec.slots, spec.timeout) == ("slow", "cpu", 2, 90.0)
    assert (spec.retry.retries, spec.retry.on) == (3, ("OSError", "KeyError"))
    assert (spec.priority, spec.result_ttl, spec.key) == (10, 7 * 86400.0, "once")
    assert (spec.title, spec.function) == ("work", "tests.unit.jobs.test_spec:work")
    assert not spec.is_async


def test_what_is_left_out_is_left_to_the_queue() -> None:
    spec = spec_of(later)

    assert (spec.queue, spec.pool, spec.slots) == ("default", "", 1)
    assert (spec.timeout, spec.priority, spec.key) == (None, None, None)
    assert (spec.job_type, spec.on_failure) == (JobType.TASK, FailurePolicy.IGNORE)


@pytest.mark.parametrize(
    "options",
    [
        {"timeout": "soon"},
        {"timeout": -1},
        {"cpu": 0},
        {"cpu": 1, "gpu": 1},
        {"colour": "red"},
        {"retries": -1},
        {"on_failure": "shrug"},
        {"job_type": "hobby"},
        {"weight": 0},
    ],
    ids=str,
)
def test_options_that_make_no_sense_are_refused_where_they_are_given(options: Options) -> None:
    with pytest.raises(ValueError, match=r".+"):
        job(**options)(later)


@pytest.mark.parametrize(
    ("fn", "name"),
    [
        (work, "tests.unit.jobs.test_spec:work"),
        (Caller.__call__, "tests.unit.jobs.test_spec:Caller.__call__"),
        (Caller(), "tests.unit.jobs.test_spec:Caller"),
        (partial(later, 1), "functools:partial"),
        (decorated, "tests.unit.jobs.test_spec:pair"),
        (len, "builtins:len"),
    ],
)
def test_a_function_is_named_by_its_module_and_qualified_name(fn: Any, name: str) -> None:
    assert name_of(fn) == name


@pytest.mark.parametrize(
    ("fn", "expected"),
    [
        (later, True),
        (job(later), True),
        (partial(later, 1), True),
        (AsyncCaller(), True),
        (AsyncCaller().__call__, True),
        (work, False),
        (Caller(), False),
        (len, False),
    ],
)
def test_functions_that_return_coroutines_are_told_apart(fn: Any, expected: bool) -> None:
    assert is_async(fn) is expected


@pytest.mark.parametrize("fn", [pair, job(pair), decorated])
@pytest.mark.parametrize("call", [((), {}), ((1, 2, 3), {}), ((1,), {"left": 1})])
def test_calls_that_do_not_fit_are_refused(fn: Any, call: Call) -> None:
    with pytest.raises(TypeError, match=r"pair\(left: int"):
        check_call(fn, call)


@pytest.mark.parametrize("fn", [pair, job(pair), decorated])
@pytest.mark.parametrize("call", [((1,), {}), ((1, 2), {}), ((1,), {"right": 1})])
def test_calls_that_fit_are_taken(fn: Any, call: Call) -> None:
    check_call(fn, call)


def test_a_builtin_without_a_signature_is_left_to_the_worker() -> None:
    check_call(dict, ((1, 2, 3), {}))


def test_an_option_among_the_arguments_is_shown_its_place() -> None:
    with pytest.raises(TypeError, match=r"Options go to the job itself: \.options\(timeout='2h'\)"):
        check_call(pair, ((1,), {"timeout": "2h"}))


def test_a_parameter_that_is_named_like_an_option_gets_no_such_hint() -> None:
    with pytest.raises(TypeError) as raised:
        check_call(only_named, ((1,), {"title": "a"}))

    assert "Options go" not in str(raised.value)


def test_what_is_no_function_is_refused() -> None:
    with pytest.raises(OptionsError, match="3 is no function: pass the function"):
        check_call(3, ((), {}))


def test_a_coroutine_is_refused_and_closed() -> None:
    # A coroutine that nobody awaits is a warning, and so an error here.
    coroutine = later(1)

    with pytest.raises(OptionsError, match="is no function"):
        check_call(coroutine, ((), {}))


@pytest.mark.parametrize(
    "wrong",
    [
        {"retries": -1},
        {"weight": float("nan")},
        {"weight": 0},
        {"title": "caf\udce9"},
        {"key": ""},
        {"key": "a\0"},
        {"queue": "\ud800"},
        {"priority": 10**30},
        {"description": "x" * 200_000},
        {"prompt": 3},
        {"max_depth": 0},
        {"max_jobs": 0},
        {"cpu": float("nan")},
        {"retry_delay": -1},
    ],
    ids=lambda wrong: str(wrong)[:30],
)
def test_an_option_that_makes_no_sense_is_refused_where_it_is_written(wrong: Any) -> None:
    with pytest.raises(OptionsError):
        job(**wrong)(pair)
