"""Whatever is done to a store in whatever order, it says what a few dictionaries say."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import ClassVar

import pytest
from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    rule,
    run_state_machine_as_test,
)

from parrot_async.errors import KeyTakenError, LeaseLostError
from parrot_async.model.models import JobId, JobStatus
from parrot_async.model.rows import RootRow
from parrot_async.store import Commit, StoredCheckpoint, StoredResult, open_store
from tests.postgres import Server

Place = Callable[[], AbstractContextManager[str]]

NEVER = 1e12
TREES = ("t", "t0")
OWNERS = ("", "a", "b")
ENDED = frozenset({JobStatus.COMPLETED, JobStatus.FAILED})
ROW = RootRow("", "Title", "m:f", "default", JobStatus.QUEUED, 0.0)

trees = st.sampled_from(TREES)
jobs = st.builds("{}{}".format, trees, st.sampled_from(["", ".0", ".0.1"]))
owners = st.sampled_from(OWNERS)
keys = st.sampled_from(["k", "l"])
statuses = st.sampled_from([JobStatus.QUEUED, JobStatus.RUNNING, *sorted(ENDED)])
times = st.integers(1, 9).map(float)


@dataclass
class Model:
    """What a store is to remember."""

    events: dict[JobId, list[bytes]] = field(default_factory=dict)
    status: dict[JobId, JobStatus] = field(default_factory=dict)
    owner: dict[JobId, str] = field(default_factory=dict)
    results: dict[JobId, StoredResult] = field(default_factory=dict)
    checkpoints: dict[JobId, StoredCheckpoint] = field(default_factory=dict)
    keys: dict[str, JobId] = field(default_factory=dict)
    cached: dict[str, JobId] = field(default_factory=dict)
    leases: dict[str, float] = field(default_factory=dict)
    lost: set[tuple[str, JobId]] = field(default_factory=set)

    def interrupted(self, now: float) -> list[JobId]:
        return [
            root_id
            for root_id in sorted(self.status)
            if self.status[root_id] not in ENDED
            and self.leases.get(self.owner[root_id], 0.0) <= now
        ]

    def delete(self, root_id: JobId) -> None:
        for of_root in (self.events, self.status, self.owner):
            of_root.pop(root_id, None)
        for of_job in (self.results, self.checkpoints):
            for job_id in [job_id for job_id in of_job if root_of(job_id) == root_id]:
                del of_job[job_id]
        for named in (self.keys, self.cached):
            for key in [key for key, job_id in named.items() if root_of(job_id) == root_id]:
                del named[key]
        self.lost = {(owner, lost) for owner, lost in self.lost if lost != root_id}


def root_of(job_id: JobId) -> JobId:
    return job_id.partition(".")[0]


class Both(RuleBasedStateMachine):
    """The model beside a store."""

    new: ClassVar[list[Place]]
    """What gives the URL of a new store."""

    def __init__(self) -> None:
        super().__init__()
        self.model = Model()
        self._place = self.new[0]()
        self.store = open_store(self._place.__enter__())
        self.count = 0

    def teardown(self) -> None:
        self.store.close()
        self._place.__exit__(None, None, None)

    @rule(tree=trees, status=statuses, owner=owners)
    def write_a_root(self, tree: JobId, status: JobStatus, owner: str) -> None:
        model, self.count = self.model, self.count + 1
        body = b"%d" % self.count
        batch = Commit([(tree, body)], roots=[replace(ROW, id=tree, status=status)], owner=owner)
        batch.sync = False
        if (owner, tree) in model.lost:
            with pytest.raises(LeaseLostError):
                self.store.commit(batch)
        else:
            self.store.commit(batch)
            model.events.setdefault(tree, []).append(body)
            model.status[tree] = status
            model.owner.setdefault(tree, owner)

    @rule(key=keys, job=jobs, moved=st.booleans())
    def want_a_key(self, key: str, job: JobId, moved: bool) -> None:
        batch = Commit(moved_keys=[(key, job)]) if moved else Commit(keys=[(key, job)])
        if not moved and self.model.keys.get(key, job) != job:
            with pytest.raises(KeyTakenError) as caught:
                self.store.commit(batch)
            assert caught.value.job_id == self.model.keys[key]
        else:
            self.store.commit(batch)
            self.model.keys[key] = job

    @rule(job=jobs, expires_at=st.none() | times, key=keys)
    def end_with_a_result(self, job: JobId, expires_at: float | None, key: str) -> None:
        self.store.commit(Commit(results=[(job, b"r", expires_at, None)], cached=[(key, job)]))
        self.model.results[job] = StoredResult(b"r", None, expires_at)
        self.model.cached[key] = job

    @rule(job=jobs, attempt=st.integers(1, 3), state=st.binary(max_size=2))
    def save_a_checkpoint(self, job: JobId, attempt: int, state: bytes) -> None:
        self.store.commit(Commit(checkpoints=[(job, attempt, state, None)]))
        if attempt >= self.model.checkpoints.get(job, StoredCheckpoint(0)).attempt:
            self.model.checkpoints[job] = StoredCheckpoint(attempt, state)

    @rule(owner=owners, until=times)
    def live(self, owner: str, until: float) -> None:
        self.store.lease(owner, until)
        self.model.leases[owner] = until

    @rule(owner=owners)
    def leave(self, owner: str) -> None:
        self.store.drop_lease(owner)
        self.model.leases.pop(owner, None)

    @rule(owner=owners, wanted=st.lists(trees, unique=True), now=times)
    def claim(self, owner: str, wanted: list[JobId], now: float) -> None:
        model = self.model
        expected = [tree for tree in model.interrupted(now) if tree in wanted]

        assert sorted(self.store.claim(wanted, owner, now)) == expected

        for tree in expected:
            model.lost.add((model.owner[tree], tree))
            model.lost.discard((owner, tree))
            model.owner[tree] = owner

    @rule(now=times)
    def expire(self, now: float) -> None:
        model = self.model
        over = [
            job
            for job, result in model.results.items()
            if result.expires_at is not None and result.expires_at <= now
        ]

        assert self.store.expire(now).count == len(over)

        model.results |= dict.fromkeys(over, StoredResult(expired=True))
        for job in [job for job in model.checkpoints if model.status.get(root_of(job)) in ENDED]:
            del model.checkpoints[job]
        model.leases = {owner: until for owner, until in model.leases.items() if until > now}

    @rule(tree=trees)
    def delete(self, tree: JobId) -> None:
        count = sum(root_of(job) == tree for job in self.model.results)

        assert self.store.delete([tree]).count == count

        self.model.delete(tree)

    @invariant()
    def who_lost_a_tree_is_refused_and_nobody_else(self) -> None:
        for tree, status in self.model.status.items():
            for owner in OWNERS:
                row = replace(ROW, id=tree, status=status)
                same = Commit(roots=[row], owner=owner, sync=False)
                lost = (owner, tree) in self.model.lost
                with pytest.raises(LeaseLostError) if lost else nullcontext():
                    self.store.commit(same)

    @invariant()
    def they_say_the_same(self) -> None:
        store, model = self.store, self.model
        ids = [f"{tree}{below}" for tree in TREES for below in ("", ".0", ".0.1")]
        for tree in TREES:
            assert [body for _, body in store.events(tree)] == model.events.get(tree, [])
        assert {row.id: (row.status, row.owner) for row in store.roots()} == {
            tree: (status, model.owner[tree]) for tree, status in model.status.items()
        }
        assert store.results(ids, now=0.0) == model.results
        assert store.checkpoints(ids) == model.checkpoints
        assert {key: store.job_of_key(key) for key in ("k", "l")} == {
            key: model.keys.get(key) for key in ("k", "l")
        }
        there = {job for job, result in model.results.items() if not result.expired}
        assert store.cached(["k", "l"], now=0.0) == {
            key: job for key, job in model.cached.items() if job in there
        }
        for now in (0.0, 5.0, NEVER):
            assert [row.id for row in store.interrupted(now)] == model.interrupted(now)


def check(new_store: Place, examples: int) -> None:
    class Here(Both):
        new: ClassVar[list[Place]] = [new_store]

    # Not shrunk, for which there is no time: the steps are few and simple.
    wanted = settings(
        max_examples=examples, deadline=None, derandomize=True, phases=[Phase.generate]
    )
    run_state_machine_as_test(Here, settings=settings(wanted, stateful_step_count=30))


@contextmanager
def new_file() -> Iterator[str]:
    with TemporaryDirectory() as folder:
        yield f"sqlite:///{Path(folder)}/jobs.db"


def test_sqlite_says_what_the_model_says() -> None:
    check(new_file, 40)


@pytest.mark.slow
def test_postgres_says_what_the_model_says(postgres_server: Server) -> None:
    check(postgres_server.database, 15)


@pytest.mark.nightly
@pytest.mark.timeout(1800)
def test_both_say_what_the_model_says_for_long(postgres_server: Server) -> None:
    check(new_file, 500)
    check(postgres_server.database, 200)
