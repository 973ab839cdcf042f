"""Retention: which trees, results and files are deleted, and which are still needed."""

import asyncio
import os
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from parrot_async.errors import OptionsError
from parrot_async.model.models import JobNode, JobStatus
from parrot_async.model.rows import Pruned, RootRow
from parrot_async.service.custody import retention as module
from parrot_async.service.custody.retention import SETTLED, Retention
from parrot_async.service.engine.state import TrackedJob
from parrot_async.store import Commit, JobStore, StoredResult
from parrot_async.transport import results
from tests.unit.service.journals import Bench, Engine, engine_beside, journal_on
from tests.unit.stories import TASK


@dataclass
class Kept:
    """A store with trees, and what prunes it."""

    bench: Bench
    engine: Engine
    folder: Path
    retention: Retention

    async def write(self, commit: Commit) -> None:
        await self.bench.journal.recorder.read(lambda store: store.commit(commit))

    async def roots(self) -> list[str]:
        rows = await self.bench.journal.recorder.read(lambda store: store.roots())
        return sorted(row.id for row in rows)

    async def file(self, name: str, age: float = 0.0) -> str:
        """Write a value that is `age` seconds old; its URL."""
        return await asyncio.to_thread(self._file, name, time.time() - age)

    def _file(self, name: str, written: float) -> str:
        url = results.write(self.folder.as_uri(), name, b"value")
        os.utime(self.folder / name, (written, written))
        return url


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "results"


@pytest.fixture
async def kept(tmp_path: Path, folder: Path) -> AsyncIterator[Kept]:
    async with journal_on(tmp_path / "jobs.db") as bench:
        engine = engine_beside(bench.journal)
        retention = Retention(bench.journal, engine.executor, folder.as_uri())
        yield Kept(bench, engine, folder, retention)


def tree(root_id: str, ended: float | None, url: str | None = None) -> Commit:
    """A tree that ended so many seconds ago, or still runs, with a result of its own."""
    now = time.time()
    status = JobStatus.RUNNING if ended is None else JobStatus.COMPLETED
    at = None if ended is None else now - ended
    row = RootRow(root_id, root_id, "", "default", status, now - 10_000, at)
    value = None if url is not None else b"value"
    return Commit(
        events=[(root_id, b"{}")], roots=[row], results=[(root_id, value, None, url)], owner="owner"
    )


async def test_trees_that_ended_long_ago_are_deleted_and_running_ones_never(kept: Kept) -> None:
    for name, ended in (("old", 100.0), ("new", 10.0), ("runs", None)):
        await kept.write(tree(name, ended))

    pruned = await kept.retention.prune(older_than=50)

    assert pruned == Pruned(trees=1, results=1, files=0)
    assert await kept.roots() == ["new", "runs"]


async def test_of_the_trees_that_have_ended_the_latest_are_kept(kept: Kept) -> None:
    for number in range(5):
        await kept.write(tree(f"tree{number}", 100.0 - number))

    pruned = await kept.retention.prune(keep=2)

    assert pruned.trees == 3
    assert await kept.roots() == ["tree3", "tree4"]


async def test_as_many_trees_are_deleted_as_make_the_store_small_enough(
    kept: Kept, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "PORTION", 1)
    for number in range(4):
        commit = tree(f"tree{number}", 100.0 - number)
        commit.arguments = [(f"tree{number}", bytes(100_000))]
        await kept.write(commit)
    size = await kept.bench.journal.recorder.read(lambda store: store.size())

    pruned = await kept.retention.prune(size=size - 150_000)

    assert pruned.trees == 2
    assert await kept.roots() == ["tree2", "tree3"]


async def test_a_size_that_cannot_be_reached_ends_all_the_same(kept: Kept) -> None:
    await kept.write(tree("runs", None))

    assert await kept.retention.prune(size=0) == Pruned()


async def test_trees_are_deleted_in_portions(kept: Kept, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PORTION", 2)
    for number in range(5):
        await kept.write(tree(f"tree{number}", 100.0))

    pruned = await kept.retention.prune(older_than=0)

    assert (pruned.trees, await kept.roots()) == (5, [])


async def test_a_tree_whose_result_a_job_still_needs_is_kept(kept: Kept) -> None:
    for name in ("needed", "other"):
        await kept.write(tree(name, 100.0))
    run = TrackedJob(JobNode(id="r", spec=TASK), 0, needs=("needed.3",))
    kept.engine.executor.jobs["r"] = run

    pruned = await kept.retention.prune(older_than=0)

    assert pruned.trees == 1
    assert await kept.roots() == ["needed"]


async def test_the_files_of_deleted_trees_go_and_those_of_others_stay(kept: Kept) -> None:
    shared = await kept.file("shared")
    await kept.write(tree("old", 100.0, await kept.file("own")))
    await kept.write(tree("older", 200.0, shared))
    await kept.write(tree("runs", None, shared))

    pruned = await kept.retention.prune(older_than=50)

    assert pruned == Pruned(trees=2, results=2, files=1)
    assert [file.name for file in kept.folder.iterdir()] == ["shared"]


async def test_files_of_nobody_go_when_they_are_old_enough(kept: Kept) -> None:
    await kept.file("new", age=SETTLED - 60)
    await kept.file("lost", age=SETTLED + 60)
    await kept.write(tree("runs", None, await kept.file("named", age=SETTLED + 60)))

    swept = await kept.retention.prune()
    left = {file.name for file in kept.folder.iterdir()}

    assert swept == Pruned(files=1)
    assert left == {"new", "named"}


async def test_without_a_sweep_no_file_is_looked_for(kept: Kept) -> None:
    await kept.file("lost", age=SETTLED + 60)

    assert await kept.retention.prune(sweep=False) == Pruned()
    assert (kept.folder / "lost").exists()


async def test_a_result_goes_with_its_file_when_its_time_is_over(kept: Kept) -> None:
    commit = tree("r", 100.0)
    commit.results = [("r", None, time.time() - 1, await kept.file("big"))]
    await kept.write(commit)

    await kept.retention.expire()

    def result(store: JobStore) -> StoredResult:
        return store.results(["r"])["r"]

    assert (await kept.bench.journal.recorder.read(result)).expired
    assert list(kept.folder.iterdir()) == []
    assert await kept.roots() == ["r"]


async def test_a_client_is_told_what_was_deleted(kept: Kept) -> None:
    await kept.write(tree("old", 100.0))

    pruned = await kept.retention.prune(50)

    assert pruned == Pruned(trees=1, results=1, files=0)


@pytest.mark.parametrize(
    ("told", "seconds"), [(None, 90 * 86400), ("1h", 3600), ("forever", None), ("", 90 * 86400)]
)
async def test_how_long_trees_are_kept_is_a_setting(
    kept: Kept, monkeypatch: pytest.MonkeyPatch, told: str | None, seconds: float | None
) -> None:
    if told is None:
        monkeypatch.delenv("PARROT_KEEP_FOR", raising=False)
    else:
        monkeypatch.setenv("PARROT_KEEP_FOR", told)

    retention = Retention(kept.bench.journal, kept.engine.executor, kept.folder.as_uri())

    assert retention._keep_for == seconds


async def test_a_setting_that_is_no_duration_is_refused(
    kept: Kept, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PARROT_KEEP_FOR", "long")

    with pytest.raises(OptionsError, match="'long' is no duration"):
        Retention(kept.bench.journal, kept.engine.executor, kept.folder.as_uri())
