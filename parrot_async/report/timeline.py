"""When which worker ran what: the attempts of a tree as bars, and as a static SVG."""

import heapq
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.resources import files

from parrot_async.model.models import Attempt, JobId, JobNode, JobStatus
from parrot_async.model.tree import JobTree
from parrot_async.report import facts
from parrot_async.report.wording import duration, html_text, line, status_word

BARS = 500
"""Attempts that are shown, the longest ones."""
LANES = 60
"""Lines of bars; what does not fit is counted."""
WIDTH, LABEL, LANE, GAP, AXIS = 960.0, 150.0, 16.0, 8.0, 22.0
"""Pixels: width of the SVG and of the workers' names; height of a line, a gap and the axis."""
LEAST = 2.0
"""Pixels of the shortest bar."""
LETTER = 6.2
"""Pixels of a letter, about."""
TICKS = 8
"""Most marks of the axis."""

STYLE = files("parrot_async.report").joinpath("timeline.css").read_text("utf-8")


@dataclass(slots=True, frozen=True)
class Bar:
    """One attempt of one job; times are seconds since the epoch, UTC."""

    worker: str
    title: str
    status: JobStatus
    """Completed, failed, cancelled, or running where it has no end."""
    begin: float
    end: float | None

    def seconds(self, now: float) -> float:
        """Return the seconds that it took, or takes until now."""
        return max((now if self.end is None else self.end) - self.begin, 0.0)


def bars(
    tree: JobTree, job_id: JobId | None = None, most: int = BARS, now: float | None = None
) -> list[Bar]:
    """Return the longest attempts of a job and all below it, the earliest first."""
    now = datetime.now(UTC).timestamp() if now is None else now
    made = (_bar(node, attempt) for node in tree.walk(job_id) for attempt in node.attempts)
    longest = heapq.nlargest(most, made, key=lambda bar: bar.seconds(now))
    return sorted(longest, key=lambda bar: bar.begin)


def _bar(node: JobNode, attempt: Attempt) -> Bar:
    end = attempt.ended_at
    return Bar(
        worker=attempt.worker.rpartition("/")[2] or "no worker",
        title=facts.title(node),
        status=_status(attempt),
        begin=attempt.started_at.timestamp(),
        end=None if end is None else end.timestamp(),
    )


def _status(attempt: Attempt) -> JobStatus:
    if attempt.ended_at is None:
        return JobStatus.RUNNING
    if attempt.error is None:
        return JobStatus.COMPLETED
    stopped = attempt.error.kind.startswith("cancelled")
    return JobStatus.CANCELLED if stopped else JobStatus.FAILED


@dataclass(slots=True)
class _Lanes:
    """The bars of one worker, in as few lines as they need so that none covers another."""

    worker: str
    rows: list[list[Bar]] = field(default_factory=list)

    def add(self, bar: Bar) -> None:
        for row in self.rows:
            if row[-1].end is not None and row[-1].end <= bar.begin:
                row.append(bar)
                return
        self.rows.append([bar])


class Timeline:
    """A picture of when which worker ran what: a notebook shows it, `svg()` returns it."""

    def __init__(
        self, tree: JobTree, job_id: JobId | None = None, *, now: datetime | None = None
    ) -> None:
        """Take the attempts of the tree as it is now."""
        self._now = (now or datetime.now(UTC)).timestamp()
        self._bars = bars(tree, job_id, BARS, self._now)
        self._title = facts.title(tree.root if job_id is None else tree[job_id])
        self._begin = min((bar.begin for bar in self._bars), default=self._now)
        ends = (bar.begin + bar.seconds(self._now) for bar in self._bars)
        self._seconds = max(max(ends, default=0.0) - self._begin, 0.001)

    def __repr__(self) -> str:
        """Say how much there is to see."""
        return f"<timeline of {self._title!r}: {len(self._bars):,} attempts>"

    def svg(self) -> str:
        """The picture as one SVG element with its own style; all text in it is escaped."""
        workers = _by_worker(self._bars)
        left_out = _fit(workers)
        height = sum(len(lanes.rows) * LANE + GAP for lanes in workers) + AXIS
        label = html_text(f"Timeline of {self._title}")
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" class="parrot-timeline" role="img"'
            f' viewBox="0 0 {WIDTH:.0f} {height:.0f}" aria-label="{label}">'
            f"<style>{STYLE}</style>{_HATCH}"
            f"{''.join(self._axis(height, left_out))}{''.join(self._drawn(workers))}</svg>"
        )

    def _repr_svg_(self) -> str:
        return self.svg()

    def _repr_html_(self) -> str:
        return f'<div class="parrot-timeline-box">{self.svg()}</div>'

    def _drawn(self, workers: list[_Lanes]) -> Iterator[str]:
        top = 0.0
        for lanes in workers:
            yield _text(0, top + LANE - 4, _fitting(lanes.worker, LABEL - 8), "parrot-worker")
            for row in lanes.rows:
                yield from (self._rectangle(bar, top) for bar in row)
                top += LANE
            top += GAP

    def _rectangle(self, bar: Bar, top: float) -> str:
        """Return a bar with its words in a tooltip, and on the bar if there is room."""
        x, seconds = self._x(bar.begin), bar.seconds(self._now)
        width = max(self._x(bar.begin + seconds) - x, LEAST)
        said = f"{bar.title}: {status_word(bar.status)}, {duration(seconds)}, on {bar.worker}"
        words = _fitting(f"{_MARKS[bar.status]}{bar.title}", width - 6)
        label = _text(x + 3, top + LANE - 4.5, words, "parrot-name") if words else ""
        return (
            f'<g class="parrot-bar parrot-{bar.status.value}"><title>{html_text(said)}</title>'
            f'<rect x="{x:.1f}" y="{top + 1:.1f}" width="{width:.1f}" height="{LANE - 2:.1f}"/>'
            f"{label}</g>"
        )

    def _axis(self, height: float, left_out: int) -> Iterator[str]:
        step = _step(self._seconds)
        at = 0.0
        while at <= self._seconds:
            x = self._x(self._begin + at)
            yield f'<path d="M{x:.1f} 0V{height - AXIS:.1f}" class="parrot-grid"/>'
            yield _text(x + 2, height - 7, duration(at), "parrot-tick")
            at += step
        if left_out:
            yield _text(0, height - 7, f"… and {left_out:,} more", "parrot-tick")

    def _x(self, at: float) -> float:
        return LABEL + (WIDTH - LABEL) * (at - self._begin) / self._seconds


_MARKS = {
    JobStatus.COMPLETED: "",
    JobStatus.RUNNING: "▶ ",
    JobStatus.FAILED: "✘ ",
    JobStatus.CANCELLED: "⊘ ",
}
_HATCH = (
    '<defs><pattern id="parrot-hatch" width="6" height="6" patternUnits="userSpaceOnUse"'
    ' patternTransform="rotate(45)"><path d="M0 0V6" class="parrot-hatch"/></pattern></defs>'
)


def _by_worker(all_bars: list[Bar]) -> list[_Lanes]:
    """Return the lines of each worker; the worker that began first is at the top."""
    workers: dict[str, _Lanes] = {}
    for bar in all_bars:
        workers.setdefault(bar.worker, _Lanes(bar.worker)).add(bar)
    return list(workers.values())


def _fit(workers: list[_Lanes]) -> int:
    """Remove lines if there are too many, each worker's last; returns how many bars are gone."""
    count = sum(len(row) for lanes in workers for row in lanes.rows)
    del workers[LANES:]
    for lanes in workers:
        del lanes.rows[max(LANES // len(workers), 1) :]
    return count - sum(len(row) for lanes in workers for row in lanes.rows)


def _step(seconds: float) -> float:
    """Return a round number of seconds between two marks of the axis."""
    steps = (0.1, 0.5, 1, 5, 10, 30, 60, 300, 600, 1800, 3600, 4 * 3600, 86400)
    return next((step for step in steps if seconds / step <= TICKS), seconds / TICKS)


def _fitting(words: str, width: float) -> str:
    """Return as much of a text as there is room for; nothing if that is less than a letter."""
    room = int(width / LETTER)
    return line(words, room) if room > 1 else ""


def _text(x: float, y: float, words: str, name: str) -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" class="{name}">{html_text(words)}</text>'
