"""The surroundings of a plainly called function: children run beside the caller."""

import threading

import pytest

from parrot_async.jobs.host import LocalHost
from parrot_async.jobs.progress import JobProgress
from parrot_async.model.models import Usage
from tests.unit.jobs.hosts import PATIENCE


async def doubled(number: int) -> int:
    return 2 * number


def divided(number: int) -> float:
    return 1 / number


def test_children_run_in_a_thread_of_their_own() -> None:
    accepted = LocalHost().submit(threading.get_ident, [((), {})]).result(0)

    outcome = accepted.ends[0].result(PATIENCE)

    assert outcome.value() != threading.get_ident()


def test_async_functions_run_to_their_end() -> None:
    accepted = LocalHost().submit(doubled, [((1,), {}), ((2,), {})]).result(0)

    values = [end.result(PATIENCE).value() for end in accepted.ends]

    assert values == [2, 4]


def test_an_error_is_the_outcome_of_its_call_only() -> None:
    accepted = LocalHost().submit(divided, [((0,), {}), ((2,), {})]).result(0)
    outcomes = [end.result(PATIENCE) for end in accepted.ends]

    with pytest.raises(ZeroDivisionError) as raised:
        outcomes[0].value()

    assert raised.value.__notes__ == ["in a local call"]
    assert outcomes[1].value() == 0.5


def test_a_local_child_can_be_cancelled_without_effect() -> None:
    accepted = LocalHost().submit(divided, [((1,), {})]).result(0)

    accepted.cancel(accepted.ids[0])

    assert accepted.ends[0].result(PATIENCE).value() == 1.0


def test_a_saved_state_is_what_is_restored() -> None:
    host = LocalHost()
    before = host.restored()

    host.save({"page": 3})

    assert before is None
    assert host.restored() == {"page": 3}


def test_nothing_holds_or_stops_a_plain_call_and_reports_go_nowhere() -> None:
    host = LocalHost()

    host.free_slot(paused=True)
    host.take_slot()
    host.progressed(JobProgress())
    host.spent(Usage(1, 1))

    assert host.held is None
    assert not host.stopped.done()
