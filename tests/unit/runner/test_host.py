"""What a running job asks of its worker: its slot is freed once and taken once, states are kept."""

import asyncio
from concurrent.futures import Future
from pathlib import Path

import pytest

from parrot_async.errors import ResultExpiredError, SerializationError
from parrot_async.model import events
from parrot_async.model.models import Usage
from parrot_async.runner.execution import Execution
from parrot_async.runner.host import ExecutionHost
from parrot_async.runner.outbox import SAVES_INTERVAL
from parrot_async.transport.outcome import Outcome
from parrot_async.transport.pickling import dump_value
from parrot_async.transport.wire import INLINE, Value
from tests.unit.runner.attempts import BareRunner
from tests.unit.runner.clock import Clock


async def two(runner: BareRunner) -> tuple[Execution, Execution]:
    """The execution that has the one slot, and one that waits for it."""
    return await runner.execution(pow), await runner.execution(abs)


async def host_on(runner: BareRunner) -> ExecutionHost:
    """The host of an execution that has the one slot."""
    return (await runner.execution(pow)).host


async def test_a_job_that_waits_frees_its_slot_for_the_next() -> None:
    runner = BareRunner()
    first, second = await two(runner)

    first.host.free_slot()

    assert runner.started == [first, second]
    assert (first.host.has_slot, second.host.has_slot) == (False, True)
    assert [event.kind for event in runner.told()] == ["waiting"]


async def test_a_job_that_is_paused_is_told_as_such() -> None:
    runner = BareRunner()
    first, _ = await two(runner)

    first.host.free_slot(paused=True)

    assert [event.kind for event in runner.told()] == ["paused"]


async def test_a_job_that_waits_twice_at_once_frees_one_slot_and_takes_one() -> None:
    runner = BareRunner()
    first, _ = await two(runner)

    first.host.free_slot()
    first.host.free_slot()
    still_waits = first.host.take_slot()
    request = first.host.take_slot()

    assert still_waits is None
    assert request is not None
    assert not request.done()


async def test_a_job_takes_a_free_slot_at_once() -> None:
    runner = BareRunner()
    only = await runner.execution(pow)
    only.host.free_slot()

    request = only.host.take_slot()

    assert request is None
    assert only.host.has_slot


async def test_a_job_gives_its_slot_up_once() -> None:
    runner = BareRunner()
    only = await runner.execution(pow)

    given = only.host.give_up_slot(), only.host.give_up_slot()

    assert given == (True, False)


async def test_a_job_that_ends_while_it_asks_for_a_slot_withdraws_the_request() -> None:
    runner = BareRunner()
    first, second = await two(runner)
    first.host.free_slot()
    request = first.host.take_slot()
    assert request is not None

    had_slot = first.host.give_up_slot()
    runner.slots.free()

    assert not had_slot
    assert not request.done()
    assert second.host.has_slot


async def test_code_that_a_job_left_running_takes_no_slot() -> None:
    runner = BareRunner()
    only = await runner.execution(pow)
    only.host.free_slot()

    only.host.close()
    request = only.host.take_slot()

    assert request is None
    assert not only.host.has_slot


async def test_a_pause_holds_until_it_is_resumed() -> None:
    host = await host_on(BareRunner())

    host.pause()
    held = host.held
    host.pause()
    host.resume()
    host.resume()

    assert held is not None
    assert held.done()
    assert host.held is None


async def test_telling_a_job_to_stop_again_changes_nothing() -> None:
    host = await host_on(BareRunner())

    before = host.context.cancelled
    host.stop()
    host.stop()

    assert (before, host.context.cancelled) == (False, True)


async def test_what_a_job_reports_is_told_of_it() -> None:
    runner = BareRunner()
    host = await host_on(runner)

    host.context.progress(40)
    host.context.spend(Usage(input_tokens=3))

    progressed, spent = runner.told()
    assert isinstance(progressed, events.Progressed)
    assert (progressed.ids, progressed.percents) == (("a",), (40.0,))
    assert isinstance(spent, events.Spent)
    assert spent.usage.input_tokens == 3


async def test_a_small_state_travels_and_a_big_one_is_written(tmp_path: Path, clock: Clock) -> None:
    runner = BareRunner(tmp_path.as_uri())
    host = await host_on(runner)

    host.save("small")
    small = runner.outbox.flush()[0]
    clock.now += SAVES_INTERVAL
    await asyncio.to_thread(host.save, bytes(2 * INLINE))
    big = events.load(runner.outbox.flush()[0].body)

    assert small.blobs == (dump_value("small"),)
    assert isinstance(big, events.Checkpointed)
    assert big.urls == ((tmp_path / "a.1.checkpoint.pickle").as_uri(),)


async def test_a_state_that_cannot_be_pickled_is_refused() -> None:
    host = await host_on(BareRunner())

    with pytest.raises(SerializationError):
        host.save(i for i in [1])


async def test_a_later_attempt_finds_what_an_earlier_one_saved(tmp_path: Path) -> None:
    (tmp_path / "state").write_bytes(dump_value([1, 2]))
    gone = Value(None, (tmp_path / "gone").as_uri())
    far = Value(None, (tmp_path / "state").as_uri())
    near = Value(dump_value("near"))

    hosts = [
        (await BareRunner().execution(pow, states={"a": state})).host for state in (near, far, gone)
    ]

    assert hosts[0].restored() == "near"
    assert await asyncio.to_thread(hosts[1].restored) == [1, 2]
    with pytest.raises(ResultExpiredError):
        await asyncio.to_thread(hosts[2].restored)
    assert (await BareRunner().execution(pow)).host.restored() is None


async def test_children_are_open_until_they_are_accepted_and_have_ended() -> None:
    runner = BareRunner()
    host = await host_on(runner)
    end: Future[Outcome] = Future()

    without = host.open_children()
    host.submit(pow, [((2, 10), {})])
    until_accepted = host.open_children()
    runner.accept(host, end)
    until_ended = host.open_children()
    end.set_result(Outcome.of(1024))

    assert without is None
    assert until_accepted is not None
    assert until_accepted.done()
    assert until_ended is not None
    assert until_ended.done()
    assert host.open_children() is None
