"""What a worker tells the service, collected and sent as few events."""

import logging
import time
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import partial
from typing import Any, Protocol, TypeVar
from weakref import WeakKeyDictionary

from parrot_async.errors import ErrorInfo
from parrot_async.jobs.progress import JobProgress
from parrot_async.model import events
from parrot_async.model.events import Record
from parrot_async.model.models import LOG_LINES, JobId, JobResult, LogLine, Usage
from parrot_async.transport.outcome import error_info
from parrot_async.transport.secrets import KNOWN, redact
from parrot_async.transport.text import text_of

INTERVAL = 0.01
"""Seconds between two flushes, where others do not say more; the first one comes at once."""
START_DELAY = 0.003
"""Seconds that a start waits, so that the end of a quick job goes with it in one message."""
LINES_INTERVAL = 5.0
"""Seconds between two flushes of the lines of a job that has written MOST_LINES."""
MOST_LINES = 1000
PROGRESS_INTERVAL = 0.1
"""Seconds between two flushes of progress alone."""
SAVES_INTERVAL = 0.5
"""Seconds between two flushes of a job's state, of which the latest counts."""

R = TypeVar("R", bound=tuple[Any, ...])
SlotEvent = events.Waiting | events.Paused | events.Continued

logger = logging.getLogger(__name__)


class _Pace:
    """When an attempt's lines and states may be sent again, so that none floods the service."""

    __slots__ = ("bills", "lines_due", "lines_sent", "saved_due")

    def __init__(self) -> None:
        self.bills = 0
        """How many of its `Spent` were made, each of which has a number."""
        self.lines_sent = 0
        self.lines_due = 0.0
        self.saved_due = 0.0


class Attempted(Protocol):
    """The attempt that something is told about."""

    id: JobId
    attempt: int


_Failure = tuple[Attempted, float, ErrorInfo, bytes | None]


class Outbox:
    """Collects what attempts do until the next flush; of progress and states, the latest counts.

    Runs on: any thread; `flush` on the worker's loop.
    """

    def __init__(
        self,
        wake: Callable[[float], None],
        worker: str,
        spoiled: Callable[[Attempted], None] = lambda _: None,
    ) -> None:
        """`wake(seconds)` schedules a `flush` on the loop, from any thread.

        `spoiled` is called with an attempt that ends here, because what it did cannot be sent.
        """
        self._wake = wake
        self._spoiled = spoiled
        self._worker = worker
        self._started: deque[tuple[Attempted, float]] = deque()
        self._middle: deque[tuple[Attempted, LogLine | Usage]] = deque()
        self._lines: dict[Attempted, deque[LogLine]] = {}
        self._slot_events: dict[Attempted, type[SlotEvent]] = {}
        self._slot_told: dict[Attempted, type[SlotEvent]] = {}
        self._repeats_slots = False
        self._progress: dict[Attempted, JobProgress] = {}
        self._saved: dict[Attempted, tuple[float, bytes | None, str | None]] = {}
        self._completed: deque[tuple[Attempted, float, JobResult, bytes | None]] = deque()
        self._failed: deque[_Failure] = deque()
        self._unsent: list[_Failure] = []
        """Ends of attempts of which something could not be sent, of this flush."""
        # Few jobs print or save, and some print after their end: weak, and made when needed.
        self._paces: WeakKeyDictionary[Attempted, _Pace] = WeakKeyDictionary()
        self._scheduled = float("inf")
        self._last = 0.0

    def _due(self, interval: float, pause: float = 0.0) -> None:
        """Schedule a flush in `pause` seconds, but not within `interval` of the last one."""
        at = max(time.monotonic() + pause, self._last + interval)
        if at < self._scheduled - 0.001:
            self._scheduled = at
            self._wake(at - time.monotonic())

    def started(self, execution: Attempted) -> None:
        """Note that an attempt began."""
        self._started.append((execution, time.time()))
        self._due(INTERVAL, START_DELAY)

    def progressed(self, execution: Attempted, progress: JobProgress) -> None:
        """Note that there is new progress, which the flush reads."""
        if execution not in self._progress:
            self._progress[execution] = progress
            self._due(PROGRESS_INTERVAL, START_DELAY)

    def logged(self, execution: Attempted, line: LogLine) -> None:
        """Note a line that a job logged, printed or warned."""
        self._middle.append((execution, line))
        self._due(PROGRESS_INTERVAL)

    def spent(self, execution: Attempted, usage: Usage) -> None:
        """Note that a job used tokens or money, which goes out with the loop's next turn.

        Money is spent for good, and what was not sent dies with the worker.
        """
        self._middle.append((execution, usage))
        self._due(0.0)

    def slot_changed(self, execution: Attempted, kind: "type[SlotEvent]") -> None:
        """Note that a job freed its slot, or takes it again; only the latest is told."""
        self._slot_events[execution] = kind
        self._due(INTERVAL)

    def saved(self, execution: Attempted, data: bytes | None, url: str | None) -> None:
        """Note a state that a job saved, or its URL; only the latest is told."""
        is_first = execution not in self._saved
        self._saved[execution] = time.time(), data, url
        if is_first:
            self._due(INTERVAL, self._pace(execution).saved_due - time.monotonic())

    def completed(self, execution: Attempted, result: JobResult, data: bytes | None) -> None:
        """Note that an attempt returned; a big result has its URL in `result`, and no data."""
        self._completed.append((execution, time.time(), result, data))
        self._due(INTERVAL)

    def failed(self, execution: Attempted, error: ErrorInfo, data: bytes | None) -> None:
        """Note that an attempt raised, or was stopped; `data` is the pickled exception."""
        self._failed.append((execution, time.time(), error, data))
        self._due(INTERVAL)

    def flush(self) -> list[Record]:
        """Return all that was collected, and forget it; each job's events are in their order.

        What cannot be sent is left out, alone, and its attempt ends with an error that says so.
        """
        self._scheduled = float("inf")
        self._last = time.monotonic()
        ends = self._take(self._completed), self._take(self._failed)
        unsent = self._unsent = []
        # Before the starts: other threads add meanwhile, and no job waits before it has started.
        slot_changes = self._slot_changes()
        records = [*self._starts(), *self._progresses()]
        for execution, *_ in ends[0]:
            self._saved.pop(execution, None)
        if self._middle or self._lines or self._saved:
            ended = {entry[0] for some in ends for entry in some}
            records += [*self._happenings(ended), *self._saves(ended)]
        records += [*slot_changes, *self._returns(ends[0]), *self._raises(ends[1])]
        return [*records, *self._raises(list(unsent))] if unsent else records

    def _records(self, rows: list[R], build: "Callable[[list[R]], Record]") -> list[Record]:
        """Return the rows, each of which begins with its attempt, as one record if they can be."""
        if not rows:
            return []
        try:
            return [build(rows)]
        except Exception:  # noqa: BLE001 - the loop below finds, and names, the rows to blame
            return [record for row in rows for record in self._record_alone(row, build)]

    def _record_alone(self, row: R, build: "Callable[[list[R]], Record]") -> list[Record]:
        try:
            return [build([row])]
        except Exception as exc:
            attempt: Attempted = row[0]
            logger.exception("job %s did what cannot be sent: it ends as failed", attempt.id)
            self._unsent.append((attempt, time.time(), _unsendable(exc), None))
            self._spoiled(attempt)
            return []

    @staticmethod
    def _take(entries: "deque[Any]") -> list[Any]:
        """Empty a deque to which other threads append."""
        return [entries.popleft() for _ in range(len(entries))]

    def _starts(self) -> list[Record]:
        return self._records(self._take(self._started), self._start)

    def _start(self, taken: list[tuple[Attempted, float]]) -> Record:
        started = events.Started(
            ids=tuple(execution.id for execution, _ in taken),
            attempts=tuple(execution.attempt for execution, _ in taken),
            at=tuple(at for _, at in taken),
            worker=self._worker,
        )
        return Record(events.dump(started))

    def _progresses(self) -> list[Record]:
        dirty = [self._progress.popitem() for _ in range(len(self._progress))]
        return self._records(dirty, _progressed)

    def _happenings(self, ended: set[Attempted]) -> list[Record]:
        """Return the usage, summed up by job and API, and the lines of each job."""
        spent: dict[tuple[Attempted, str], list[Usage]] = {}
        for execution, what in self._take(self._middle):
            if isinstance(what, Usage):
                spent.setdefault((execution, what.api), []).append(what)
            else:
                self._lines.setdefault(execution, deque(maxlen=LOG_LINES)).append(what)
        usages = [(each, self._number(each), some) for (each, _), some in spent.items()]
        happened = [record for row in usages for record in self._records([row], _spent)]
        lines = self._lines_of(ended)
        return happened + [record for row in lines for record in self._records([row], _logged)]

    def _number(self, execution: Attempted) -> int:
        """Return the number of an attempt's next bill, by which the service knows repeats."""
        pace = self._pace(execution)
        pace.bills += 1
        return pace.bills

    def _lines_of(self, ended: set[Attempted]) -> list[tuple[Attempted, deque[LogLine]]]:
        """Return what jobs wrote; of one that writes much, the latest lines every few seconds."""
        logged: list[tuple[Attempted, deque[LogLine]]] = []
        for execution, lines in list(self._lines.items()):
            pace = self._pace(execution)
            much = pace.lines_sent >= MOST_LINES
            if much and execution not in ended and self._last < pace.lines_due:
                self._due(LINES_INTERVAL)
                continue
            pace.lines_sent += len(lines)
            pace.lines_due = self._last + LINES_INTERVAL
            del self._lines[execution]
            logged.append((execution, lines))
        return logged

    def _pace(self, execution: Attempted) -> _Pace:
        return self._paces.setdefault(execution, _Pace())

    def _saves(self, ended: set[Attempted]) -> list[Record]:
        rows: list[tuple[Attempted, float, str | None, bytes | None]] = []
        for execution in list(self._saved):
            pace = self._pace(execution)
            left = pace.saved_due - self._last
            if left > 0 and execution not in ended:
                self._due(INTERVAL, left)
                continue
            pace.saved_due = self._last + SAVES_INTERVAL
            at, data, url = self._saved.pop(execution)
            rows.append((execution, at, url, data))
        return self._records(rows, _checkpointed)

    def repeat_slots(self) -> None:
        """Have the next flush tell again which jobs wait or rest, if it was not heard."""
        self._repeats_slots = True

    def _slot_changes(self) -> list[Record]:
        """Return which jobs wait, rest or go on, where that is not what was told last."""
        by_kind: dict[type[SlotEvent], list[tuple[Attempted]]] = {}
        if self._repeats_slots:
            self._repeats_slots = False
            for execution, kind in self._slot_told.items():
                if kind is not events.Continued:
                    by_kind.setdefault(kind, []).append((execution,))
        for _ in range(len(self._slot_events)):
            execution, kind = self._slot_events.popitem()
            if self._slot_told.get(execution, events.Continued) is not kind:
                self._slot_told[execution] = kind
                by_kind.setdefault(kind, []).append((execution,))
        changes = by_kind.items()
        return [r for kind, rows in changes for r in self._records(rows, partial(_changed, kind))]

    def _forget(self, ended: Iterable[Attempted]) -> None:
        for execution in ended:
            self._slot_told.pop(execution, None)

    def _returns(
        self, taken: list[tuple[Attempted, float, JobResult, bytes | None]]
    ) -> list[Record]:
        self._forget(entry[0] for entry in taken)
        return self._records(taken, _completed)

    def _raises(self, taken: list[_Failure]) -> list[Record]:
        self._forget(entry[0] for entry in taken)
        return self._records(taken, _failed)


def _without_secrets(lines: Iterable[LogLine]) -> tuple[LogLine, ...]:
    """Return lines as they may be shown: one may have become whole, or a secret known, by now."""
    found = tuple(lines)
    KNOWN.look()
    if KNOWN.is_clean("\n".join([line.text for line in found])):
        return found
    return tuple(LogLine(line.at, line.level, redact(line.text)) for line in found)


def _unsendable(exc: Exception) -> ErrorInfo:
    return replace(
        error_info(exc, ours=True), message=f"what it did cannot be sent: {text_of(exc, 500)}"
    )


def _progressed(rows: list[tuple[Attempted, JobProgress]]) -> Record:
    counts = [progress.counts() for _, progress in rows]
    event = events.Progressed(
        ids=tuple(execution.id for execution, _ in rows),
        attempts=tuple(execution.attempt for execution, _ in rows),
        percents=tuple(progress.percent for _, progress in rows),
        steps=tuple(redact(progress.step) for _, progress in rows),
        done=tuple(done for done, _ in counts),
        totals=tuple(total for _, total in counts),
    )
    return Record(events.dump(event))


def _spent(rows: list[tuple[Attempted, int, list[Usage]]]) -> Record:
    ((execution, number, usages),) = rows
    usage = sum(usages[1:], usages[0])
    event = events.Spent(id=execution.id, attempt=execution.attempt, usage=usage, number=number)
    return Record(events.dump(event))


def _logged(rows: list[tuple[Attempted, deque[LogLine]]]) -> Record:
    ((execution, lines),) = rows
    event = events.Logged(id=execution.id, attempt=execution.attempt, lines=_without_secrets(lines))
    return Record(events.dump(event))


def _checkpointed(rows: list[tuple[Attempted, float, str | None, bytes | None]]) -> Record:
    columns = [(each.id, each.attempt, at, url, data) for each, at, url, data in rows]
    return events.CheckpointedRows(columns).build()[1]


def _changed(kind: type[SlotEvent], rows: list[tuple[Attempted]]) -> Record:
    ids = tuple(execution.id for (execution,) in rows)
    attempts = tuple(execution.attempt for (execution,) in rows)
    return Record(events.dump(kind(ids=ids, attempts=attempts, at=time.time())))


def _completed(rows: list[tuple[Attempted, float, JobResult, bytes | None]]) -> Record:
    columns = [(each.id, each.attempt, at, result, data) for each, at, result, data in rows]
    return events.CompletedRows(columns).build()[1]


def _failed(rows: list[_Failure]) -> Record:
    columns = [(each.id, each.attempt, at, error, data) for each, at, error, data in rows]
    return events.AttemptFailedRows(columns).build()[1]
