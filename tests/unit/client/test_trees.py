"""The watched trees: who waits is woken once, by ends, by losses and by nothing else."""

import asyncio
import gc

import anyio
import pytest

from parrot_async.client.trees import Claim, WatchedTrees
from parrot_async.errors import DisconnectedError, InterruptedJobError, JobNotFoundError
from parrot_async.model.events import Event, Record, dump
from parrot_async.model.models import JobId, root_of
from parrot_async.transport.pickling import dump_value
from parrot_async.transport.wire import GOES_ON, INTERRUPTED
from tests.unit.stories import PLAN, completed, failed, started, submitted, waiting


class Told:
    """Trees that a test claims and tells of."""

    def __init__(self) -> None:
        self.trees = WatchedTrees()
        self.dropped: list[JobId] = []
        self.claims: dict[JobId, Claim] = {}
        self._seq = 0

    def claim(self, root_id: JobId) -> None:
        self.claims[root_id] = self.trees.claim(root_id, self.dropped.append)

    def tell(self, event: Event, *blobs: bytes | None) -> None:
        self._seq += 1
        ids = getattr(event, "ids", None) or (event.id,)  # type: ignore[union-attr]
        self.trees.take_in([(root_of(ids[0]), self._seq, Record(dump(event), blobs))])

    def mark(self, root_id: JobId, word: bytes) -> None:
        self.trees.take_in([(root_id, 0, Record(word))])


def plan(*ends: Event) -> Told:
    told = Told()
    told.claim("r")
    for event in (submitted("r", spec=PLAN), submitted("r.0", "r.1"), waiting("r"), *ends):
        told.tell(event)
    return told


def test_a_tree_is_kept_while_it_is_claimed() -> None:
    told = plan()

    assert told.trees.knows("r.1")
    assert not told.trees.knows("r.2")
    assert not told.trees.drop("r")


def test_a_tree_that_nobody_claims_may_be_dropped() -> None:
    told = plan()

    told.claims.clear()
    gc.collect()

    assert told.dropped == ["r"]
    assert told.trees.drop("r")
    with pytest.raises(JobNotFoundError, match="is not watched here"):
        told.trees.tree("r")


def test_the_same_claim_is_given_to_all_who_hold_it() -> None:
    told = plan()

    assert told.trees.claim("r", told.dropped.append) is told.claims["r"]


def test_trees_that_nobody_claimed_are_not_kept() -> None:
    told = Told()

    told.tell(submitted("r"))

    assert not told.trees.knows("r")


async def test_who_waits_is_woken_by_each_end_once() -> None:
    told = plan(completed("r.0"))
    ended: list[JobId] = []

    async def wait() -> None:
        ended.extend([job_id async for job_id in told.trees.ends(["r.0", "r.1", "r.0"])])

    async with anyio.create_task_group() as group:
        group.start_soon(wait)
        await anyio.sleep(0.01)
        told.tell(completed("r.1"))

    assert ended == ["r.0", "r.1"]


async def test_many_may_wait_for_one_job() -> None:
    told = plan()

    async with anyio.create_task_group() as group:
        for _ in range(3):
            group.start_soon(told.trees.ended, ["r.0"])
        await anyio.sleep(0.01)
        await asyncio.to_thread(told.tell, completed("r.0"))


async def test_who_stops_waiting_is_forgotten() -> None:
    told = plan()

    with anyio.move_on_after(0.01):
        await told.trees.ended(["r.0", "r.1"])

    assert told.trees._waiting == {}


async def test_a_lost_service_ends_all_waiting() -> None:
    told = plan()
    lost = DisconnectedError("the service is gone")

    async def wait() -> None:
        with pytest.raises(DisconnectedError, match="is gone"):
            await told.trees.ended(["r.0"])

    async with anyio.create_task_group() as group:
        group.start_soon(wait)
        await anyio.sleep(0.01)
        told.trees.lose(lost)

    assert told.trees.error is lost
    with pytest.raises(DisconnectedError):
        await told.trees.ended(["r.1"])


async def test_ends_that_came_before_the_loss_are_still_told() -> None:
    told = plan()
    waiter = told.trees.ends(["r.0", "r.1"])
    first = asyncio.ensure_future(anext(waiter))
    await anyio.sleep(0.01)

    told.tell(completed("r.0"))
    told.trees.lose(DisconnectedError("gone"))

    assert await first == "r.0"
    with pytest.raises(DisconnectedError):
        await anext(waiter)


async def test_who_waits_for_an_interrupted_tree_is_told_what_to_do() -> None:
    told = plan()
    told.mark("r", INTERRUPTED)

    with pytest.raises(InterruptedJobError, match=r"await client\.recover\(\)"):
        await told.trees.ended(["r.0"])


async def test_a_tree_that_goes_on_can_be_waited_for() -> None:
    told = plan(completed("r.0"))
    told.mark("r", INTERRUPTED)

    told.mark("r", GOES_ON)

    with anyio.fail_after(1):
        await told.trees.ended(["r.0"])


async def test_an_interrupted_tree_is_warned_of_once(caplog: pytest.LogCaptureFixture) -> None:
    told = plan()

    told.mark("r", INTERRUPTED)
    told.mark("r", INTERRUPTED)

    assert len(caplog.records) == 1


def test_values_come_with_their_ends() -> None:
    told = plan()

    told.tell(completed("r.0", "r.1"), dump_value(1), dump_value("two"))

    assert [told.trees.outcome(f"r.{n}").value() for n in (0, 1)] == [1, "two"]


def test_errors_come_with_their_ends() -> None:
    told = plan(failed("r.0"))

    error = told.trees.outcome("r.0").error

    assert error is not None
    assert error.message == "broken"


async def test_events_are_the_past_and_then_what_comes() -> None:
    told = plan()
    past: list[tuple[int, Event]] = [
        (1, submitted("r", spec=PLAN)),
        (2, submitted("r.0", "r.1")),
        (3, waiting("r")),
    ]
    seen: list[Event] = []

    async def page(after: int) -> list[tuple[int, Event]]:
        return [(seq, event) for seq, event in past if seq > after]

    async def read() -> None:
        claim = told.claims["r"]
        seen.extend([e async for e in told.trees.events("r", page, 1, claim)])

    async with anyio.create_task_group() as group:
        group.start_soon(read)
        await anyio.sleep(0.01)
        told.tell(started("r.0"))
        told.tell(completed("r"))

    assert seen == [submitted("r.0", "r.1"), waiting("r"), started("r.0"), completed("r")]


async def test_a_map_is_shown_when_all_of_its_jobs_are_here() -> None:
    told = Told()
    told.claim("r")
    told.tell(submitted("r", spec=PLAN))

    async with anyio.create_task_group() as group:
        group.start_soon(told.trees.shown, "r", 2)
        await anyio.sleep(0.01)
        told.tell(submitted("r.0"))
        told.tell(submitted("r.1"))

    assert len(told.trees.tree("r")) == 3
