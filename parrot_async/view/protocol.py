"""What a view in the browser and its Python side say to each other: plain JSON, one comm a view.

The saved state of a view is its `snapshot` trait; all else are custom messages, so that clicks
arrive while a cell runs and a reload gets the present, not ten thousand stale deltas. Times are
seconds since the epoch, UTC; durations are seconds. Fields with their default are left out.

Below a live view lies its inert twin, static HTML in a `<div class="parrot-static">` in an output
of its own, for the times without a kernel. The stylesheet hides it while a view is alive in the
same cell: `:is(.jp-OutputArea, .output):has(.parrot-jobs) .parrot-static { display: none }`, where
`parrot-jobs` is the class of the view's own outermost element.
"""

from typing import Annotated, Literal, NotRequired, TypedDict

from parrot_async.model.models import JobStatus

Action = Literal["cancel", "pause", "resume", "retry", "retry_failed"]
Status = Annotated[str, JobStatus]
"""The value of a JobStatus."""
Counts = dict[Status, int]
"""Jobs by status."""
Totals = dict[str, float | str]
"""Of a panel: active, queued, finished, cost, seconds; and `matching`, the rows that its filter
finds, of which it is sent no more than it has asked for."""
LogEntry = tuple[float, str, str]
"""Time, level and text."""
Spent = tuple[str, int, int, str]
"""API, tokens in and out, and cost."""
Tried = tuple[int, str, float, float | None, str]
"""Of an attempt: number, worker, begin, end, error's first line."""
Bar = tuple[str, str, Status, float, float | None]
"""Of an attempt in a timeline: worker, title, status, begin and end."""


class Row(TypedDict):
    """One job as a view shows it; a parent comes before its children."""

    id: str
    parent: NotRequired[str]
    """Left out of the row that the view is rooted at."""
    title: str
    status: Status
    type: NotRequired[str]
    """JobType where it is not "task"."""
    progress: NotRequired[float]
    """Percent, one decimal."""
    step: NotRequired[str]
    done: NotRequired[int]
    total: NotRequired[int]
    created: NotRequired[float]
    started: NotRequired[float]
    ended: NotRequired[float]
    ends: NotRequired[float]
    """When it is expected to end; the browser counts down by itself."""
    retry: NotRequired[float]
    """When the next attempt begins."""
    attempt: NotRequired[int]
    """From the second on."""
    worker: NotRequired[str]
    pool: NotRequired[str]
    queue: NotRequired[str]
    function: NotRequired[str]
    """Where the title does not say it."""
    call: NotRequired[str]
    """Arguments in short, where the title is but the function's name."""
    tokens: NotRequired[int]
    """Of the job and all below it, like the cost."""
    cost: NotRequired[str]
    """US dollars, a decimal number."""
    error: NotRequired[str]
    """First line."""
    result: NotRequired[str]
    """Preview, one short line."""
    source: NotRequired[str]
    """The job whose result it is, where this one did not have to run."""
    counts: NotRequired[Counts]
    """Of its children."""
    stopping: NotRequired[bool]
    pausing: NotRequired[bool]


class Snapshot(TypedDict):
    """The whole view; `rows` level by level for a tree, the newest first for a panel."""

    view: Literal["tree", "panel"]
    rev: int
    at: float
    """The clock of the service's machine when this was made; the browser's may differ."""
    rows: list[Row]
    more: NotRequired[int]
    """Rows of a tree that are still to come, as `new` ones."""
    over: bool
    """The tree has ended: nothing will change any more, unless somebody runs it again."""
    can: list[Action]
    """Actions that this client's service knows; the others have no button."""
    totals: NotRequired[Totals]


class Delta(TypedDict):
    """What has changed since revision `rev - 1`; after a gap the browser says hello again."""

    t: Literal["delta"]
    of: NotRequired[str]
    """As in `Full`."""
    rev: int
    at: float
    new: NotRequired[list[Row]]
    """Each after its parent, and after its older siblings (in a panel: at the top)."""
    more: NotRequired[int]
    """Beside new ones, as in `Snapshot`."""
    set: NotRequired[list[tuple[str, dict[str, object]]]]
    """Changed fields by id; null: back to the default."""
    gone: NotRequired[list[str]]
    """Rows of a panel that left it."""
    totals: NotRequired[Totals]
    over: NotRequired[bool]


class Beat(TypedDict):
    """At most every few seconds of silence as long as it is not over: the kernel is alive.

    Also at once, and when it is over too, the answer to a hello: until it has heard a first word, a
    browser shows no buttons, since a saved notebook has no kernel.
    """

    t: Literal["beat"]
    at: float
    rev: int
    """What the browsers have been told, in whatever way; 0 before the first row. Who has another
    revision when it hears this has missed something, and asks for all."""
    lost: NotRequired[str]
    """Why the kernel has lost the job service: what is shown may be old."""


class Full(TypedDict):
    """The answer to a hello that asks for all, and to `open`."""

    t: Literal["full"]
    of: NotRequired[str]
    """The root of the tree that is open in a panel, where the rows are that tree's and not the
    panel's own; such a tree counts its own revisions, from its first `full` on."""
    snapshot: Snapshot


class Details(TypedDict):
    """The answer to `look`, and again when the job has changed, at most once a second."""

    t: Literal["details"]
    id: str
    description: NotRequired[str]
    prompt: NotRequired[str]
    arguments: NotRequired[str]
    result: NotRequired[str]
    nbytes: NotRequired[int]
    traceback: NotRequired[str]
    error: NotRequired[str]
    kind: NotRequired[str]
    """ErrorInfo's kind."""
    logs: NotRequired[list[LogEntry]]
    usage: NotRequired[list[Spent]]
    """The dearest nodes below it, the dearest first."""
    attempts: NotRequired[list[Tried]]
    timeline: NotRequired[list[Bar]]
    """The longest attempts below it."""
    depends_on: NotRequired[list[str]]


class Done(TypedDict):
    """The answer to an action."""

    t: Literal["done"]
    n: int
    error: NotRequired[str]
    id: NotRequired[str]
    """The new job, of a `retry`."""


class Hello(TypedDict):
    """The browser's first word; also after each gap, and when the view comes into sight again.

    And once when a view in sight has heard nothing for six seconds: another window of the same
    kernel may have said that nothing is in sight.
    """

    t: Literal["hello"]
    of: NotRequired[str]
    """As in `Full`."""
    rev: int
    """What the browser has; 0: nothing, or nothing that can be mended."""


class Act(TypedDict):
    """A button was pressed; `n` counts the presses of one browser."""

    t: Literal["act"]
    n: int
    action: Action
    ids: list[str]


class Look(TypedDict):
    """Somebody opened the details of a job; null: closed them."""

    t: Literal["look"]
    id: str | None


class Seen(TypedDict):
    """Whether anything of the view is in sight: out of sight, no deltas are sent."""

    t: Literal["seen"]
    on: bool


class Sight(TypedDict):
    """Which rows of a tree are drawn: those tell of their pace at once, all others once a second.

    A change of state is always told at once. Until this was said, all are taken to be in sight;
    then those that any page draws. A page says it when that changes, and every twenty seconds.
    """

    t: Literal["sight"]
    of: NotRequired[str]
    """As in `Full`."""
    page: str
    """A name of the page, unlike any other's."""
    ids: list[str]


class Ask(TypedDict):
    """A panel's filter: statuses, a text in title, id or function, and how many rows at most."""

    t: Literal["ask"]
    status: list[Status]
    text: str
    limit: int


class Open(TypedDict):
    """A panel's row was opened: rows of its tree follow as a `full` with `of`; null: shut."""

    t: Literal["open"]
    id: str | None


ToBrowser = Delta | Beat | Full | Details | Done
ToKernel = Hello | Act | Look | Seen | Sight | Ask | Open
