"""The live tree in a terminal, or plain lines of its milestones if the output is no terminal."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime
from types import TracebackType
from typing import Self

from rich.console import Console, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from parrot_async.model.models import TERMINAL, JobId, JobNode, JobStatus
from parrot_async.model.progress import elapsed, remaining
from parrot_async.model.tree import ACTIVE, UNSTARTED, JobTree
from parrot_async.report import facts
from parrot_async.report.outline import Outline, Rest, outline
from parrot_async.report.wording import ICONS, duration, percent, spent, state_words, ticking

REFRESHES = 8
"""Times a second that a terminal is drawn."""
BAR = 16
"""Columns of a progress bar."""
NARROW, WIDE = 60, 90
"""Columns below which there is no bar, and from which on times and money are shown."""
QUARTER = 25
"""Percent between two milestones."""
MANY = 50
"""Children, and failures, beyond which milestones are not printed job by job."""

_STYLES: dict[JobStatus, str] = {
    JobStatus.PLANNING: "dim",
    JobStatus.QUEUED: "dim",
    JobStatus.RUNNING: "cyan",
    JobStatus.WAITING_FOR_CHILDREN: "cyan",
    JobStatus.PAUSED: "yellow",
    JobStatus.COMPLETED: "green",
    JobStatus.FAILED: "bold red",
    JobStatus.CANCELLED: "yellow",
}


def render(
    tree: JobTree, *, width: int = 100, max_rows: int = 24, now: datetime | None = None
) -> RenderableType:
    """Return the tree in at most `max_rows` lines of `width` columns.

    Of a tree that has more jobs, running and failed ones are shown, and the others counted.
    """
    if tree.root_id is None:
        return Text("no job yet", style="dim")
    now = now or datetime.now(UTC)
    # An outline keeps a line below each parent for a count: not needed when all is shown.
    first, total = (max_rows, 2 * max_rows) if len(tree) <= max_rows else (0, max_rows)
    top = outline(tree, first=first, notable=max_rows, total=total)
    table = _grid(width)
    for here, level in top.walk():
        table.add_row(*_cells(here, level, width, now))
    return table


def _grid(width: int) -> Table:
    """Return a table with a line for each job: name, bar, percent, times and money."""
    table = Table.grid(padding=(0, 1), expand=False)
    table.width = width
    table.add_column(no_wrap=True, overflow="ellipsis", ratio=1)
    if width >= NARROW:
        table.add_column(no_wrap=True, width=BAR)
    table.add_column(no_wrap=True, justify="right", width=5)
    if width >= WIDE:
        table.add_column(no_wrap=True, overflow="ellipsis", max_width=40)
    return table


def _cells(here: Outline | Rest, level: int, width: int, now: datetime) -> Iterator[RenderableType]:
    if isinstance(here, Rest):
        yield Text("  " * level + facts.rest(here), style="dim")
        return
    node = here.node
    yield _name(node, level)
    if width >= NARROW:
        yield _bar(node)
    yield Text("" if node.status in UNSTARTED else percent(node))
    if width >= WIDE:
        yield Text(_times(node, now), style="dim")


def _name(node: JobNode, level: int) -> Text:
    """Return icon, title, state in words, and step or error; users' words never become markup."""
    style = _STYLES[node.status]
    cell = Text("  " * level)
    cell.append(f"{ICONS[node.status]} ", style)
    cell.append(facts.title(node))
    cell.append(f"  {state_words(node)}", style)
    said = facts.error(node.error) if node.error else facts.step(node)
    if said:
        cell.append(f"  {said}", "red" if node.error else "dim")
    return cell


def _bar(node: JobNode) -> RenderableType:
    if node.status in ACTIVE or node.depth == 0:
        return ProgressBar(
            completed=node.progress_percentage,
            width=BAR,
            complete_style="cyan",
            finished_style="green",
        )
    return ""


def _times(node: JobNode, now: datetime) -> str:
    """Return elapsed and remaining time, tokens and money, in few columns."""
    ran = elapsed(node, now)
    left = remaining(node, now) if node.status in ACTIVE else None
    took = duration(ran) if ran is None or node.status in TERMINAL else ticking(ran)
    parts = [took, "" if left is None else f"{ticking(left)} left"]
    usage = spent(node.usage).replace("tokens", "tok")
    return ", ".join(part for part in [*parts, usage] if part)


class TerminalTree:
    """Shows a tree as it changes: `with TerminalTree() as view: view.update(tree)`.

    On a terminal it draws in place, at most eight times a second. Elsewhere it prints plain lines:
    the milestones of the root and of the jobs directly below it, and failures. Call `update` about
    once a second even if nothing happens, so that the times stay right.
    """

    def __init__(self, console: Console | None = None) -> None:
        self._console = console or Console()
        self._live: Live | None = None
        self._milestones = Milestones()
        self._tree: JobTree | None = None
        self._shown_at = float("-inf")

    def __enter__(self) -> Self:
        if self._console.is_terminal:
            # Without a thread of its own: it would read the tree while events change it.
            self._live = Live(console=self._console, auto_refresh=False)
            self._live.start()
        return self

    def __exit__(
        self,
        error_type: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._show()
        if self._live is not None:
            self._live.stop()

    def update(self, tree: JobTree) -> None:
        """Show the tree as it is now; cheap if it was shown just before."""
        self._tree = tree
        now = time.monotonic()
        if now - self._shown_at >= 1 / REFRESHES:
            self._shown_at = now
            self._show()

    def _show(self) -> None:
        if self._tree is None:
            return
        if self._live is None:
            for words in self._milestones.new(self._tree):
                self._print(words)
            return
        width, height = self._console.size
        drawing = render(self._tree, width=width, max_rows=max(height - 1, 2))
        self._live.update(drawing, refresh=True)

    def _print(self, words: str) -> None:
        """Print a line as it is, with a question mark for each letter that the stream lacks."""
        encoding = self._console.encoding
        printable = words.encode(encoding, "replace").decode(encoding)
        self._console.print(Text(printable), soft_wrap=True, highlight=False)


class Milestones:
    """The lines of a log: starts, quarters, ends and failures, each only once."""

    def __init__(self) -> None:
        self._printed: dict[JobId, str] = {}
        self._failures = 0

    def new(self, tree: JobTree, now: datetime | None = None) -> Iterator[str]:
        """Yield the lines that have become due since the last call."""
        if tree.root_id is None:
            return
        now = now or datetime.now(UTC)
        yield from self._failed(tree)
        children = tree.root.children if len(tree.root.children) <= MANY else []
        for job_id in (*children, tree.root_id):
            yield from self._reached(tree[job_id], now)

    def _reached(self, node: JobNode, now: datetime) -> Iterator[str]:
        milestone = _milestone(node)
        if milestone and self._printed.get(node.id) != milestone:
            self._printed[node.id] = milestone
            said = facts.step(node) if node.depth == 0 else ""
            yield f"{facts.title(node)}: {facts.summary(node, now)}{said and f'; {said}'}"

    def _failed(self, tree: JobTree) -> Iterator[str]:
        """Yield the failures that were not printed yet, up to a bound."""
        for node in tree.walk():
            if self._failures > MANY:
                return
            if not facts.is_failure(node) or self._printed.get(node.id) == node.status.value:
                continue
            self._printed[node.id] = node.status.value
            self._failures += 1
            if self._failures > MANY:
                yield "more jobs failed: the report has them"
            else:
                yield f"{facts.title(node)}: {facts.end(node)}"


def _milestone(node: JobNode) -> str:
    """Return the last milestone that a job has passed; empty before it starts."""
    if node.status.terminal:
        return node.status.value
    if node.status is JobStatus.PAUSED:
        return node.status.value
    if node.status in UNSTARTED:
        return ""
    quarters = int(node.progress_percentage // QUARTER)
    return f"started, {quarters} of 4"
