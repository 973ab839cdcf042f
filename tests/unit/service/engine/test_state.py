"""Which state may follow which: as it is drawn, as it is enforced, and whatever happens."""

import ast
import asyncio
import inspect
import re
from collections import Counter
from collections.abc import Awaitable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from textwrap import dedent
from typing import Any, TypeVar, get_args

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

import parrot_async
from parrot_async.errors import ErrorInfo
from parrot_async.model.models import JobId, JobNode, JobSpec, parent_of
from parrot_async.service.engine import state as module
from parrot_async.service.engine.dispatch import RECALL_AFTER
from parrot_async.service.engine.state import NEXT, State, TrackedJob, TransitionError
from tests.unit.service.engine.parts import (
    BROKEN,
    WORKER,
    Engine,
    JournalOf,
    asked,
    plan,
    turns,
)

PACKAGE = Path(parrot_async.__file__).parent
PAGE = PACKAGE.parent / "docs" / "concepts" / "life_of_a_job.md"
T = TypeVar("T")


def drawn() -> str:
    """Return the picture and the table in the docstring of `TrackedJob`."""
    lines = inspect.cleandoc(TrackedJob.__doc__ or "").partition("::\n")[2].splitlines()
    return dedent("\n".join(line for line in lines if line[:4].isspace() or not line)).strip("\n")


def test_the_table_is_the_one_that_is_drawn() -> None:
    rows = re.findall(r"^(\w+): (.+)$", drawn(), re.MULTILINE)

    table = {name: frozenset(row.split(", ")) - {"nothing"} for name, row in rows}

    assert table == NEXT
    assert list(table) == list(get_args(State))


def test_the_arrows_of_the_picture_are_in_the_table() -> None:
    first = drawn().splitlines()[0]

    chain = re.findall(r"(\w+) (<?-+>) (?=(\w+))", first)

    assert [(before, after) for before, _, after in chain] == [
        ("blocked", "ready"),
        ("ready", "loading"),
        ("loading", "sent"),
        ("sent", "running"),
        ("running", "waiting"),
    ]
    follows = {(str(before), str(after)) for before in NEXT for after in NEXT[before]}
    assert {(before, after) for before, _, after in chain} <= follows
    assert {(after, before) for before, arrow, after in chain if arrow == "<-->"} <= follows


def test_the_documentation_shows_the_same_picture_and_table() -> None:
    assert f"```text\n{drawn()}\n```" in PAGE.read_text()


def test_every_state_leads_to_the_end_and_the_end_nowhere() -> None:
    assert not NEXT["ended"]
    assert all("ended" in after for state, after in NEXT.items() if state != "ended")


def test_every_state_can_be_reached() -> None:
    assert frozenset().union(*NEXT.values()) | {"blocked"} == set(NEXT)


def test_what_may_not_follow_is_refused_with_all_names() -> None:
    job = TrackedJob(JobNode(id="j1", spec=JobSpec(title="job")), 0)
    job.to("ended")

    with pytest.raises(TransitionError, match="job j1 is ended, and 'ready' may not follow"):
        job.to("ready")

    assert job.state == "ended"


def test_no_other_module_sets_the_state_of_a_job() -> None:
    found = [
        f"{path.relative_to(PACKAGE)}:{node.lineno}"
        for path in PACKAGE.rglob("*.py")
        if path != Path(module.__file__)
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Attribute)
        and node.attr == "state"
        and isinstance(node.ctx, ast.Store)
        and not (isinstance(node.value, ast.Name) and node.value.id == "self")
    ]

    assert found == []


class OwnTime(asyncio.SelectorEventLoop):
    """A loop whose timers run when a test says so."""

    now = 0.0

    def time(self) -> float:
        """Return the seconds that have been let pass."""
        return self.now


SPECS = st.fixed_dictionaries(
    {
        "on_failure": st.sampled_from(["fail", "collect", "ignore"]),
        "grace": st.sampled_from([0.0, 5.0]),
        "timeout": st.sampled_from([None, 10.0]),
        "retry": st.sampled_from([{}, {"retries": 1}, {"retries": 1, "lost": 0}]),
        "slots": st.sampled_from([1, 1, 2]),
        "queue": st.sampled_from(["default", "fast"]),
    }
)


class Lives(RuleBasedStateMachine):
    """Trees of jobs, to which everything happens that a service can hear of."""

    folder: str

    @initialize(slots=st.integers(1, 3), quick=st.booleans())
    def begin(self, slots: int, quick: bool) -> None:
        self.loop = OwnTime()
        self.count = 0
        self.all: dict[JobId, TrackedJob] = {}
        self.place = TemporaryDirectory(dir=self.folder)
        journal_of = JournalOf(f"sqlite:///{self.place.name}/jobs.db")
        self.engine = self.do(self._made(journal_of))
        self.engine.dispatch.add_worker(WORKER, ["cpu"], slots)
        self.engine.now = self.loop.time
        self.slots = slots
        if quick:
            self.engine.dispatch.durations.observe("f", 0.001)
        self.engine.workers.nannies.add(WORKER)

    @staticmethod
    async def _made(journal_of: JournalOf) -> Engine:
        return Engine(journal_of)

    def do(self, work: Awaitable[T]) -> T:
        async def then_settle() -> T:
            found = await work
            await self._settle()
            return found

        found = self.loop.run_until_complete(then_settle())
        if hasattr(self, "engine"):
            self.all.update(self.engine.executor.jobs)
        return found

    async def _settle(self) -> None:
        """Have the loop do all that it has to do at once, and the store what it was asked."""
        await turns()
        while hasattr(self, "engine") and self.jobs("loading"):
            await self.engine.journal.recorder.read(lambda _: None)
            await turns()

    def jobs(self, *states: str) -> list[TrackedJob]:
        live = self.engine.executor.jobs.values()
        return [job for job in live if not states or job.state in states]

    def one(self, data: st.DataObject, *states: str) -> TrackedJob | None:
        found = [job.id for job in self.jobs(*states)]
        return self.engine.job(data.draw(st.sampled_from(found))) if found else None

    def several(self, data: st.DataObject, *states: str) -> list[TrackedJob]:
        ids = data.draw(st.permutations([job.id for job in self.jobs(*states)]))
        return [self.engine.job(job_id) for job_id in ids]

    # What clients and bodies ask.

    @rule(count=st.integers(0, 3), spec=SPECS, chained=st.booleans(), sequential=st.booleans())
    def submit_a_plan(
        self, count: int, spec: dict[str, Any], chained: bool, sequential: bool
    ) -> None:
        self.count += 1
        root, policy = f"t{self.count}", spec["on_failure"]
        ids = [f"{root}.{n}" for n in range(count)]
        groups = [plan(root, count, on_failure=policy, sequential=sequential)]
        for n, job_id in enumerate(ids):
            groups.append(asked(job_id, parent=root, needs=ids[n - 1 : n] * chained, **spec))
        self.do(self.engine.admission.from_client(groups, {}))

    @rule(spec=SPECS, data=st.data())
    def submit_a_job(self, spec: dict[str, Any], data: st.DataObject) -> None:
        self.count += 1
        needed = self.one(data)
        needs = [needed.id] if needed is not None and data.draw(st.booleans()) else []
        self.do(
            self.engine.admission.from_client([asked(f"t{self.count}", needs=needs, **spec)], {})
        )

    @rule(data=st.data(), spec=SPECS, which=st.sets(st.sampled_from([b"1", b"2", b"3"])))
    def ask_for_children(
        self, data: st.DataObject, spec: dict[str, Any], which: set[bytes]
    ) -> None:
        parent = self.one(data, "running", "waiting")
        if parent is not None and parent.id.count(".") < 3 and which:
            self.do(self.engine.children(parent, *sorted(which), **spec))

    @rule(data=st.data())
    def cancel(self, data: st.DataObject) -> None:
        if (job := self.one(data)) is not None:
            self.do(self._later(self.engine.executor.stopping.cancel, job.id))

    @rule(data=st.data(), by=st.sampled_from(["pause_tree", "resume_tree"]))
    def pause_or_resume(self, data: st.DataObject, by: str) -> None:
        if (job := self.one(data)) is not None:
            self.do(self._later(getattr(self.engine.executor.pausing, by), job.id))

    @staticmethod
    async def _later(what: Any, *args: Any) -> Any:
        return what(*args)

    # What workers report.

    @rule(data=st.data())
    def start(self, data: st.DataObject) -> None:
        if (job := self.one(data, "sent")) is not None:
            self.do(self.engine.started(job))

    @rule(data=st.data(), kind=st.sampled_from(["waiting", "paused"]))
    def wait(self, data: st.DataObject, kind: str) -> None:
        if (job := self.one(data, "sent", "running", "waiting")) is not None:
            self.do(getattr(self.engine, kind)(job))

    @rule(data=st.data())
    def go_on(self, data: st.DataObject) -> None:
        if (job := self.one(data, "running", "waiting")) is not None:
            self.do(self.engine.continued(job))

    @rule(data=st.data())
    def complete(self, data: st.DataObject) -> None:
        if (job := self.one(data, "sent", "running", "waiting")) is not None:
            self.do(self.engine.completed(job))

    @rule(data=st.data())
    def complete_several(self, data: st.DataObject) -> None:
        if some := self.several(data, "running", "waiting"):
            self.do(self.engine.completed(*some))

    @rule(data=st.data(), lost=st.booleans())
    def fail_several(self, data: st.DataObject, lost: bool) -> None:
        if some := self.several(data, "sent", "running", "waiting"):
            error = ErrorInfo("lost", "gone") if lost else BROKEN
            self.do(self.engine.failed(*some, error=error))

    @rule(data=st.data())
    def fail(self, data: st.DataObject) -> None:
        if (job := self.one(data, "sent", "running", "waiting")) is not None:
            self.do(self.engine.failed(job))

    @rule(data=st.data())
    def give_back(self, data: st.DataObject) -> None:
        if (job := self.one(data, "sent", "running")) is not None:
            attempts = [(job.id, job.attempt)]
            self.do(self._later(self.engine.executor.returned, attempts))

    @rule()
    def lose_the_worker(self) -> None:
        self.do(self.engine.lose(WORKER))
        self.do(self._later(self.engine.dispatch.add_worker, WORKER, ["cpu"], self.slots))

    @rule(seconds=st.sampled_from([RECALL_AFTER, 2.0, 6.0, 11.0]))
    def let_time_pass(self, seconds: float) -> None:
        self.loop.now += seconds
        self.do(turns())
        if WORKER in self.engine.workers.killed:
            self.engine.workers.killed.clear()
            self.do(self._later(self.engine.dispatch.add_worker, WORKER, ["cpu"], self.slots))

    # What holds at any time.

    @invariant()
    @precondition(lambda self: hasattr(self, "engine"))
    def slots_are_counted(self) -> None:
        taking = [job for job in self.jobs() if job.taken is not None]
        for member in self.engine.dispatch.pools["cpu"].members.values():
            here = [job for job in taking if job.taken and job.taken.member is member]
            assert member.attempts == len(here)
            assert member.taken == sum(job.node.spec.slots for job in here)
            assert member.backlog >= -1e-9
        assert all(job.state in ("loading", "sent", "running") for job in taking)
        assert all(count >= 0 for count in self.engine.dispatch._in_queue.values())

    @invariant()
    @precondition(lambda self: hasattr(self, "engine"))
    def who_has_ended_is_forgotten(self) -> None:
        for job_id, job in self.all.items():
            assert (job.state == "ended") == (job_id not in self.engine.executor.jobs)
            assert job.state != "ended" or (job.timer is None and job.taken is None)
            assert job.state != "ended" or not job.children

    @invariant()
    @precondition(lambda self: hasattr(self, "engine"))
    def a_blocked_job_waits_for_somebody(self) -> None:
        assert all(job.blockers > 0 for job in self.jobs("blocked"))

    def teardown(self) -> None:
        if hasattr(self, "engine"):
            self.do(self._end_all())
            self.loop.run_until_complete(self.engine.journal.recorder.close())
            self.loop.close()
            self.place.cleanup()

    async def _end_all(self) -> None:
        """Let everything end, and look at what the store has of it."""
        for root_id in [job.id for job in self.jobs() if "." not in job.id]:
            self.engine.executor.stopping.cancel(root_id)
        await turns()
        while some := self.jobs("sent", "running", "waiting"):
            await self.engine.failed(*some)
        assert not self.engine.executor.jobs
        for root_id in {job_id.partition(".")[0] for job_id in self.all}:
            ends = await self.engine.ends(root_id)
            expected = {job_id for job_id in self.all if job_id.partition(".")[0] == root_id}
            assert Counter(ends) == Counter(expected), "each job ends once"
            place = {job_id: n for n, job_id in enumerate(ends)}
            assert all(place[i] < place[p] for i in ends if (p := parent_of(i)) is not None)


@contextmanager
def one_folder() -> Iterator[None]:
    with TemporaryDirectory() as folder:
        Lives.folder = folder
        yield


def check(examples: int, steps: int, **more: Any) -> None:
    # Not shrunk, for which there is no time: the steps are few and simple.
    wanted = settings(
        max_examples=examples,
        stateful_step_count=steps,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=[HealthCheck.too_slow],
        **more,
    )
    with one_folder():
        run_state_machine_as_test(Lives, settings=wanted)


def test_whatever_happens_every_job_ends_once_and_after_its_children() -> None:
    check(25, 25, derandomize=True)


@pytest.mark.nightly
@pytest.mark.timeout(1800)
def test_whatever_happens_for_long() -> None:
    check(1000, 60)
