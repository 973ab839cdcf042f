"""Workers as pools see them: how busy they are, and who gets the next attempt."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from parrot_async.model.models import JobSpec, Queue
from parrot_async.service.engine.pools import (
    FLOOR,
    LOOKAHEAD,
    QUICK,
    Durations,
    Member,
    Pool,
    missing,
    pool_of,
)


def pool(*slots: int) -> Pool:
    members = {f"w{n}": Member(f"w{n}", count) for n, count in enumerate(slots)}
    return Pool("cpu", members)


@given(st.lists(st.tuples(st.integers(1, 4), st.floats(0, 10)), max_size=20))
def test_what_was_taken_can_be_freed_to_nothing(attempts: list[tuple[int, float]]) -> None:
    member = Member("w", 2)

    for taken in [member.take(slots, expected) for slots, expected in attempts]:
        taken.free()

    assert (member.attempts, member.taken, member.backlog) == (0, 0, 0.0)


def test_the_next_attempt_goes_to_the_least_loaded_worker() -> None:
    workers = pool(2, 2, 2)
    workers.members["w0"].take(1, 1.0)
    workers.members["w1"].away = True
    workers.members["w2"].stuck = True

    assert workers.least_loaded().address == "w0"


def test_among_full_workers_the_one_that_is_done_first_is_the_least_loaded() -> None:
    workers = pool(1, 1)
    workers.members["w0"].take(1, 0.03)
    workers.members["w1"].take(1, 0.01)

    assert workers.least_loaded().address == "w1"


def test_an_end_of_an_attempt_makes_a_worker_unstuck() -> None:
    member = Member("w", 1)
    taken = member.take(1, 1.0)
    member.stuck = True

    taken.free()

    assert not member.stuck


def test_slow_and_unknown_jobs_wait_for_a_free_slot() -> None:
    workers = pool(1)
    free = workers.admits(1, None), workers.admits(1, 60.0)
    workers.members["w0"].take(1, 60.0)

    assert free == (True, True)
    assert not workers.admits(1, None)
    assert not workers.admits(1, QUICK * 2)


def test_quick_jobs_are_sent_ahead_of_a_free_slot_for_a_while() -> None:
    workers, sent = pool(1), 0

    while workers.admits(1, LOOKAHEAD / 10):
        workers.members["w0"].take(1, LOOKAHEAD / 10)
        sent += 1

    assert 2 <= sent <= 11


def test_a_job_of_many_slots_waits_until_all_are_free() -> None:
    workers = pool(1, 1)
    before = workers.admits(2, 0.001)
    taken = workers.members["w0"].take(1, 0.001)
    meanwhile = workers.admits(2, 0.001)

    taken.free()

    assert (before, meanwhile, workers.admits(2, 0.001)) == (True, False, True)


def test_no_slot_of_a_worker_that_is_away_is_free() -> None:
    workers = pool(1, 1)
    workers.members["w0"].away = True
    workers.members["w1"].take(1, 60.0)

    assert not workers.admits(1, None)
    assert not workers.members["w0"].has_room


def test_durations_follow_what_was_measured() -> None:
    durations = Durations()
    unknown = durations.expected("f")

    durations.observe("f", 1.0)
    first = durations.expected("f")
    durations.observe("f", 2.0)
    durations.observe("g", 0.0)

    assert (unknown, first) == (None, 1.0)
    assert durations.means() == {"f": pytest.approx(1.2), "g": FLOOR}


@pytest.mark.parametrize(
    ("spec", "queue", "label"),
    [
        (JobSpec(title="j"), Queue(name="q"), "cpu"),
        (JobSpec(title="j", is_async=True), Queue(name="q"), "io"),
        (JobSpec(title="j", is_async=True), Queue(name="q", pool="gpu"), "gpu"),
        (JobSpec(title="j", pool="big"), Queue(name="q", pool="gpu"), "big"),
    ],
)
def test_a_job_goes_to_the_pool_of_the_nearest_option(
    spec: JobSpec, queue: Queue, label: str
) -> None:
    assert pool_of(spec, queue) == label


def test_what_is_missing_is_said_with_what_there_is() -> None:
    pools = {"cpu": pool(2, 2)}

    nothing = missing(JobSpec(title="j", pool="cpu", slots=4), pools)
    no_pool = missing(JobSpec(title="j", pool="gpu"), pools)
    too_few = missing(JobSpec(title="j", pool="cpu", slots=5), pools)
    no_workers = missing(JobSpec(title="j", pool="cpu"), {})

    assert nothing is None
    assert no_pool is not None
    assert "no worker offers 'gpu'; this cluster has cpu (2 workers, 4 slots)" in no_pool
    assert "--resources 'gpu=1'" in no_pool
    assert too_few == "the job asks for 5 slots of 'cpu', and all its workers together have 4"
    assert no_workers is not None
    assert "this cluster has no workers" in no_workers
