"""`current_job()`: what a body reports and asks for, and what it is outside of a job."""

from collections.abc import Callable
from concurrent.futures import Future
from decimal import Decimal
from types import SimpleNamespace

import anyio
import pytest

from parrot_async import JobContext, Usage, current_job, job
from parrot_async.errors import ErrorInfo, JobLostError
from parrot_async.jobs.children import Pending
from parrot_async.jobs.context import current_context, host_of
from parrot_async.jobs.slot import JobStopped
from parrot_async.transport.outcome import Outcome
from tests.unit.jobs.hosts import ControlledHost

NAMES = """
attempt cancelled checkpoint id map parent_id progress restored run spend step submit track
""".split()


@pytest.fixture
def host() -> ControlledHost:
    return ControlledHost()


@pytest.fixture
def here(host: ControlledHost) -> JobContext:
    return JobContext(host, "r.3", 2)


@job
def work(number: int) -> int:
    return number + 1


async def later(number: int) -> int:
    return number


def test_a_body_sees_only_these_names(here: JobContext) -> None:
    assert [name for name in dir(here) if not name.startswith("_")] == NAMES


def test_a_job_knows_its_place(here: JobContext) -> None:
    assert (here.id, here.attempt, here.parent_id, here.cancelled) == ("r.3", 2, "r", False)
    assert JobContext(ControlledHost(), "r").parent_id is None


def test_the_current_job_is_that_of_the_context(here: JobContext, host: ControlledHost) -> None:
    token = current_context.set(here)
    inside = current_job()
    current_context.reset(token)

    assert inside is here
    assert current_job() is not here
    assert host_of(here) is host


def test_steps_and_percents_are_reported(here: JobContext, host: ControlledHost) -> None:
    here.step("reading")
    here.progress(40)
    here.progress(400)

    assert [(percent, step) for percent, step, _ in host.reported] == [
        (0.0, "reading"),
        (40.0, "reading"),
        (100.0, "reading"),
    ]


def test_a_track_reports_in_the_name_of_the_job(here: JobContext, host: ControlledHost) -> None:
    for _ in here.track(["a", "b"], "outer"):
        list(here.track("xy"))

    assert [percent for percent, _, _ in host.reported] == [0, 0, 25, 50, 50, 50, 75, 100, 100]
    assert host.reported[-1] == (100.0, "outer", (2, 2))


@pytest.mark.parametrize("action", ["step", "progress", "checkpoint", "track", "submit"])
def test_every_report_is_a_checkpoint_where_a_stop_takes_effect(
    here: JobContext, host: ControlledHost, action: str
) -> None:
    actions: dict[str, Callable[[], object]] = {
        "step": lambda: here.step("late"),
        "progress": lambda: here.progress(1),
        "checkpoint": here.checkpoint,
        "track": lambda: list(here.track("a")),
        "submit": lambda: here.submit(work, 1),
    }
    host.stopped.set_result(None)

    with pytest.raises(JobStopped):
        actions[action]()

    assert here.cancelled
    assert (host.reported, host.calls) == ([], [])


def test_a_checkpoint_saves_its_state_even_none_and_then_stops(
    here: JobContext, host: ControlledHost
) -> None:
    here.checkpoint()
    here.checkpoint({"page": 1})
    restored = here.restored
    here.checkpoint(None)
    host.stopped.set_result(None)
    with pytest.raises(JobStopped):
        here.checkpoint("last")

    assert restored == {"page": 1}
    assert host.states == [{"page": 1}, None, "last"]


async def test_an_async_job_holds_at_a_checkpoint_that_it_awaits(
    here: JobContext, host: ControlledHost
) -> None:
    passed: list[str] = []
    host.pause()

    async def body() -> None:
        await here.checkpoint()
        passed.append("resumed")

    async with anyio.create_task_group() as group:
        group.start_soon(body)
        await anyio.wait_all_tasks_blocked()
        while_held = list(passed)
        host.resume()

    assert while_held == []
    assert passed == ["resumed"]


def test_spending_is_counted_in_tokens_and_exact_dollars(
    here: JobContext, host: ControlledHost
) -> None:
    here.spend(Usage(1, 2, Decimal("0.1"), "claude"))
    here.spend(SimpleNamespace(input_tokens=3, output_tokens=None), output_tokens=4, cost=0.1)
    here.spend(cost="0.30", api="search")

    assert host.spendings == [
        Usage(1, 2, Decimal("0.1"), "claude"),
        Usage(3, 4, Decimal("0.1")),
        Usage(0, 0, Decimal("0.30"), "search"),
    ]


async def test_a_submitted_child_is_pending_until_it_is_durable(
    here: JobContext, host: ControlledHost
) -> None:
    host.accepts = False
    pending = here.submit(later, 1)
    done_before = pending.done()

    host.accept()
    child = await pending

    assert not done_before
    assert child.id == "r.0"
    assert await pending is child
    assert not child.done()
    assert host.calls == [((1,), {})]


async def test_a_child_that_is_run_gives_its_result_or_its_error(
    here: JobContext, host: ControlledHost
) -> None:
    result = here.run(work, number=1)
    host.ends[0].set_result(Outcome.of(2))
    value = await result
    other = ControlledHost()
    lost = JobContext(other, "r").run(work, 2)
    other.ends[0].set_result(Outcome("r.0", error=ErrorInfo("lost", "its worker died")))

    assert value == 2
    assert host.calls == [((), {"number": 1})]
    with pytest.raises(JobLostError):
        await lost


async def test_a_child_that_is_run_ends_with_the_wait_for_it(
    here: JobContext, host: ControlledHost
) -> None:
    with anyio.move_on_after(0.01):
        await here.run(work, 1)

    assert host.cancelled == ["r.0"]


async def test_a_child_that_is_accepted_after_the_wait_for_it_ends_as_well(
    here: JobContext, host: ControlledHost
) -> None:
    host.accepts = False

    with anyio.move_on_after(0.01):
        await here.run(work, 1)
    before = list(host.cancelled)
    host.accept()

    assert (before, host.cancelled) == ([], ["r.0"])


async def test_a_child_that_was_refused_after_the_wait_for_it_is_nobodys(
    here: JobContext, host: ControlledHost
) -> None:
    host.accepts = False

    with anyio.move_on_after(0.01):
        await here.run(work, 1)
    host.accepting.set_exception(OSError("no space left"))

    assert host.cancelled == []


async def test_a_child_that_was_submitted_outlives_the_wait_for_it(
    here: JobContext, host: ControlledHost
) -> None:
    child = await here.submit(work, 1)

    with anyio.move_on_after(0.01):
        await child

    assert host.cancelled == []


async def test_children_of_a_map_outlive_the_wait_for_their_results(
    here: JobContext, host: ControlledHost
) -> None:
    children = await here.map(work, [1, 2])

    with anyio.move_on_after(0.01):
        await children.results()

    assert host.cancelled == []


async def test_a_job_that_stops_itself_leaves_its_children_to_the_service(
    here: JobContext, host: ControlledHost
) -> None:
    host.stopped.set_result(None)
    pending = Pending[int](Future(), host, None, host.submit(work, [((), {})]))

    with anyio.move_on_after(0.01):
        await pending

    assert host.cancelled == []


async def test_a_submission_that_is_refused_raises_where_it_is_awaited(
    here: JobContext, host: ControlledHost
) -> None:
    host.accepts = False
    refused = [here.submit(later, 1), here.run(later, 1), here.map(later, [1])]

    host.accepting.set_exception(OSError("no space left"))

    for pending in refused:
        with pytest.raises(OSError, match="no space left"):
            await pending


async def test_a_map_pairs_its_arguments_as_the_builtin_does(
    here: JobContext, host: ControlledHost
) -> None:
    children = await here.map(divmod, [7, 8, 9], [2, 3], strict=True)

    assert [child.id for child in children] == ["r.0", "r.1"]
    assert host.calls == [((7, 2), {"strict": True}), ((8, 3), {"strict": True})]


def test_outside_a_job_everything_is_harmless() -> None:
    here = current_job()
    here.step("nothing")
    here.progress(50)
    here.spend(input_tokens=3, cost="0.5")
    here.checkpoint("kept")

    tracked = list(here.track([1, 2], "counting"))
    doubled = here.map(work, tracked).result().results().result()

    assert tracked == [1, 2]
    assert doubled == [2, 3]
    assert (here.id, here.attempt, here.parent_id, here.cancelled) == ("", 1, None, False)
    assert here.restored == "kept"


async def test_outside_a_job_children_run_here_and_are_awaited_all_the_same() -> None:
    children = await current_job().map(later, [1, 2, 3])

    results = [await child async for child in children.as_completed()]

    assert sorted(results) == [1, 2, 3]
