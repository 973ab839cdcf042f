"""What every job store does, whatever it stands on."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from threading import Thread

import pytest

from parrot_async.models import TERMINAL, JobStatus, Queue
from parrot_async.store import Commit, JobStore, RootRow, StoredResult, open_store

STORES: dict[str, Callable[[Path], str]] = {
    "sqlite": lambda folder: f"sqlite:///{folder}/jobs.db",
}
"""How the URL of a new store of each kind is made."""

ROOT = RootRow("tree", "Read all", "docs:read", "ingest", JobStatus.RUNNING, 1_700_000_000.25)


@pytest.fixture(params=sorted(STORES))
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    return STORES[request.param](tmp_path)


@pytest.fixture
def store(url: str) -> Iterator[JobStore]:
    store = open_store(url)
    yield store
    store.close()


def test_what_was_committed_is_read_back_by_another_store(store: JobStore, url: str) -> None:
    store.commit(
        Commit(
            events=[("tree", b'{"kind":"submitted"}')],
            arguments=[("tree", b"arguments")],
            results=[("tree", b"result", None, None)],
            functions=[("hash", b"function")],
            roots=[ROOT],
            keys=[("nightly", "tree")],
        )
    )

    other = open_store(url)

    assert other.events("tree") == [(1, b'{"kind":"submitted"}')]
    assert other.arguments(["tree"]) == {"tree": b"arguments"}
    assert other.results(["tree"]) == {"tree": StoredResult(b"result")}
    assert other.function("hash") == b"function"
    assert other.root("tree") == ROOT
    assert other.job_of_key("nightly") == "tree"
    other.close()


def test_what_is_not_there_is_none_or_left_out(store: JobStore) -> None:
    assert store.events("tree") == []
    assert store.arguments(["tree"]) == {}
    assert store.results(["tree"]) == {}
    assert store.function("hash") is None
    assert store.root("tree") is None
    assert store.roots() == []
    assert store.job_of_key("nightly") is None
    assert store.unfinished() == []
    assert store.queues() == []


def test_an_empty_commit_writes_nothing(store: JobStore) -> None:
    assert list(store.commit(Commit())) == []


def test_a_commit_without_events_gives_no_numbers(store: JobStore) -> None:
    store.commit(Commit(events=[("tree", b"1")]))

    numbers = store.commit(Commit(arguments=[("tree", b"")]))

    assert list(numbers) == []


def test_events_are_numbered_in_the_order_of_their_commits(store: JobStore) -> None:
    first = store.commit(Commit(events=[("a", b"1"), ("b", b"2"), ("a", b"3")]))
    second = store.commit(Commit(events=[("a", b"4")]))

    assert [*first, *second] == sorted({*first, *second})
    assert store.events("a") == [(first[0], b"1"), (first[2], b"3"), (second[0], b"4")]
    assert store.events("b") == [(first[1], b"2")]


def test_events_are_read_on_from_a_number_and_in_portions(store: JobStore) -> None:
    numbers = store.commit(Commit(events=[("a", b"%d" % n) for n in range(5)]))

    portion = store.events("a", after=numbers[1], limit=2)

    assert portion == [(numbers[2], b"2"), (numbers[3], b"3")]
    assert store.events("a", after=numbers[-1]) == []


def test_thousands_of_events_come_back_in_order_whatever_the_limit(store: JobStore) -> None:
    bodies = [b"%d" % n for n in range(2_345)]
    numbers = store.commit(Commit(events=[("a", body) for body in bodies]))

    everything, most = store.events("a"), store.events("a", limit=2_100)

    assert everything == list(zip(numbers, bodies, strict=True))
    assert most == everything[:2_100]
    assert store.events("a", limit=0) == []


def test_the_number_of_a_deleted_event_is_not_given_again(store: JobStore) -> None:
    old = store.commit(Commit(events=[("a", b"1")]))
    store.delete(["a"])

    new = store.commit(Commit(events=[("b", b"1")]))

    assert new[0] > old[0]


def test_a_commit_that_fails_leaves_nothing_behind_and_can_be_tried_again(store: JobStore) -> None:
    broken = replace(ROOT, title="\ud800")
    batch = Commit(events=[("tree", b"1")], arguments=[("tree", b"")], roots=[broken])
    with pytest.raises(UnicodeEncodeError):
        store.commit(batch)

    left = store.events("tree"), store.arguments(["tree"])
    batch.roots = [ROOT]
    store.commit(batch)

    assert left == ([], {})
    assert [body for _, body in store.events("tree")] == [b"1"]


def test_a_commit_repeated_changes_nothing_but_the_events(store: JobStore) -> None:
    batch = Commit(
        events=[("tree", b"1")],
        arguments=[("tree", b"a")],
        results=[("tree", b"r", None, None)],
        functions=[("hash", b"f")],
        roots=[ROOT],
        keys=[("key", "tree")],
    )

    store.commit(batch)
    store.commit(batch)

    assert [body for _, body in store.events("tree")] == [b"1", b"1"]
    assert store.roots() == [ROOT]
    assert store.results(["tree"]) == {"tree": StoredResult(b"r")}


def test_ten_thousand_arguments_and_results_come_back(store: JobStore) -> None:
    ids = [f"tree.{n}" for n in range(10_000)]
    store.commit(
        Commit(
            arguments=[(job_id, job_id.encode()) for job_id in ids],
            results=[(job_id, job_id.encode(), None, None) for job_id in ids],
        )
    )

    arguments, results = store.arguments(ids), store.results(ids)

    assert arguments == {job_id: job_id.encode() for job_id in ids}
    assert {job_id: result.value for job_id, result in results.items()} == arguments


def test_a_value_of_several_megabytes_comes_back(store: JobStore) -> None:
    value = bytes(range(256)) * 20_000
    store.commit(Commit(results=[("tree", value, None, None)]))

    result = store.results(["tree"])["tree"]

    assert result.value == value


def test_a_big_result_is_kept_as_its_url(store: JobStore) -> None:
    store.commit(Commit(results=[("tree", None, None, "file:///results/tree")]))

    result = store.results(["tree"])["tree"]

    assert result == StoredResult(None, "file:///results/tree")


def test_the_result_of_a_later_attempt_takes_the_place_of_the_exception(store: JobStore) -> None:
    store.commit(Commit(results=[("tree", b"exception", 5.0, None)]))

    store.commit(Commit(results=[("tree", b"result", None, None)]))

    assert store.results(["tree"]) == {"tree": StoredResult(b"result")}


def test_a_result_is_expired_from_its_time_on_even_before_it_is_dropped(store: JobStore) -> None:
    store.commit(Commit(results=[("tree", b"result", 100.0, None)]))

    before, after = store.results(["tree"], now=99.9), store.results(["tree"], now=100.0)

    assert before["tree"] == StoredResult(b"result", None, 100.0)
    assert after["tree"] == StoredResult(None, None, 100.0, expired=True)


def test_times_keep_all_their_digits(store: JobStore) -> None:
    at = 1_700_000_000.1234567
    store.commit(Commit(results=[("tree", b"r", at, None)], roots=[replace(ROOT, created_at=at)]))

    result, root = store.results(["tree"], now=0.0)["tree"], store.root("tree")

    assert result.expires_at == at
    assert root is not None
    assert root.created_at == at


def test_an_empty_value_is_not_a_missing_one(store: JobStore) -> None:
    store.commit(Commit(results=[("empty", b"", None, None), ("none", None, None, None)]))

    results = store.results(["empty", "none"])

    assert (results["empty"].value, results["none"].value) == (b"", None)


def test_the_last_of_two_values_for_one_job_in_a_commit_is_kept(store: JobStore) -> None:
    store.commit(
        Commit(
            results=[("tree", b"first", None, None), ("tree", b"second", None, None)],
            roots=[replace(ROOT, title="first"), replace(ROOT, title="second")],
        )
    )

    assert store.results(["tree"]) == {"tree": StoredResult(b"second")}
    assert [row.title for row in store.roots()] == ["second"]


def test_expiring_drops_values_and_remembers_that_they_existed(store: JobStore) -> None:
    over, kept = ("over", b"value", 100.0, None), ("kept", b"value", None, None)
    store.commit(Commit(results=[over, kept, ("later", b"value", 200.0, None)]))

    dropped = store.expire(now=150.0)

    results = store.results(["over", "kept", "later"], now=0.0)
    assert (dropped.count, dropped.urls) == (1, ())
    assert {job_id: result.value for job_id, result in results.items()} == {
        "over": None,
        "kept": b"value",
        "later": b"value",
    }
    assert [job_id for job_id, result in results.items() if result.expired] == ["over"]
    assert store.expire(now=150.0).count == 0


def test_expiring_names_the_files_that_can_go(store: JobStore) -> None:
    store.commit(Commit(results=[("tree", None, 100.0, "file:///results/tree")]))

    dropped = store.expire(now=150.0)

    assert dropped.urls == ("file:///results/tree",)
    assert store.results(["tree"])["tree"].url is None


def test_a_function_is_kept_as_it_came_first(store: JobStore) -> None:
    store.commit(Commit(functions=[("hash", b"first")]))

    store.commit(Commit(functions=[("hash", b"second")]))

    assert store.function("hash") == b"first"


def test_a_key_names_its_latest_job(store: JobStore) -> None:
    store.commit(Commit(keys=[("nightly", "monday")]))

    store.commit(Commit(keys=[("nightly", "tuesday")]))

    assert store.job_of_key("nightly") == "tuesday"


def test_a_root_is_kept_as_it_was_written_last(store: JobStore) -> None:
    ended = replace(
        ROOT,
        status=JobStatus.FAILED,
        completed_at=1_700_000_001.5,
        cost=Decimal("0.10000000000000000001"),
        error="ValueError: <b>no</b>",
    )
    store.commit(Commit(roots=[ROOT]))

    store.commit(Commit(roots=[ended]))

    assert store.root("tree") == ended
    assert store.roots() == [ended]


def test_roots_are_listed_newest_first_up_to_the_limit(store: JobStore) -> None:
    rows = [replace(ROOT, id=f"r{n}", created_at=float(n)) for n in range(5)]
    store.commit(Commit(roots=rows))

    newest = store.roots(limit=3)

    assert [row.id for row in newest] == ["r4", "r3", "r2"]


def test_roots_are_filtered_by_every_filter_given(store: JobStore) -> None:
    others = [
        replace(ROOT, id="status", status=JobStatus.QUEUED),
        replace(ROOT, id="queue", queue="fast"),
        replace(ROOT, id="function", function="docs:write"),
        replace(ROOT, id="old", created_at=ROOT.created_at - 1),
    ]
    store.commit(Commit(roots=[ROOT, *others]))

    found = store.roots(
        status=JobStatus.RUNNING, queue="ingest", function="docs:read", since=ROOT.created_at
    )

    assert found == [ROOT]
    assert [row.id for row in store.roots(queue="fast")] == ["queue"]


def test_unfinished_are_those_in_no_terminal_state_oldest_first(store: JobStore) -> None:
    rows = [
        replace(ROOT, id=status.value, status=status, created_at=-float(age))
        for age, status in enumerate(JobStatus)
    ]
    store.commit(Commit(roots=rows))

    unfinished = store.unfinished()

    assert unfinished == [status for status in reversed(JobStatus) if status not in TERMINAL]


def test_a_root_that_ends_is_no_longer_unfinished(store: JobStore) -> None:
    store.commit(Commit(roots=[ROOT]))

    store.commit(Commit(roots=[replace(ROOT, status=JobStatus.CANCELLED)]))

    assert store.unfinished() == []


def test_a_queue_is_kept_in_place_of_the_one_of_its_name(store: JobStore) -> None:
    store.save_queue(Queue(name="slow", limit=1))
    store.save_queue(Queue(name="fast"))

    store.save_queue(Queue(name="slow", limit=2, timeout=1.5))

    assert store.queues() == [Queue(name="fast"), Queue(name="slow", limit=2, timeout=1.5)]


def test_deleting_a_tree_forgets_all_of_it_and_nothing_else(store: JobStore) -> None:
    ids = ["tree", "tree.0", "tree.0.7", "tre", "tree2", "tree2.0", "Tree.0"]
    store.commit(
        Commit(
            events=[("tree", b"1"), ("tree2", b"2")],
            arguments=[(job_id, b"a") for job_id in ids],
            results=[(job_id, b"r", None, f"file:///{job_id}") for job_id in ids],
            functions=[("hash", b"f")],
            roots=[ROOT, replace(ROOT, id="tree2")],
            keys=[("child", "tree.0"), ("other", "tree2")],
        )
    )

    dropped = store.delete(["tree", "unknown"])

    kept = {"tre", "tree2", "tree2.0", "Tree.0"}
    assert dropped.count == 3
    assert set(dropped.urls) == {"file:///tree", "file:///tree.0", "file:///tree.0.7"}
    assert set(store.arguments(ids)) == set(store.results(ids)) == kept
    assert store.events("tree") == []
    assert [body for _, body in store.events("tree2")] == [b"2"]
    assert [row.id for row in store.roots()] == ["tree2"]
    assert (store.job_of_key("child"), store.job_of_key("other")) == (None, "tree2")
    assert store.function("hash") == b"f"


def test_the_size_grows_with_what_is_kept_and_shrinks_with_what_is_deleted(store: JobStore) -> None:
    empty = store.size()
    store.commit(Commit(events=[("tree", bytes(1_000_000))]))

    full = store.size()
    store.delete(["tree"])

    assert full - empty >= 900_000
    assert store.size() <= empty + 100_000


def test_threads_read_while_one_writes(store: JobStore) -> None:
    seen: list[int] = []

    def watch() -> None:
        while not seen or seen[-1] < 200:
            seen.append(len(store.events("tree")))

    watcher = Thread(target=watch)
    watcher.start()
    for _ in range(200):
        store.commit(Commit(events=[("tree", b"1")]))
    watcher.join()

    assert seen == sorted(seen)


def test_closing_twice_does_nothing(url: str) -> None:
    store = open_store(url)
    store.close()

    store.close()
