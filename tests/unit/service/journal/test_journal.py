"""The journal: what enters the tree, the store and the clients, and what stays in memory."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from parrot_async.model import events
from parrot_async.model.events import Checkpointed, Record, Submitted
from parrot_async.model.models import JobResult, JobSpec, JobStatus
from parrot_async.model.rows import RootRow
from parrot_async.service.journal import journal as module
from parrot_async.service.journal.ends import End
from parrot_async.service.journal.journal import part_of
from parrot_async.store import Commit, StoredResult
from parrot_async.transport.wire import Value
from tests.unit.service.journals import Bench, journal_on, write
from tests.unit.stories import (
    BROKEN,
    LOST,
    PLAN,
    attempt_failed,
    completed,
    progressed,
    started,
    submitted,
)

SHARED = JobSpec(title="shared", function="tests:shared", cache="c", result_ttl=60)
BODY = JobSpec(title="body", function="tests:body", function_id="f" * 64)


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Bench]:
    async with journal_on(tmp_path / "jobs.db") as bench:
        yield bench


def ended(preview: str = "42", at: float = 9) -> End:
    return End(at, result=JobResult(2, preview), blob=b"pickle")


async def test_a_submission_is_in_the_tree_and_the_store_when_it_is_accepted(bench: Bench) -> None:
    nodes = await bench.journal.accept(
        [(submitted("r", spec=PLAN), Commit()), (submitted("r.0", "r.1"), Commit())]
    )

    row = await bench.journal.recorder.read(lambda store: store.root("r"))

    assert [node.id for node in nodes] == ["r", "r.0", "r.1"]
    assert row == RootRow("r", "plan", "", "default", JobStatus.QUEUED, 0, owner="owner")
    assert [event.kind for event in await bench.stored()] == ["submitted", "submitted"]
    assert bench.journal.published("r") == 2


async def test_the_first_event_is_given_as_it_was_committed(bench: Bench) -> None:
    event = Submitted(
        at=1,
        spec=PLAN,
        ids=("r",),
        titles=("my title",),
        fingerprints=("f",),
        known_as=("old",),
        depends_on=("other",),
        origins=("old",),
        reuse=True,
        planning=True,
    )
    await bench.submit(event, submitted("r.0"))

    kept = await bench.journal.first_event("r")
    asked_again = await bench.journal.first_event("r")

    assert events.load(kept) == event
    assert asked_again == kept
    assert not bench.journal._first
    assert await bench.journal.first_event("unknown") == b""


async def test_a_first_event_that_nobody_asked_for_goes_with_its_tree(bench: Bench) -> None:
    await bench.submit(submitted("r"))

    bench.journal.forget("r")

    assert not bench.journal._first


async def test_ends_of_one_turn_are_few_events_in_their_order(bench: Bench) -> None:
    await bench.submit(submitted("r", spec=PLAN), submitted(*(f"r.{n}" for n in range(5))))
    journal = bench.journal

    journal.completed("r.0", 1, ended())
    journal.failed("r.1", End(9, error=BROKEN))
    journal.requeued("r.4", 20.0)
    journal.attempt_failed("r.4", 1, End(9, error=LOST))
    journal.attempt_failed("r.1", 1, End(9, error=BROKEN))
    journal.completed("r.2", 1, ended())
    journal.completed("r.3", 1, ended())

    kinds = [(event.kind, events.ids_of(event)) for event in (await bench.stored())[2:]]
    assert kinds == [
        ("attempt_failed", ("r.4", "r.1")),
        ("requeued", ("r.4",)),
        ("completed", ("r.0",)),
        ("failed", ("r.1",)),
        ("completed", ("r.2", "r.3")),
    ]
    assert [event.ids for event in bench.ended] == [("r.0",), ("r.1",), ("r.2", "r.3")]


async def test_an_event_of_several_trees_becomes_one_of_each(bench: Bench) -> None:
    await bench.submit(submitted("a"))
    await bench.submit(submitted("b"))
    event = completed("a", "b", "unknown")

    bench.journal.take(event, Record(events.dump(event), (b"of a", b"of b", b"of nobody")))

    stored = await bench.journal.recorder.read(lambda store: store.results(["a", "b", "unknown"]))
    assert stored == {"a": StoredResult(b"of a"), "b": StoredResult(b"of b")}
    assert [events.ids_of(event) for event in await bench.stored("b")] == [("b",), ("b",)]
    assert await bench.stored("unknown") == []


async def test_a_result_is_stored_with_its_time_and_remembered(bench: Bench) -> None:
    await bench.submit(submitted("r", spec=SHARED))
    bench.journal.shares("r", "content")

    bench.journal.completed("r", 1, ended(at=100))
    await bench.settle()

    read = bench.journal.recorder.read
    assert await read(lambda store: store.results(["r"], now=0)) == {
        "r": StoredResult(b"pickle", None, 160)
    }
    assert await read(lambda store: store.cached(["content"], 0)) == {"content": "r"}
    assert bench.journal.value("r") == Value(b"pickle")
    assert bench.journal.status("r") is JobStatus.COMPLETED


async def test_a_big_result_is_stored_as_its_url(bench: Bench) -> None:
    await bench.submit(submitted("r"))

    bench.journal.completed("r", 1, End(9, result=JobResult(10**9, "[...", "file:///r")))
    await bench.settle()

    stored = await bench.journal.recorder.read(lambda store: store.results(["r"]))
    assert stored == {"r": StoredResult(None, "file:///r")}
    assert bench.journal.value("r") == Value(None, "file:///r")


async def test_recent_results_are_dropped_when_they_take_too_much(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "KEPT_BYTES", 1000)
    await bench.submit(submitted("r", spec=PLAN), submitted("r.0", "r.1", "r.2"))

    for number in range(3):
        end = End(9, result=JobResult(), blob=bytes(200))
        bench.journal.completed(f"r.{number}", 1, end)
    await bench.settle()

    kept = [n for n in range(3) if bench.journal.value(f"r.{n}") is not None]
    assert kept == [1, 2]


async def test_a_failed_root_is_a_row_with_its_error(bench: Bench) -> None:
    await bench.submit(submitted("r"))

    bench.journal.failed("r", End(9, error=BROKEN))
    await bench.settle()

    row = await bench.journal.recorder.read(lambda store: store.root("r"))
    assert row is not None
    assert (row.status, row.error, row.completed_at) == (JobStatus.FAILED, "broken", 9)


async def test_states_go_to_the_store_and_not_to_the_clients(bench: Bench) -> None:
    await bench.submit(submitted("r"))
    bench.journal.take(started("r"), Record(events.dump(started("r"))))
    event = Checkpointed(ids=("r",), attempts=(1,), at=(2,), urls=(None,))

    bench.journal.take(event, Record(events.dump(event), (b"state",)))
    saved = await bench.journal.checkpoints.load(bench.journal.recorder, ["r"])
    await bench.settle()

    assert saved == {"r": Value(b"state")}
    assert [record.blobs for _, _, record in bench.watch.sent] == [(), (), ()]
    assert not bench.journal.checkpoints._unwritten


async def test_only_what_nobody_waits_for_is_published_as_soft(bench: Bench) -> None:
    await bench.submit(submitted("r"))
    for event in (started("r"), progressed("r", percent=50), attempt_failed("r")):
        bench.journal.take(event, Record(events.dump(event)))

    bench.journal.completed("r", 1, ended())
    await bench.settle()

    assert bench.watch.kinds() == [
        "submitted",
        "started",
        "progressed",
        "attempt_failed",
        "completed",
    ]
    assert bench.watch.soft == ["started", "progressed"]


async def test_what_is_asked_of_jobs_is_recorded(bench: Bench) -> None:
    await bench.submit(submitted("r", spec=PLAN))
    journal = bench.journal

    journal.waiting("r")
    journal.pause_changed(events.PauseRequested(ids=("r",), at=2))
    journal.cancel_requested("r")
    journal.presumed_started("r", 1, 3.0, "tcp://worker")
    journal.cancelled("r", End(9, error=LOST))

    kinds = [event.kind for event in await bench.stored()]
    assert kinds[1:] == ["waiting", "pause_requested", "cancel_requested", "started", "cancelled"]
    node = journal.node("r")
    assert node is not None
    assert (node.cancel_requested, node.worker) == (True, "tcp://worker")


async def test_the_results_of_a_plan_are_those_of_the_jobs_below_it(bench: Bench) -> None:
    await bench.submit(
        submitted("r", spec=PLAN), submitted("r.0", spec=PLAN), submitted("r.0.0", spec=BODY)
    )

    assert bench.journal.with_parts(["r", "unknown"]) == ["r", "r.0", "r.0.0", "unknown"]
    assert bench.journal.with_parts(["r.0.0"]) == ["r.0.0"]


async def test_trees_have_places_in_the_order_of_their_arrival(bench: Bench) -> None:
    order = [bench.journal.order_of(root_id) for root_id in ("a", "b", "a")]

    assert order == [1, 2, 1]


async def test_a_tree_of_another_service_is_read_again_until_it_has_ended(bench: Bench) -> None:
    read, journal = bench.journal.recorder.read, bench.journal
    await read(lambda store: write(store, submitted("r")))
    await journal.fetch("r")
    before = journal.is_foreign("r"), journal.status("r")

    await read(lambda store: write(store, completed("r")))
    await journal.fetch("r")

    assert before == (True, JobStatus.QUEUED)
    assert (journal.is_foreign("r"), journal.status("r")) == (False, JobStatus.COMPLETED)


async def test_an_unknown_tree_is_not_made(bench: Bench) -> None:
    await bench.journal.fetch("r")

    assert (bench.journal.node("r"), bench.journal.status("r")) == (None, None)
    assert not bench.journal.is_foreign("r")


async def test_an_adopted_tree_goes_on_with_its_numbers_and_contents(bench: Bench) -> None:
    first = Submitted(at=0, spec=SHARED, ids=("r",), fingerprints=("content",))
    await bench.journal.recorder.read(lambda store: write(store, first, owner="owner"))
    stored = await bench.journal.stored_tree("r")

    bench.journal.adopt(stored)
    published = bench.journal.published("r")
    bench.journal.completed("r", 1, ended(at=9e9))
    await bench.settle()

    cached = await bench.journal.recorder.read(lambda store: store.cached(["content"], 0))
    assert (published, bench.journal.published("r")) == (1, 2)
    assert cached == {"content": "r"}


async def test_the_trees_that_ended_longest_ago_leave_the_memory(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "KEPT_NODES", 3)
    for root_id in ("a", "b", "c"):
        await bench.submit(submitted(root_id), submitted(f"{root_id}.0"))
        bench.journal.completed(root_id, 0, ended())
        await bench.settle()

    in_memory = [root_id for root_id in ("a", "b", "c") if bench.journal.node(root_id)]

    assert in_memory == ["c"]


async def test_nothing_is_written_of_a_tree_that_was_forgotten(bench: Bench) -> None:
    await bench.submit(submitted("r"))
    bench.journal.forget("r")

    bench.journal.completed("r", 1, ended())

    assert [event.kind for event in await bench.stored()] == ["submitted"]


def test_a_part_of_a_record_has_the_values_of_its_jobs() -> None:
    event = completed("r.0", "r.1", "r.2")
    record = Record(events.dump(event), (b"0", b"1", b"2"))

    part, travels = part_of(event, record, [2, 0])

    assert events.ids_of(part) == ("r.2", "r.0")
    assert travels == Record(events.dump(part), (b"2", b"0"))
    assert part_of(event, record, [0, 1, 2]) == (event, record)
