"""States of running jobs: found from the moment when they are saved, and held only until stored."""

from pathlib import Path

from parrot_async.model.events import Checkpointed, Record
from parrot_async.service.journal.checkpoints import Checkpoints
from parrot_async.store import Commit
from parrot_async.transport.wire import Value
from tests.unit.service.journals import journal_on


def saved(attempt: int, *ids: str, url: str | None = None) -> Checkpointed:
    n = len(ids)
    return Checkpointed(ids=ids, attempts=(attempt,) * n, at=(1.0,) * n, urls=(url,) * n)


async def test_a_state_is_found_before_it_is_stored(tmp_path: Path) -> None:
    checkpoints = Checkpoints()

    rows = checkpoints.keep(saved(1, "r.0", "r.1"), Record(b"", (b"0", b"1")))

    async with journal_on(tmp_path / "jobs.db") as bench:
        found = await checkpoints.load(bench.journal.recorder, ["r.1", "r.2"])

    assert rows == [("r.0", 1, b"0", None), ("r.1", 1, b"1", None)]
    assert found == {"r.1": Value(b"1")}


async def test_a_state_that_was_written_is_found_in_the_store(tmp_path: Path) -> None:
    checkpoints = Checkpoints()
    event = saved(2, "r.0", url="file:///big")
    rows = checkpoints.keep(event, Record(b"", (None,)))

    async with journal_on(tmp_path / "jobs.db") as bench:
        await bench.journal.recorder.read(lambda store: store.commit(Commit(checkpoints=rows)))
        checkpoints.written(event)
        found = await checkpoints.load(bench.journal.recorder, ["r.0"])

    assert found == {"r.0": Value(None, "file:///big")}
    assert not checkpoints._unwritten


def test_a_later_state_is_kept_when_an_earlier_one_was_written() -> None:
    checkpoints = Checkpoints()
    first, second = saved(1, "r.0", "r.1"), saved(1, "r.0")
    checkpoints.keep(first, Record(b"", (b"first", b"first")))
    checkpoints.keep(second, Record(b"", (b"second",)))

    checkpoints.written(first)

    assert {i: value for i, (_, value) in checkpoints._unwritten.items()} == {
        "r.0": Value(b"second")
    }
