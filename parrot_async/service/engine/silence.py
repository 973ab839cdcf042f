"""Silence of workers: attempts of which nothing is heard are asked for, and may turn out lost.

A worker's messages arrive in their order. So when its answer is here, all that it reported before
is here too: an attempt that it got before the question, that it does not have, and whose end did
not arrive, has ended unheard.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import count

from parrot_async.service.engine.dispatch import Dispatch
from parrot_async.service.engine.placement import Placement
from parrot_async.service.engine.state import IN_FLIGHT, TrackedJob
from parrot_async.transport.messages import Attempts, each_attempt

LOOK = 1.0
"""Seconds between two looks at all attempts."""
SILENT = 5.0
"""Seconds after which an attempt is asked for, of which the service has heard nothing."""
LONGEST = 60.0
"""The same for attempts that their worker said to have, and for answers of a busy worker."""
UNHEARD = 30.0
"""Seconds beyond its timeout for which an attempt is waited for whose worker does not answer."""

logger = logging.getLogger(__name__)


@dataclass(slots=True)
class _Question:
    """What a worker was asked, and how long its answer is waited for."""

    number: int
    at: float
    since: float
    """Since when the worker owes an answer."""
    patience: float = SILENT
    answered: bool = False


class Silence:
    """Asks workers which attempts they have, where nothing was heard of some for a while.

    Runs on: the scheduler's loop.
    """

    def __init__(
        self,
        dispatch: Dispatch,
        placement: Placement,
        *,
        lost: Callable[[Sequence[TrackedJob], str], None],
        begun: Callable[[TrackedJob], None],
        timed_out: Callable[[TrackedJob], None],
    ) -> None:
        """Share the service's parts.

        `lost` is called with jobs whose worker does not have them, `begun` with one that runs
        although no start was heard, `timed_out` with one whose worker does not even say that.
        """
        self._dispatch = dispatch
        self._placement = placement
        self._lost = lost
        self._begun = begun
        self._timed_out = timed_out
        self._numbers = count(1)
        self._questions: dict[str, _Question] = {}

    async def keep(self) -> None:
        """Look at all attempts again and again."""
        while True:
            await asyncio.sleep(LOOK)
            self.look()

    def look(self) -> None:
        """Ask each worker that has an attempt of which nothing was heard for too long."""
        now = time.monotonic()
        workers = self._dispatch.jobs_by_worker()
        for worker in self._questions.keys() - workers.keys():
            del self._questions[worker]
        for worker, jobs in workers.items():
            if self._may_ask(worker, now) and any(_is_silent(job, now) for job in jobs):
                self._ask(worker, now)
            if self._is_mute(worker, now):
                for job in [job for job in jobs if _is_overdue(job, now)]:
                    self._timed_out(job)

    def _may_ask(self, worker: str, now: float) -> bool:
        question = self._questions.get(worker)
        return question is None or question.answered or now - question.at >= question.patience

    def _is_mute(self, worker: str, now: float) -> bool:
        question = self._questions.get(worker)
        return question is not None and not question.answered and now - question.since >= UNHEARD

    def _ask(self, worker: str, now: float) -> None:
        before = self._questions.get(worker)
        question = self._questions[worker] = _Question(next(self._numbers), now, now)
        if before is not None and not before.answered:
            # A worker that is busy answers late: the answer to an older question does not count.
            question.since = before.since
            question.patience = min(2 * before.patience, LONGEST)
            logger.warning(
                "the worker %s has not said for %.0f s which jobs it has: it is asked again",
                worker,
                now - before.at,
            )
        self._placement.runner(worker).list_attempts(question.number)

    def answered(self, worker: str, number: int, running: Attempts, queued: Attempts) -> None:
        """Take in which attempts a worker has: those that run, and those that wait for a slot."""
        question = self._questions.get(worker)
        if question is None or question.number != number:
            return
        question.answered = True
        runs, waits = set(each_attempt(running)), set(each_attempt(queued))
        asked = [job for job in self._dispatch.jobs_on(worker) if job.sent < question.at]
        self._confirm([job for job in asked if (job.id, job.attempt) in runs | waits])
        for job in asked:
            if job.state == "sent" and (job.id, job.attempt) in runs:
                self._begun(job)
        gone = [job for job in asked if (job.id, job.attempt) not in runs | waits]
        if gone:
            logger.error(
                "the worker %s does not have %d of its attempts, of which no end was heard: %s",
                worker,
                len(gone),
                ", ".join(job.id for job in gone[:10]),
            )
            self._lost(gone, f"its worker {worker} does not have it, and no end of it was heard")

    @staticmethod
    def _confirm(jobs: Iterable[TrackedJob]) -> None:
        now = time.monotonic()
        for job in jobs:
            job.confirmed = now


def _is_silent(job: TrackedJob, now: float) -> bool:
    """Whether nothing was heard of an attempt for longer than the last time."""
    if job.state not in IN_FLIGHT:
        return False
    patience = min(max(SILENT, job.confirmed - job.sent), LONGEST)
    return now - max(job.sent, job.confirmed) > patience


def _is_overdue(job: TrackedJob, now: float) -> bool:
    """Whether an attempt should have timed out, by when it was sent, and nobody knows of it."""
    timeout = job.node.spec.timeout
    if job.state != "sent" or not timeout or job.stop is not None or job.node.held_by:
        return False
    return now - max(job.sent, job.confirmed) > timeout + UNHEARD
