"""What options mean, and which are refused."""

from functools import wraps
from types import SimpleNamespace
from typing import Any

import pytest

from parrot_async import job
from parrot_async.errors import OptionsError
from parrot_async.jobs.options import (
    Options,
    body_of,
    changed,
    check_known,
    depends_on,
    options_of,
    pool_and_slots,
    result_ttl,
    retry_policy,
    timeout,
)
from parrot_async.model.durations import Duration


def work() -> None:
    """Do nothing."""


def test_a_plain_function_has_no_options() -> None:
    assert options_of(work) == {}
    assert body_of(work) is work


def test_a_job_has_the_options_that_it_was_given() -> None:
    made = job(queue="slow")(work)

    assert options_of(made) == {"queue": "slow"}
    assert body_of(made) is work


def test_a_function_that_wraps_a_job_has_not_its_options() -> None:
    # `functools.wraps` copies the attributes of the job, its options among them.
    made = job(queue="slow")(work)

    @wraps(made)
    def wrapper() -> None:
        made()

    assert options_of(wrapper) == {}
    assert body_of(wrapper) is wrapper


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("retrys", "there is no option 'retrys': did you mean 'retries' or 'retry_on'"),
        ("colour", r"there is no option 'colour': they are queue, cpu, .*wait_for_workers"),
    ],
)
def test_an_unknown_option_is_refused_with_what_would_do(name: str, message: str) -> None:
    options: Any = {name: 1}

    with pytest.raises(OptionsError, match=message):
        check_known(options)


def test_known_options_pass() -> None:
    check_known(dict.fromkeys(Options.__annotations__))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("given", "new", "expected"),
    [
        ({"queue": "a", "cpu": 2}, {"queue": "b"}, {"queue": "b", "cpu": 2}),
        ({"queue": "a", "cpu": 2}, {"gpu": 1}, {"queue": "a", "gpu": 1}),
        ({"resources": {"tpu": 1}}, {"io": 3}, {"io": 3}),
        ({"gpu": 1}, {"resources": {"TPU": 4}}, {"resources": {"TPU": 4}}),
    ],
)
def test_new_options_replace_old_ones_and_one_pool_another(
    given: Options, new: Options, expected: Options
) -> None:
    before = dict(given)

    assert changed(given, new) == expected
    assert given == before


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, ("", 1)),
        ({"cpu": 4}, ("cpu", 4)),
        ({"gpu": 1}, ("gpu", 1)),
        ({"resources": {"TPU": 4}}, ("tpu", 4)),
        ({"resources": {"CPU": 2}, "cpu": 3}, ("cpu", 3)),
    ],
)
def test_a_job_asks_for_slots_of_one_pool(options: Options, expected: tuple[str, int]) -> None:
    assert pool_and_slots(options, "f") == expected


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"cpu": 1, "gpu": 1}, r"f asks for \['cpu', 'gpu'\]: a job runs in one pool"),
        ({"resources": {"a": 1, "b": 1}}, "a job runs in one pool"),
        ({"cpu": 0}, "f asks for cpu=0: at least 1 is needed"),
    ],
)
def test_slots_of_several_pools_or_of_none_are_refused(options: Options, message: str) -> None:
    with pytest.raises(OptionsError, match=message):
        pool_and_slots(options, "f")


@pytest.mark.parametrize(
    ("options", "expected"),
    [({}, None), ({"timeout": None}, 0.0), ({"timeout": "1m30s"}, 90.0), ({"timeout": 5}, 5.0)],
)
def test_no_timeout_given_is_not_the_same_as_no_timeout(
    options: Options, expected: float | None
) -> None:
    assert timeout(options) == expected


@pytest.mark.parametrize(("ttl", "expected"), [(None, None), ("7d", 7 * 86400.0), (60, 60.0)])
def test_a_result_is_kept_for_ever_or_for_so_long(
    ttl: Duration | None, expected: float | None
) -> None:
    assert result_ttl({"result_ttl": ttl}) == expected
    assert result_ttl({}) is None


def test_errors_to_retry_on_are_kept_by_name() -> None:
    policy = retry_policy(
        {"retries": 3, "retry_on": (OSError, KeyError), "retry_delay": "2s", "retry_longest": 9}
    )

    assert (policy.retries, policy.first, policy.longest) == (3, 2.0, 9.0)
    assert policy.on == ("OSError", "KeyError")
    assert retry_policy({"retry_on": OSError}).on == ("OSError",)
    assert retry_policy({}).retries == 0


def test_needed_jobs_are_handles_steps_or_ids() -> None:
    needy = job(depends_on=["a", SimpleNamespace(id="b")])(work)

    assert depends_on(needy) == ("a", "b")
    assert depends_on(work) == ()


@pytest.mark.parametrize("needed", [3, None, SimpleNamespace(id=None)])
def test_what_is_no_job_cannot_be_needed(needed: Any) -> None:
    with pytest.raises(OptionsError, match="depends_on takes handles or job ids"):
        depends_on(job(depends_on=[needed])(work))
