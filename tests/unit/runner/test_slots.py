"""Who gets a slot: jobs that go on after a wait before new ones, and each slot once."""

from dataclasses import dataclass

from parrot_async.runner.slots import Slots


@dataclass(eq=False)
class Waiter:
    """A job that waits for a slot."""

    name: str
    dropped: bool = False
    has_slot: bool = False

    def take_slot(self) -> None:
        self.has_slot = True


def slots_of(count: int) -> tuple[Slots[Waiter], list[str]]:
    started: list[str] = []
    slots: Slots[Waiter] = Slots(count, lambda some: started.extend(one.name for one in some))
    return slots, started


def waiters(names: str) -> list[Waiter]:
    return [Waiter(name) for name in names]


def test_as_many_start_as_there_are_slots_and_the_first_come_first() -> None:
    slots, started = slots_of(2)

    a, b, c = some = waiters("abc")
    slots.add(some)

    assert started == ["a", "b"]
    assert [a.has_slot, b.has_slot, c.has_slot] == [True, True, False]


def test_a_freed_slot_starts_the_next_in_the_queue() -> None:
    slots, started = slots_of(1)
    slots.add(waiters("abc"))

    slots.free()

    assert started == ["a", "b"]


def test_who_hands_a_slot_on_starts_the_next_itself() -> None:
    slots, started = slots_of(1)
    slots.add(waiters("ab"))

    found = slots.hand_on()

    assert found is not None
    assert found.name == "b"
    assert started == ["a"]


def test_a_slot_that_nobody_wants_is_free_for_who_comes_later() -> None:
    slots, started = slots_of(1)
    slots.add(waiters("a"))

    handed = slots.hand_on()
    slots.add(waiters("b"))

    assert handed is None
    assert started == ["a", "b"]


def test_what_was_dropped_while_it_waited_never_starts() -> None:
    slots, started = slots_of(1)
    _, b, _ = some = waiters("abc")
    slots.add(some)

    b.dropped = True
    slots.free()

    assert started == ["a", "c"]
    assert not b.has_slot


def test_a_job_that_goes_on_needs_not_wait_for_a_free_slot() -> None:
    slots, started = slots_of(2)
    slots.add(waiters("a"))

    request = slots.request()
    slots.add(waiters("b"))

    assert request is None
    assert started == ["a"]


def test_a_job_that_goes_on_comes_before_the_queue() -> None:
    slots, started = slots_of(1)
    slots.add(waiters("ab"))
    request = slots.request()

    slots.free()

    assert request is not None
    assert request.done()
    assert started == ["a"]


def test_jobs_that_go_on_get_slots_in_the_order_of_their_requests() -> None:
    slots, _ = slots_of(1)
    slots.add(waiters("a"))
    first, second = slots.request(), slots.request()

    slots.free()

    assert first is not None
    assert second is not None
    assert (first.done(), second.done()) == (True, False)


def test_a_withdrawn_request_gets_nothing() -> None:
    slots, started = slots_of(1)
    slots.add(waiters("ab"))
    request = slots.request()
    assert request is not None

    slots.withdraw(request)
    slots.free()

    assert not request.done()
    assert started == ["a", "b"]


def test_a_request_that_is_withdrawn_too_late_frees_the_slot_that_it_got() -> None:
    slots, started = slots_of(1)
    slots.add(waiters("ab"))
    request = slots.request()
    assert request is not None
    slots.free()

    slots.withdraw(request)

    assert request.done()
    assert started == ["a", "b"]
