"""What every job store does, whatever it stands on."""

import math
import pickle
from collections.abc import Iterator
from contextlib import closing, suppress
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from threading import Event, Thread

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from parrot_async.errors import KeyTakenError, LeaseLostError, StoreError
from parrot_async.model import events
from parrot_async.model.models import TERMINAL, JobStatus, LogLine, Queue
from parrot_async.model.rows import RootRow
from parrot_async.store import Commit, JobStore, StoredCheckpoint, StoredResult, open_store
from parrot_async.transport.text import sendable
from tests.postgres import Server

ROOT = RootRow("tree", "Read all", "docs:read", "ingest", JobStatus.RUNNING, 1_700_000_000.25)


@pytest.fixture(params=["sqlite", "postgres", pytest.param("debian", marks=pytest.mark.debian)])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """Of a new store of each kind."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path}/jobs.db"
    else:
        server: Server = request.getfixturevalue(f"{request.param}_server")
        with server.database() as url:
            yield url


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
    assert store.interrupted(now=0.0) == []
    assert store.finished_before(9e9, limit=10) == []
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


def test_results_of_all_kinds_in_one_commit_come_back_as_they_were(store: JobStore) -> None:
    kinds = [
        StoredResult(b"plain"),
        StoredResult(b""),
        StoredResult(None, "file:///results/big"),
        StoredResult(b"for a day", None, 86_400.5),
        StoredResult(None, "file:///results/big for a day", 86_400.5),
    ]
    wanted = {f"tree.{n}": kinds[n % len(kinds)] for n in range(1_234)}
    wanted.update({f"tree.{n}": kinds[0] for n in range(1_234, 2_468)})
    rows = [(job_id, kind.value, kind.expires_at, kind.url) for job_id, kind in wanted.items()]

    store.commit(Commit(results=rows))

    assert store.results(wanted, now=0.0) == wanted


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


def test_a_key_that_another_job_has_is_refused_with_the_whole_commit(store: JobStore) -> None:
    store.commit(Commit(keys=[("nightly", "monday")]))

    with pytest.raises(KeyTakenError, match="monday") as caught:
        store.commit(Commit(events=[("tuesday", b"1")], keys=[("nightly", "tuesday")]))

    assert (caught.value.key, caught.value.job_id) == ("nightly", "monday")
    assert store.job_of_key("nightly") == "monday"
    assert store.events("tuesday") == []


def test_of_two_jobs_in_one_commit_one_gets_the_key(store: JobStore) -> None:
    with pytest.raises(KeyTakenError):
        store.commit(Commit(keys=[("nightly", "monday"), ("nightly", "tuesday")]))

    assert store.job_of_key("nightly") is None


def test_a_key_is_given_once_however_many_want_it_at_once(store: JobStore, url: str) -> None:
    winners: list[str] = []

    def want(job_id: str) -> None:
        with closing(open_store(url)) as mine:
            try:
                mine.commit(Commit(events=[(job_id, b"1")], keys=[("nightly", job_id)]))
            except KeyTakenError as error:
                winners.append(error.job_id)
            else:
                winners.append(job_id)

    threads = [Thread(target=want, args=(f"job{n}",)) for n in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(winners) == 6
    assert set(winners) == {store.job_of_key("nightly")}


def test_a_key_can_be_moved_to_another_job(store: JobStore) -> None:
    store.commit(Commit(keys=[("nightly", "monday")]))

    store.commit(Commit(moved_keys=[("nightly", "tuesday")]))

    assert store.job_of_key("nightly") == "tuesday"


def test_a_refused_key_and_a_lost_lease_travel_between_processes() -> None:
    taken = pickle.loads(pickle.dumps(KeyTakenError("it is", "nightly", "monday")))  # noqa: S301
    lost = pickle.loads(pickle.dumps(LeaseLostError("they are", ("tree",))))  # noqa: S301

    assert (str(taken), taken.key, taken.job_id) == ("it is", "nightly", "monday")
    assert (str(lost), lost.root_ids) == ("they are", ("tree",))


def test_a_new_root_has_the_owner_of_its_commit_whatever_is_written_later(store: JobStore) -> None:
    store.commit(Commit(roots=[ROOT], owner="a"))

    store.commit(Commit(roots=[replace(ROOT, status=JobStatus.PAUSED)], owner="b"))

    assert [(row.status, row.owner) for row in store.roots()] == [(JobStatus.PAUSED, "a")]


def test_trees_without_a_living_owner_are_interrupted_oldest_first(store: JobStore) -> None:
    store.lease("alive", 110.0)
    store.lease("dead", 100.0)
    for owner in ("alive", "dead", "unknown"):
        rows = [
            replace(ROOT, id=owner, created_at=float(len(owner))),
            replace(ROOT, id=f"{owner} ended", status=JobStatus.COMPLETED),
        ]
        store.commit(Commit(roots=rows, owner=owner))
    store.commit(Commit(roots=[replace(ROOT, id="of nobody", created_at=1.0)]))

    interrupted = store.interrupted(now=100.0)

    assert [row.id for row in interrupted] == ["of nobody", "dead", "unknown"]
    assert interrupted[1].owner == "dead"


def test_a_lease_is_renewed_and_dropped(store: JobStore) -> None:
    store.commit(Commit(roots=[ROOT], owner="a"))
    store.lease("a", 100.0)
    store.lease("a", 200.0)
    renewed = store.interrupted(now=150.0)

    store.drop_lease("a")

    assert renewed == []
    assert [row.id for row in store.interrupted(now=150.0)] == ["tree"]


def test_a_clock_that_jumps_by_less_than_what_is_left_of_a_lease_loses_nothing(
    store: JobStore,
) -> None:
    now = 1_700_000_000.0
    store.commit(Commit(roots=[ROOT], owner="a"))
    store.lease("a", now + 10)

    ahead, behind = store.claim(["tree"], "b", now + 9.9), store.claim(["tree"], "b", now - 3600)

    assert (ahead, behind) == ([], [])
    assert list(store.commit(Commit(events=[("tree", b"1")], owner="a"))) != []


def test_only_what_is_interrupted_can_be_claimed_and_only_once(store: JobStore) -> None:
    rows = [replace(ROOT, id=name) for name in ("mine", "other")]
    store.commit(Commit(roots=[*rows, replace(ROOT, id="ended", status=JobStatus.FAILED)]))
    store.commit(Commit(roots=[replace(ROOT, id="busy")], owner="alive"))
    store.lease("alive", 200.0)
    store.lease("b", 200.0)

    first = store.claim(["mine", "ended", "busy", "unknown"], "b", now=100.0)
    second = store.claim(["mine"], "c", now=100.0)

    assert (first, second) == (["mine"], [])
    assert {row.id: row.owner for row in store.roots()} == {
        "mine": "b",
        "other": "",
        "ended": "",
        "busy": "alive",
    }


def test_of_many_that_claim_at_once_each_tree_gets_one(store: JobStore, url: str) -> None:
    ids = [f"tree{n}" for n in range(20)]
    store.commit(Commit(roots=[replace(ROOT, id=name) for name in ids], owner="dead"))
    claimed: dict[str, list[str]] = {}

    def claim(owner: str) -> None:
        with closing(open_store(url)) as mine:
            mine.lease(owner, 200.0)
            claimed[owner] = [root for name in ids for root in mine.claim([name], owner, 100.0)]

    threads = [Thread(target=claim, args=(f"o{n}",)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    owners = {row.id: row.owner for row in store.roots()}
    assert sorted(name for some in claimed.values() for name in some) == sorted(ids)
    assert all(owners[name] == owner for owner, some in claimed.items() for name in some)


def test_who_slept_through_its_lease_writes_nothing_into_a_claimed_tree(store: JobStore) -> None:
    store.commit(Commit(roots=[ROOT, replace(ROOT, id="kept")], owner="sleeper"))
    store.lease("sleeper", 100.0)
    store.lease("b", 300.0)
    store.claim(["tree"], "b", now=200.0)
    store.lease("sleeper", 300.0)

    late = Commit(events=[("kept", b"1"), ("tree", b"1")], results=[("tree", b"r", None, None)])
    late.owner = "sleeper"
    with pytest.raises(LeaseLostError, match="taken over tree") as caught:
        store.commit(late)
    with pytest.raises(LeaseLostError):
        store.commit(Commit(roots=[ROOT], owner="sleeper"))
    store.commit(Commit(events=[("kept", b"2")], owner="sleeper"))
    store.commit(Commit(events=[("tree", b"3")], owner="b"))

    assert caught.value.root_ids == ("tree",)
    assert [body for _, body in store.events("kept")] == [b"2"]
    assert [body for _, body in store.events("tree")] == [b"3"]
    assert store.results(["tree"]) == {}


def test_nothing_of_a_former_owner_is_written_after_a_claim_however_they_race(
    store: JobStore, url: str
) -> None:
    store.commit(Commit(roots=[ROOT], owner="a"))
    begun = Event()

    def write() -> None:
        with closing(open_store(url)) as mine, suppress(LeaseLostError):
            while True:
                mine.commit(Commit(events=[("tree", b"1")], sync=False, owner="a"))
                begun.set()

    writer = Thread(target=write)
    writer.start()
    begun.wait()
    store.claim(["tree"], "b", now=100.0)
    written = len(store.events("tree"))
    writer.join()

    assert len(store.events("tree")) == written


def test_two_that_write_the_same_rows_in_other_orders_do_not_block_each_other(
    store: JobStore, url: str
) -> None:
    names = [f"key{n}" for n in range(50)]

    def write(keys: list[str]) -> None:
        with closing(open_store(url)) as mine:
            for _ in range(10):
                rows = [(key, "tree") for key in keys]
                mine.commit(Commit(moved_keys=rows, cached=rows, keys=rows, sync=False))

    other = Thread(target=write, args=(names[::-1],))
    other.start()
    write(names)
    other.join()

    assert {store.job_of_key(name) for name in names} == {"tree"}


def test_a_tree_that_its_former_owner_claims_back_is_open_to_it_again(store: JobStore) -> None:
    store.commit(Commit(roots=[ROOT], owner="a"))
    store.claim(["tree"], "b", now=100.0)

    back = store.claim(["tree"], "a", now=100.0)

    assert back == ["tree"]
    assert len(store.commit(Commit(events=[("tree", b"1")], owner="a"))) == 1
    with pytest.raises(LeaseLostError):
        store.commit(Commit(events=[("tree", b"2")], owner="b"))


def test_the_latest_checkpoint_is_kept_and_attempts_never_go_back(store: JobStore) -> None:
    first = ("tree", 2, b"first", None)
    store.commit(Commit(checkpoints=[first, ("tree", 2, b"second", None)]))
    store.commit(Commit(checkpoints=[("tree", 1, b"late", None), ("tree.0", 1, None, "file:///0")]))

    checkpoints = store.checkpoints(["tree", "tree.0", "none"])

    assert checkpoints == {
        "tree": StoredCheckpoint(2, b"second"),
        "tree.0": StoredCheckpoint(1, None, "file:///0"),
    }


def test_a_later_attempt_takes_the_place_of_the_checkpoint_before(store: JobStore) -> None:
    store.commit(Commit(checkpoints=[("tree", 1, None, "file:///1")]))

    store.commit(Commit(checkpoints=[("tree", 2, b"", None)]))

    assert store.checkpoints(["tree"]) == {"tree": StoredCheckpoint(2, b"")}


def test_checkpoints_go_when_their_tree_has_ended(store: JobStore) -> None:
    ended = replace(ROOT, id="ended", status=JobStatus.COMPLETED)
    ids = ["tree", "tree.0", "ended", "ended.0.1"]
    store.commit(
        Commit(
            roots=[ROOT, ended],
            checkpoints=[(job_id, 1, None, f"file:///{job_id}") for job_id in ids],
        )
    )

    dropped = store.expire(now=0.0)

    assert (dropped.count, set(dropped.urls)) == (0, {"file:///ended", "file:///ended.0.1"})
    assert set(store.checkpoints(ids)) == {"tree", "tree.0"}


def test_leases_that_are_over_are_forgotten(store: JobStore) -> None:
    store.commit(Commit(roots=[replace(ROOT, id="over")], owner="over"))
    store.commit(Commit(roots=[replace(ROOT, id="alive")], owner="alive"))
    store.lease("over", 100.0)
    store.lease("alive", 100.1)

    store.expire(now=100.0)

    assert [row.id for row in store.interrupted(now=50.0)] == ["over"]


def test_a_content_key_stands_for_its_latest_job_as_long_as_the_result_is_there(
    store: JobStore,
) -> None:
    results = [
        ("old", b"1", None, None),
        ("new", b"2", 200.0, None),
        ("big", None, None, "file:///big"),
        ("none", None, None, None),
    ]
    keys = ["value", "big", "none", "missing"]
    cached = [("value", "old"), ("big", "big"), ("none", "none"), ("missing", "missing")]
    store.commit(Commit(results=results, cached=cached))
    store.commit(Commit(cached=[("value", "new")]))

    before, after = store.cached([*keys, "unknown"], now=199.0), store.cached(keys, now=200.0)
    store.expire(now=300.0)

    assert before == {"value": "new", "big": "big"}
    assert after == {"big": "big"}
    assert store.cached(["value"], now=100.0) == {}


def test_what_finished_before_a_time_comes_in_the_order_of_its_end(store: JobStore) -> None:
    ended = replace(ROOT, status=JobStatus.COMPLETED)
    times = {"late": 300.0, "second": 200.0, "first": 100.0}
    rows = [replace(ended, id=name, completed_at=at) for name, at in times.items()]
    store.commit(Commit(roots=[ROOT, *rows]))

    assert store.finished_before(300.0, limit=10) == ["first", "second"]
    assert store.finished_before(300.0, limit=1) == ["first"]


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


def test_interrupted_are_those_in_no_terminal_state_oldest_first(store: JobStore) -> None:
    rows = [
        replace(ROOT, id=status.value, status=status, created_at=-float(age))
        for age, status in enumerate(JobStatus)
    ]
    store.commit(Commit(roots=rows))

    interrupted = store.interrupted(now=0.0)

    assert [row.id for row in interrupted] == [
        status for status in reversed(JobStatus) if status not in TERMINAL
    ]


def test_a_root_that_ends_is_no_longer_interrupted(store: JobStore) -> None:
    store.commit(Commit(roots=[ROOT]))

    store.commit(Commit(roots=[replace(ROOT, status=JobStatus.CANCELLED)]))

    assert store.interrupted(now=0.0) == []


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
            checkpoints=[(job_id, 1, None, f"file:///state/{job_id}") for job_id in ids],
            cached=[("content", "tree.0"), ("other", "tree2")],
        )
    )
    store.claim(["tree"], "b", now=100.0)

    dropped = store.delete(["tree", "unknown"])

    kept = {"tre", "tree2", "tree2.0", "Tree.0"}
    assert dropped.count == 3
    gone = [name for name in ids if name not in kept]
    assert set(dropped.urls) == {
        f"file:///{part}{name}" for name in gone for part in ("", "state/")
    }
    assert (
        set(store.arguments(ids)) == set(store.results(ids)) == set(store.checkpoints(ids)) == kept
    )
    assert store.cached(["content", "other"], now=0.0) == {"other": "tree2"}
    assert store.events("tree") == []
    assert [body for _, body in store.events("tree2")] == [b"2"]
    assert [row.id for row in store.roots()] == ["tree2"]
    assert (store.job_of_key("child"), store.job_of_key("other")) == (None, "tree2")
    assert store.function("hash") == b"f"
    assert len(store.commit(Commit(events=[("tree", b"3")]))) == 1


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


def test_a_store_opened_for_reading_reads_and_refuses_to_write(store: JobStore, url: str) -> None:
    store.commit(Commit(events=[("tree", b"1")], roots=[ROOT]))

    with closing(open_store(url, read_only=True)) as reader:
        with pytest.raises(StoreError, match="read-only"):
            reader.commit(Commit(events=[("tree", b"2")]))
        with pytest.raises(StoreError, match="read-only"):
            reader.lease("me", 100.0)

        assert reader.root("tree") == ROOT
        assert [body for _, body in reader.events("tree")] == [b"1"]


def test_a_store_that_is_not_there_is_not_made_for_reading(url: str) -> None:
    with pytest.raises(StoreError):
        open_store(url, read_only=True)

    open_store(url).close()
    open_store(url, read_only=True).close()


def test_all_unfinished_trees_are_interrupted_at_the_end_of_time(store: JobStore) -> None:
    store.lease("alive", 1e12)
    store.commit(Commit(roots=[replace(ROOT, id="busy")], owner="alive"))
    store.commit(Commit(roots=[replace(ROOT, id="ended", status=JobStatus.FAILED)], owner="alive"))

    assert [row.id for row in store.interrupted(math.inf)] == ["busy"]


def test_a_url_is_named_as_long_as_a_result_or_a_checkpoint_lies_there(store: JobStore) -> None:
    store.commit(
        Commit(
            roots=[replace(ROOT, id=name) for name in ("a", "b")],
            results=[("a", None, None, "memory://big"), ("b", None, None, "memory://big")],
            checkpoints=[("b.0", 1, None, "memory://state")],
        )
    )
    urls = ["memory://big", "memory://state", "memory://unknown"]

    assert store.named(urls) == {"memory://big", "memory://state"}
    store.delete(["a"])
    assert store.named(urls) == {"memory://big", "memory://state"}
    store.delete(["b"])
    assert store.named(urls) == set()


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=20)
@given(text=st.text(st.characters(codec=None), max_size=20))
def test_every_store_takes_any_text_that_was_made_sendable(store: JobStore, text: str) -> None:
    sent = sendable(text)
    line = events.Logged(id="odd", attempt=1, lines=(LogLine(1.0, "OUT", sent),))
    root = RootRow("odd", sent, sent, sent, JobStatus.FAILED, 1.0, error=sent)

    store.commit(Commit(events=[("odd", events.dump(line))], roots=[root]))

    found = store.root("odd")
    (*_, (_, body)) = store.events("odd")
    assert found is not None
    assert (found.title, found.error) == (sent, sent)
    assert events.load(body) == line
