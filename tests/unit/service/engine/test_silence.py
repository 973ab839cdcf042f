"""Attempts of which nothing is heard: the worker is asked, and what it does not have is lost."""

from typing import Any

import pytest

from parrot_async.service.engine import silence as module
from parrot_async.service.engine.silence import Silence
from parrot_async.service.engine.state import TrackedJob
from parrot_async.transport.messages import attempts_of
from tests.unit.service.engine.parts import WORKER, Engine, asked, turns


class Clock:
    """The clock of the service: it only goes on when it is told to."""

    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        return self.now

    def time(self) -> float:
        return self.now


class Listening:
    """An engine that asks its workers, and what they were asked."""

    def __init__(self, engine: Engine, clock: Clock) -> None:
        self.engine = engine
        self.clock = clock
        executor = engine.executor
        self.silence = Silence(
            engine.dispatch,
            engine.workers,
            lost=executor.unheard,
            begun=executor.begun,
            timed_out=executor.stopping.time_out,
        )

    def questions(self) -> list[int]:
        """Return the numbers of all questions."""
        controls = self.engine.workers.controls
        return [said["number"] for _, asked, said in controls if asked.name == "list_attempts"]

    def wait(self, seconds: float) -> int:
        """Let time pass, with a look each second; returns how many questions there were."""
        before = len(self.questions())
        for _ in range(int(seconds)):
            self.clock.now += 1
            self.silence.look()
        return len(self.questions()) - before

    async def answer(
        self, running: tuple[TrackedJob, ...] = (), queued: tuple[TrackedJob, ...] = ()
    ) -> None:
        """Answer the latest question."""
        runs, waits = (attempts_of((j.id, j.attempt) for j in some) for some in (running, queued))
        self.silence.answered(WORKER, self.questions()[-1], runs, waits)
        await turns()

    async def job(self, name: str = "a", **spec: Any) -> TrackedJob:
        """Send a job to the worker."""
        self.engine.dispatch.add_worker(WORKER, ["cpu"], 8)
        job = await self.engine.submit(asked(name, **spec))
        job.sent = self.clock.now
        return job


@pytest.fixture
def listening(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> Listening:
    clock = Clock()
    monkeypatch.setattr(module, "time", clock)
    return Listening(engine, clock)


async def test_a_worker_is_asked_when_nothing_was_heard_for_a_while(listening: Listening) -> None:
    await listening.job()

    assert listening.wait(4) == 0
    assert listening.wait(3) == 1


async def test_what_the_worker_does_not_have_is_lost_and_runs_again(listening: Listening) -> None:
    job = await listening.job()
    listening.wait(7)

    await listening.answer()

    assert (job.attempt, job.state, job.lost) == (2, "sent", 1)
    assert await listening.engine.kinds("a") == [
        "submitted",
        "started",
        "attempt_failed",
        "requeued",
    ]


async def test_a_job_whose_end_is_never_heard_is_given_up(listening: Listening) -> None:
    job = await listening.job()

    for _ in range(4):
        job.sent = listening.clock.now
        listening.wait(7)
        await listening.answer()

    error = listening.engine.error("a")
    assert (job.state, job.attempt) == ("ended", 4)
    assert error is not None
    assert error.kind == "lost"
    assert "does not have it" in error.message


async def test_a_running_job_whose_end_was_lost_runs_again_too(listening: Listening) -> None:
    job = await listening.job()
    await listening.engine.started(job)
    listening.wait(7)

    await listening.answer()

    assert (job.attempt, job.lost) == (2, 1)


async def test_jobs_that_the_worker_has_go_on(listening: Listening) -> None:
    running, queued = await listening.job("a"), await listening.job("b")
    await listening.engine.started(running)
    listening.wait(7)

    await listening.answer(running=(running,), queued=(queued,))

    assert (running.state, queued.state) == ("running", "sent")
    assert (running.attempt, queued.attempt) == (1, 1)


async def test_a_job_that_runs_for_long_is_asked_for_ever_more_seldom(
    listening: Listening,
) -> None:
    job = await listening.job()
    await listening.engine.started(job)
    questions = 0

    for _ in range(600):
        if listening.wait(1):
            questions += 1
            await listening.answer(running=(job,))

    assert 8 <= questions <= 16
    assert job.state == "running"


async def test_a_busy_worker_is_given_ever_more_time_and_loses_nothing(
    listening: Listening,
) -> None:
    job = await listening.job()

    questions = listening.wait(300)

    assert 4 <= questions <= 9
    assert (job.state, job.attempt) == ("sent", 1)


async def test_a_job_that_was_sent_after_the_question_is_not_lost(listening: Listening) -> None:
    first = await listening.job("a")
    listening.wait(7)
    listening.clock.now += 0.5
    second = await listening.job("b")

    await listening.answer(running=(first,))

    assert (second.state, second.attempt) == ("sent", 1)


async def test_an_answer_to_an_older_question_says_nothing(listening: Listening) -> None:
    job = await listening.job()
    listening.wait(20)
    assert len(listening.questions()) > 1

    nothing = attempts_of([])
    listening.silence.answered(WORKER, listening.questions()[0], nothing, nothing)
    await turns()

    assert (job.state, job.attempt) == ("sent", 1)


async def test_a_job_that_runs_unheard_times_out(listening: Listening) -> None:
    job = await listening.job(timeout=0.01)
    listening.wait(7)

    await listening.answer(running=(job,))
    for _ in range(50):
        await turns()
        if job.stop is not None:
            break

    assert job.stop is not None
    assert job.stop.kind == "timeout"
    assert (await listening.engine.kinds("a"))[:2] == ["submitted", "started"]


async def test_a_job_of_a_worker_that_does_not_answer_times_out(listening: Listening) -> None:
    job = await listening.job(timeout=5.0)
    patient = await listening.job("b")

    listening.wait(40)

    assert job.stop is not None
    assert job.stop.kind == "timeout"
    assert patient.stop is None


async def test_a_job_that_waits_for_a_slot_on_its_worker_does_not_time_out(
    listening: Listening,
) -> None:
    job = await listening.job(timeout=5.0)

    for _ in range(100):
        if listening.wait(1):
            await listening.answer(queued=(job,))

    assert job.stop is None
