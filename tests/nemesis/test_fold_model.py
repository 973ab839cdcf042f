"""A model of a job's life beside the fold: what comes again, late or never does no harm."""

from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    initialize,
    invariant,
    multiple,
    rule,
)

from parrot_async.model.events import Continued, Event, PauseRequested, Resumed
from parrot_async.model.models import TERMINAL, JobStatus
from parrot_async.model.tree import JobTree, fold
from tests.unit.stories import (
    attempt_failed,
    cancelled,
    completed,
    failed,
    requeued,
    started,
    submitted,
    waiting,
)

MODEL = {
    "queued": JobStatus.QUEUED,
    "running": JobStatus.RUNNING,
    "waiting": JobStatus.WAITING_FOR_CHILDREN,
    "completed": JobStatus.COMPLETED,
    "failed": JobStatus.FAILED,
    "cancelled": JobStatus.CANCELLED,
}


class Lives(RuleBasedStateMachine):
    """Jobs live as the service has them live; every event may come again, and some get lost."""

    queued, running, waits, over = (Bundle(name) for name in ("queued", "running", "waits", "over"))

    def __init__(self) -> None:
        super().__init__()
        self.tree = JobTree()
        self.log: list[Event] = []
        self.states: dict[str, str] = {}
        self.attempts: dict[str, int] = {}
        self.children: dict[str, int] = {}
        self.held: set[str] = set()

    @property
    def now(self) -> float:
        return float(len(self.log) + 1)

    def say(self, event: Event) -> None:
        self.log.append(event)
        self.tree.apply(event)

    def become(self, job_id: str, state: str) -> str:
        self.states[job_id] = state
        return job_id

    # Lives.

    @initialize(target=queued)
    def begin(self) -> str:
        self.say(submitted("r", at=0.0))
        return self.become("r", "queued")

    @rule(target=queued, parent=running)
    def bear(self, parent: str) -> Any:
        number = self.children.get(parent, 0)
        ids = [f"{parent}.{number}", f"{parent}.{number + 1}"]
        self.children[parent] = number + 2
        self.say(submitted(*ids, at=self.now))
        return multiple(*(self.become(job_id, "queued") for job_id in ids))

    @rule(target=running, job_id=consumes(queued))
    def start(self, job_id: str) -> str:
        number = self.attempts[job_id] = self.attempts.get(job_id, 0) + 1
        self.say(started(job_id, attempt=number, at=self.now))
        return self.become(job_id, "running")

    @rule(target=waits, job_id=consumes(running))
    def wait(self, job_id: str) -> str:
        self.say(waiting(job_id, attempt=self.attempts[job_id], at=self.now))
        return self.become(job_id, "waiting")

    @rule(target=running, job_id=consumes(waits))
    def go_on(self, job_id: str) -> str:
        number = self.attempts[job_id]
        self.say(Continued(ids=(job_id,), attempts=(number,), at=self.now))
        return self.become(job_id, "running")

    @rule(target=over, job_id=consumes(running))
    def lose(self, job_id: str) -> str:
        self.say(attempt_failed(job_id, attempt=self.attempts[job_id], at=self.now))
        return job_id

    @rule(target=queued, job_id=consumes(over))
    def run_again(self, job_id: str) -> str:
        self.say(requeued(job_id, at=self.now))
        return self.become(job_id, "queued")

    @rule(job_id=consumes(over))
    def fail(self, job_id: str) -> None:
        self.say(failed(job_id, at=self.now))
        self.become(job_id, "failed")

    @rule(job_id=consumes(running))
    def complete(self, job_id: str) -> None:
        self.say(completed(job_id, attempt=self.attempts[job_id], at=self.now))
        self.become(job_id, "completed")

    @rule(job_id=consumes(queued))
    def cancel(self, job_id: str) -> None:
        self.say(cancelled(job_id, at=self.now))
        self.become(job_id, "cancelled")

    @rule(data=st.data())
    def hold_or_let_go(self, data: st.DataObject) -> None:
        job_id = data.draw(st.sampled_from(sorted(self.states)))
        kind = Resumed if job_id in self.held else PauseRequested
        self.held ^= {job_id}
        self.say(kind(ids=(job_id,), at=self.now))

    # What goes wrong on the way.

    @rule(data=st.data())
    def come_again(self, data: st.DataObject) -> None:
        for event in data.draw(st.lists(st.sampled_from(self.log), max_size=5)):
            self.tree.apply(event)

    @rule(data=st.data())
    def get_lost(self, data: st.DataObject) -> None:
        came = [event for event in self.log if data.draw(st.booleans())]

        for node in fold(came).nodes.values():
            if node.status in TERMINAL:
                assert node.status is self.tree[node.id].status

    # What is right.

    @invariant()
    def the_tree_is_that_of_the_log(self) -> None:
        assert self.tree.nodes == fold(self.log).nodes

    @invariant()
    def every_job_is_where_it_should_be(self) -> None:
        for job_id, state in self.states.items():
            node = self.tree[job_id]
            if not node.held_by:
                assert node.status is MODEL[state]
            assert node.attempt == self.attempts.get(job_id, 0)


Lives.TestCase.settings = settings(
    max_examples=60,
    stateful_step_count=40,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
TestLives = Lives.TestCase
