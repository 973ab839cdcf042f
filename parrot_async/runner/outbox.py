"""Everything that this worker has to tell the service, gathered and sent as few events."""

import time
from collections import deque
from collections.abc import Callable, Iterable
from typing import Any, Protocol
from weakref import WeakKeyDictionary

from parrot_async.errors import ErrorInfo
from parrot_async.jobs.progress import JobProgress
from parrot_async.model import events
from parrot_async.model.events import Event, Record
from parrot_async.model.models import LOG_LINES, JobId, JobResult, LogLine, Usage

INTERVAL = 0.01
"""Seconds between two sendings while there is much to say; the first one goes at once."""
SHORT = 0.003
"""Seconds that the news of a start waits for company."""
LINES_INTERVAL = 5.0
"""Seconds between two sendings of what a job writes that has written MOST_LINES."""
MOST_LINES = 1000
PROGRESS_INTERVAL = 0.1
"""Seconds between two sendings of progress alone."""
SAVES_INTERVAL = 0.5
"""Seconds between two sendings of a job's state, of which the latest counts."""


Turn = events.Waiting | events.Paused | events.Continued


class _Pace:
    """When an attempt's lines and states may be sent again, so that none floods the service."""

    __slots__ = ("lines_due", "lines_sent", "saved_due")

    def __init__(self) -> None:
        self.lines_sent = 0
        self.lines_due = 0.0
        self.saved_due = 0.0


class Attempted(Protocol):
    """The execution that something is said about."""

    id: JobId
    attempt: int


class Outbox:
    """Collects from any thread, sends from the worker's loop; the latest progress wins."""

    def __init__(self, wake: Callable[[float], None], worker: str) -> None:
        """`wake(seconds)` has `flush` called on the loop after so long, from any thread."""
        self._wake = wake
        self._worker = worker
        self._started: deque[tuple[Attempted, float]] = deque()
        self._middle: deque[tuple[Attempted, LogLine | Usage]] = deque()
        self._lines: dict[Attempted, deque[LogLine]] = {}
        self._turned: dict[Attempted, type[Turn]] = {}
        self._said: dict[Attempted, type[Turn]] = {}
        self._progress: dict[Attempted, JobProgress] = {}
        self._saved: dict[Attempted, tuple[float, bytes | None, str | None]] = {}
        self._completed: deque[tuple[Attempted, float, JobResult, bytes | None]] = deque()
        self._failed: deque[tuple[Attempted, float, ErrorInfo, bytes | None]] = deque()
        # Few jobs print or save, and some print after their end: weak, and made when needed.
        self._paces: WeakKeyDictionary[Attempted, _Pace] = WeakKeyDictionary()
        self._scheduled = float("inf")
        self._last = 0.0

    def _due(self, interval: float, pause: float = 0.0) -> None:
        """Have it all sent, `pause` seconds from now, and `interval` after the last time at least.

        A pause gives what follows at once the time to go along, as the end of a quick job does.
        """
        at = max(time.monotonic() + pause, self._last + interval)
        if at < self._scheduled - 0.001:
            self._scheduled = at
            self._wake(at - time.monotonic())

    def started(self, execution: Attempted) -> None:
        """An attempt began."""
        self._started.append((execution, time.time()))
        self._due(INTERVAL, SHORT)

    def progressed(self, execution: Attempted, progress: JobProgress) -> None:
        """There is new progress, which is read when it is sent."""
        if execution not in self._progress:
            self._progress[execution] = progress
            self._due(PROGRESS_INTERVAL, SHORT)

    def logged(self, execution: Attempted, line: LogLine) -> None:
        """A job logged, printed or warned."""
        self._middle.append((execution, line))
        self._due(PROGRESS_INTERVAL)

    def spent(self, execution: Attempted, usage: Usage) -> None:
        """A job used tokens or money."""
        self._middle.append((execution, usage))
        self._due(PROGRESS_INTERVAL)

    def turned(self, execution: Attempted, kind: "type[Turn]") -> None:
        """A job gave its slot back, or wants it again; only the latest is told."""
        self._turned[execution] = kind
        self._due(INTERVAL)

    def saved(self, execution: Attempted, data: bytes | None, url: str | None) -> None:
        """A job saved a state; only the latest is told."""
        is_first = execution not in self._saved
        self._saved[execution] = time.time(), data, url
        if is_first:
            self._due(INTERVAL, self._pace(execution).saved_due - time.monotonic())

    def completed(self, execution: Attempted, result: JobResult, data: bytes | None) -> None:
        """An attempt returned."""
        self._completed.append((execution, time.time(), result, data))
        self._due(INTERVAL)

    def failed(self, execution: Attempted, error: ErrorInfo, data: bytes | None) -> None:
        """An attempt raised, or was stopped."""
        self._failed.append((execution, time.time(), error, data))
        self._due(INTERVAL)

    def flush(self) -> list[Record]:
        """Return all that was collected, each job's events in their order."""
        self._scheduled = float("inf")
        self._last = time.monotonic()
        ends = self._take(self._completed), self._take(self._failed)
        records = [*self._starts(), *self._progresses()]
        for execution, *_ in ends[0]:
            self._saved.pop(execution, None)
        if self._middle or self._lines or self._saved:
            ended = {entry[0] for some in ends for entry in some}
            records += [*self._happenings(ended), *self._saves(ended)]
        return [*records, *self._turns(), *self._returns(ends[0]), *self._raises(ends[1])]

    @staticmethod
    def _take(entries: "deque[Any]") -> list[Any]:
        """Empty a deque that other threads append to."""
        return [entries.popleft() for _ in range(len(entries))]

    def _starts(self) -> list[Record]:
        if not (taken := self._take(self._started)):
            return []
        started = events.Started(
            ids=tuple(execution.id for execution, _ in taken),
            attempts=tuple(execution.attempt for execution, _ in taken),
            at=tuple(at for _, at in taken),
            worker=self._worker,
        )
        return [Record(events.dump(started))]

    def _progresses(self) -> list[Record]:
        if not self._progress:
            return []
        dirty = [self._progress.popitem() for _ in range(len(self._progress))]
        counts = [progress.counts() for _, progress in dirty]
        progressed = events.Progressed(
            ids=tuple(execution.id for execution, _ in dirty),
            attempts=tuple(execution.attempt for execution, _ in dirty),
            percents=tuple(progress.percent for _, progress in dirty),
            steps=tuple(progress.step for _, progress in dirty),
            done=tuple(done for done, _ in counts),
            totals=tuple(total for _, total in counts),
        )
        return [Record(events.dump(progressed))]

    def _happenings(self, ended: set[Attempted]) -> list[Record]:
        """Return usage, summed up by job and API, and the lines of each job together."""
        spent: dict[tuple[Attempted, str], Usage] = {}
        for execution, what in self._take(self._middle):
            if isinstance(what, Usage):
                place = execution, what.api
                spent[place] = spent[place] + what if place in spent else what
            else:
                self._lines.setdefault(execution, deque(maxlen=LOG_LINES)).append(what)
        happened: list[Event] = [
            events.Spent(id=execution.id, attempt=execution.attempt, usage=usage)
            for (execution, _), usage in spent.items()
        ]
        happened += self._lines_of(ended)
        return [Record(events.dump(event)) for event in happened]

    def _lines_of(self, ended: set[Attempted]) -> list[Event]:
        """Return what jobs wrote; of one that writes without end, the latest now and then."""
        said: list[Event] = []
        for execution, lines in list(self._lines.items()):
            pace = self._pace(execution)
            much = pace.lines_sent >= MOST_LINES
            if much and execution not in ended and self._last < pace.lines_due:
                self._due(LINES_INTERVAL)
                continue
            pace.lines_sent += len(lines)
            pace.lines_due = self._last + LINES_INTERVAL
            del self._lines[execution]
            event = events.Logged(id=execution.id, attempt=execution.attempt, lines=tuple(lines))
            said.append(event)
        return said

    def _pace(self, execution: Attempted) -> _Pace:
        return self._paces.setdefault(execution, _Pace())

    def _saves(self, ended: set[Attempted]) -> list[Record]:
        rows = events.CheckpointedRows()
        for execution in list(self._saved):
            pace = self._pace(execution)
            left = pace.saved_due - self._last
            if left > 0 and execution not in ended:
                self._due(INTERVAL, left)
                continue
            pace.saved_due = self._last + SAVES_INTERVAL
            at, data, url = self._saved.pop(execution)
            rows.append((execution.id, execution.attempt, at, url, data))
        return [rows.build()[1]] if rows else []

    def _turns(self) -> list[Record]:
        """Return who waits, who rests and who goes on, where that is news."""
        by_kind: dict[type[Turn], list[Attempted]] = {}
        for _ in range(len(self._turned)):
            execution, kind = self._turned.popitem()
            if self._said.get(execution, events.Continued) is not kind:
                self._said[execution] = kind
                by_kind.setdefault(kind, []).append(execution)
        return [_turn(kind, some) for kind, some in by_kind.items()]

    def _forget(self, ended: Iterable[Attempted]) -> None:
        for execution in ended:
            self._said.pop(execution, None)

    def _returns(
        self, taken: list[tuple[Attempted, float, JobResult, bytes | None]]
    ) -> list[Record]:
        self._forget(entry[0] for entry in taken)
        rows = [(each.id, each.attempt, at, result, data) for each, at, result, data in taken]
        return [events.CompletedRows(rows).build()[1]] if rows else []

    def _raises(
        self, taken: list[tuple[Attempted, float, ErrorInfo, bytes | None]]
    ) -> list[Record]:
        self._forget(entry[0] for entry in taken)
        rows = [(each.id, each.attempt, at, error, data) for each, at, error, data in taken]
        return [events.AttemptFailedRows(rows).build()[1]] if rows else []


def _turn(kind: type[Turn], executions: list[Attempted]) -> Record:
    ids = tuple(execution.id for execution in executions)
    attempts = tuple(execution.attempt for execution in executions)
    return Record(events.dump(kind(ids=ids, attempts=attempts, at=time.time())))
