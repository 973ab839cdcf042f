"""The recorder: groups of events in their order, what is refused, and what is tried again."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Collection
from dataclasses import dataclass
from pathlib import Path

import pytest

from parrot_async.errors import (
    KeyTakenError,
    StoreError,
    StoreFullError,
    StoreLockedError,
    StoreUnsureError,
)
from parrot_async.model.events import Record
from parrot_async.model.models import JobId, JobStatus
from parrot_async.model.rows import RootRow
from parrot_async.service.journal import recorder as module
from parrot_async.service.journal.recorder import Entry, Recorder
from parrot_async.store import Commit
from parrot_async.store.sqlite import SQLiteStore


class Moody(SQLiteStore):
    """A store that counts its commits, and does before each what a test wants."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.commits: list[Commit] = []
        self.before: list[Callable[[], object]] = []
        """What happens before the next commits, one each."""

    def commit(self, batch: Commit) -> range:
        if self.before:
            self.before.pop(0)()
        numbers = super().commit(batch)
        self.commits.append(batch)
        return numbers


@dataclass
class Desk:
    """A recorder, its store, and what it told."""

    recorder: Recorder
    store: Moody
    published: list[Entry]
    taken: list[set[JobId]]

    def record(self, *bodies: str, root_id: JobId = "r") -> list[Entry]:
        entries = [entry(body, root_id) for body in bodies]
        self.recorder.record(*entries)
        return entries

    async def stored(self, root_id: JobId = "r") -> list[str]:
        found = await self.recorder.read(lambda store: store.events(root_id))
        return [body.decode() for _, body in found]


def entry(body: str, root_id: JobId = "r", rows: Commit | None = None) -> Entry:
    return Entry(root_id, Record(body.encode()), rows or Commit())


def root(job_id: JobId) -> RootRow:
    return RootRow(job_id, job_id, "", "default", JobStatus.RUNNING, 1.0)


def raising(error: Exception) -> Callable[[], None]:
    def happen() -> None:
        raise error

    return happen


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "RETRY_AFTER", 0.01)


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    store = await asyncio.to_thread(Moody, tmp_path / "jobs.db")
    published: list[Entry] = []
    taken: list[set[JobId]] = []

    def note_taken(root_ids: Collection[JobId]) -> None:
        taken.append(set(root_ids))

    recorder = Recorder(store, "owner", published.extend, note_taken)
    yield Desk(recorder, store, published, taken)
    await recorder.close()


async def test_what_is_recorded_in_one_turn_is_one_commit(desk: Desk) -> None:
    desk.record("1", "2")
    desk.record("3", root_id="other")
    await asyncio.sleep(0)

    assert await desk.stored() == ["1", "2"]
    assert len(desk.store.commits) == 1
    assert [entry.seq for entry in desk.published] == [1, 2, 3]
    assert desk.store.commits[0].owner == "owner"


async def test_what_comes_while_the_thread_writes_is_the_next_commit(desk: Desk) -> None:
    gate = asyncio.Event()
    loop = asyncio.get_running_loop()
    desk.store.before = [lambda: asyncio.run_coroutine_threadsafe(gate.wait(), loop).result(5)]
    desk.record("1")
    await asyncio.sleep(0)

    for number in range(2, 10):
        desk.record(str(number))
        await asyncio.sleep(0)
    gate.set()

    assert await desk.stored() == [str(number) for number in range(1, 10)]
    assert len(desk.store.commits) == 2


async def test_only_a_submission_waits_for_the_disk(desk: Desk) -> None:
    desk.record("progress")
    await desk.stored()

    await desk.recorder.accept([entry("submitted")])

    assert [commit.sync for commit in desk.store.commits] == [False, True]


async def test_a_read_sees_what_was_recorded_before_it(desk: Desk) -> None:
    desk.record("1")

    assert await desk.stored() == ["1"]


async def test_all_rows_of_a_group_are_written(desk: Desk) -> None:
    first = Commit(arguments=[("r", b"one")], keys=[("nightly", "r")])
    second = Commit(arguments=[("s", b"two")], functions=[("hash", b"function")])

    await asyncio.gather(
        desk.recorder.accept([entry("1", rows=first)]),
        desk.recorder.accept([entry("2", "s", rows=second)]),
    )

    assert desk.store.commits[0].arguments == [("r", b"one"), ("s", b"two")]
    assert await desk.recorder.read(lambda store: store.job_of_key("nightly")) == "r"
    assert await desk.recorder.read(lambda store: store.function("hash")) == b"function"


async def test_a_full_store_refuses_submissions_and_keeps_what_must_be_kept(desk: Desk) -> None:
    desk.store.before = [raising(StoreFullError("full"))]
    desk.record("must be kept")

    with pytest.raises(StoreFullError):
        await desk.recorder.accept([entry("submitted")])

    assert await desk.stored() == ["must be kept"]
    assert [e.record.body for e in desk.published] == [b"must be kept"]


async def test_an_insisting_submission_waits_until_the_store_is_back(
    desk: Desk, caplog: pytest.LogCaptureFixture
) -> None:
    desk.store.before = [raising(StoreLockedError("locked")) for _ in range(3)]

    with caplog.at_level(logging.WARNING):
        await desk.recorder.accept([entry("child")], insists=True)

    assert await desk.stored() == ["child"]
    assert caplog.text.count("refused 1 events, will retry: locked") == 3


async def test_submissions_are_refused_that_would_wait_behind_what_is_tried_again(
    desk: Desk,
) -> None:
    patient = asyncio.Event()
    loop = asyncio.get_running_loop()

    def full() -> None:
        asyncio.run_coroutine_threadsafe(patient.wait(), loop).result(5)
        raise StoreFullError("full")

    desk.store.before = [full]
    desk.record("must be kept")
    await asyncio.sleep(0)
    waiting = asyncio.create_task(desk.recorder.accept([entry("submitted")]))
    await asyncio.sleep(0)
    patient.set()

    with pytest.raises(StoreFullError):
        await waiting

    assert await desk.stored() == ["must be kept"]


async def test_what_an_unsure_store_was_given_is_given_again_as_it_was(desk: Desk) -> None:
    desk.store.before = [raising(StoreUnsureError("gone"))]
    desk.record("1")

    await desk.recorder.accept([entry("submitted")])

    assert await desk.stored() == ["1", "submitted"]


async def test_a_taken_key_refuses_the_submission_that_wants_it_and_no_other(desk: Desk) -> None:
    taker, other = Commit(keys=[("nightly", "s")]), Commit(keys=[("weekly", "t")])
    await desk.recorder.accept([entry("1", rows=Commit(keys=[("nightly", "r")]))])

    results = await asyncio.gather(
        desk.recorder.accept([entry("2", "s", rows=taker), entry("3", "s")]),
        desk.recorder.accept([entry("4", "t", rows=other)]),
        return_exceptions=True,
    )

    assert isinstance(results[0], KeyTakenError)
    assert (results[0].job_id, results[1]) == ("r", None)
    assert (await desk.stored("s"), await desk.stored("t")) == ([], ["4"])


async def test_a_tree_that_another_service_took_is_told_and_the_rest_is_written(
    desk: Desk,
) -> None:
    lost = "lost"

    def claim() -> None:
        desk.store.commit(Commit(roots=[root(lost)], owner="owner"))
        desk.store.lease("other", 9e9)
        desk.store.claim([lost], "other", 1.0)

    await desk.recorder.read(lambda _: claim())
    desk.record("1", root_id=lost)
    desk.record("2")
    await asyncio.sleep(0)

    assert await desk.stored() == ["2"]
    assert await desk.stored(lost) == []
    assert desk.taken == [{lost}]


async def test_what_can_never_be_written_is_refused_alone(
    desk: Desk, caplog: pytest.LogCaptureFixture
) -> None:
    desk.record("1")
    desk.record("2", root_id="\ud800")
    desk.record("3")
    await asyncio.sleep(0)

    with caplog.at_level(logging.CRITICAL, "parrot_async.service.journal.recorder"):
        stored = await desk.stored()

    assert stored == ["1", "3"]
    assert [entry.seq for entry in desk.published] == [1, 2]


async def test_a_closed_recorder_has_written_everything_and_takes_no_more(tmp_path: Path) -> None:
    store = await asyncio.to_thread(Moody, tmp_path / "jobs.db")
    recorder = Recorder(store, "owner", lambda _: None, lambda _: None)
    recorder.record(entry("1"))
    await recorder.close()

    recorder.record(entry("2"))
    with pytest.raises(StoreError, match="submit again when it is back"):
        await recorder.accept([entry("3")])

    again = await asyncio.to_thread(SQLiteStore, tmp_path / "jobs.db")
    assert [body for _, body in await asyncio.to_thread(again.events, "r")] == [b"1"]
    await asyncio.to_thread(again.close)


async def test_a_closed_recorder_holds_no_lease(tmp_path: Path) -> None:
    store = await asyncio.to_thread(Moody, tmp_path / "jobs.db")
    recorder = Recorder(store, "owner", lambda _: None, lambda _: None)
    await recorder.accept([entry("1", rows=Commit(roots=[root("r")]))])
    await recorder.read(lambda known: known.lease("owner", 9e9))
    held = await recorder.read(lambda known: known.interrupted(1.0))

    await recorder.close()

    again = await asyncio.to_thread(SQLiteStore, tmp_path / "jobs.db")
    left = await asyncio.to_thread(again.interrupted, 1.0)
    await asyncio.to_thread(again.close)
    assert (held, [row.id for row in left]) == ([], ["r"])
