"""The messages between a live view in a browser and its Python side, as plain JSON.

A notebook carries them on one comm for each view, with the snapshot as a trait, which is saved; all
else are custom messages, so that clicks arrive while a cell runs, and a page that reloads gets the
present instead of ten thousand old deltas. Times are seconds since the epoch, UTC; durations are
seconds. Fields that have their default value are left out.
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
"""API, tokens in and out, and cost: empty if it is not known, "0.24+" if some of it is not."""
Tried = tuple[int, str, float, float | None, str]
"""Of an attempt: number, worker, begin, end, error's first line."""
Bar = tuple[str, str, Status, float, float | None]
"""Of an attempt in a timeline: worker, title, status, begin and end."""


class Row(TypedDict):
    """One job as a view shows it; a parent comes before its children."""

    id: str
    parent: NotRequired[str]
    """Left out of the top row of the view."""
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
    """When it is expected to end; the page counts down by itself."""
    retry: NotRequired[float]
    """When the next attempt begins."""
    incomplete: NotRequired[bool]
    """Whether it has ended, has children, and not all of it has completed."""
    attempt: NotRequired[int]
    """From the second on."""
    worker: NotRequired[str]
    pool: NotRequired[str]
    queue: NotRequired[str]
    function: NotRequired[str]
    """If the title does not say it."""
    call: NotRequired[str]
    """Arguments in short, if the title is only the function's name."""
    tokens: NotRequired[int]
    """Of the job and all below it, like the cost."""
    cost: NotRequired[str]
    """US dollars, a decimal number."""
    error: NotRequired[str]
    """First line."""
    result: NotRequired[str]
    """Preview, one short line."""
    source: NotRequired[str]
    """The job that the result was taken from, if this job did not have to run."""
    counts: NotRequired[Counts]
    """Children by status."""
    stopping: NotRequired[bool]
    pausing: NotRequired[bool]


class Snapshot(TypedDict):
    """The whole view; `rows` are level by level for a tree, the newest first for a panel."""

    view: Literal["tree", "panel"]
    rev: int
    at: float
    """When this was made, by the clock of the Python side; the browser's clock may differ."""
    rows: list[Row]
    more: NotRequired[int]
    """Rows of a tree that are still to come, as `new` ones."""
    over: bool
    """Whether the tree has ended: nothing will change any more, unless somebody runs it again."""
    can: list[Action]
    """Actions that the page may ask for; the others have no button."""
    totals: NotRequired[Totals]
    """Of a panel: active, queued, finished, cost, seconds; and `matching`, the number of rows that
    match its filter, which may be more than it is sent."""


class Delta(TypedDict):
    """What has changed since revision `rev - 1`; a page that missed one says hello again."""

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
    """Rows of a panel that are not in it any more."""
    totals: NotRequired[Totals]
    over: NotRequired[bool]


class Beat(TypedDict):
    """Sent after a few seconds of silence as long as the view is not over: Python is alive.

    Also the answer to a hello, at once, even if the view is over: a page shows no buttons until it
    has heard a first message, since a saved notebook has no kernel.
    """

    t: Literal["beat"]
    at: float
    rev: int
    """The revision that the pages have been sent; 0 before the first row. A page that has another
    one has missed something, and asks for all rows."""
    lost: NotRequired[str]
    """Why the connection to the job service is lost: what is shown may be old."""


class Full(TypedDict):
    """All rows: the answer to a hello that asks for them, and to `open`."""

    t: Literal["full"]
    of: NotRequired[str]
    """The root of the tree that is open in a panel, if the rows are that tree's and not the panel's
    own; such a tree counts its own revisions, from its first `full` on."""
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
    """Of the most expensive jobs below it, these first."""
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
    """The first message of a page; also after a missed delta, and when the view is in sight again.

    And once when a view in sight has heard nothing for six seconds: another window of the same
    notebook may have said that nothing is in sight.
    """

    t: Literal["hello"]
    of: NotRequired[str]
    """As in `Full`."""
    rev: int
    """The revision that the page has; 0: none, or one that no delta can repair."""


class Act(TypedDict):
    """A button was pressed; `n` counts the presses of one page."""

    t: Literal["act"]
    n: int
    action: Action
    ids: list[str]


class Look(TypedDict):
    """The details of a job were opened; null: they were closed."""

    t: Literal["look"]
    id: str | None


class Seen(TypedDict):
    """Whether any part of the view is in sight: out of sight, no deltas are sent."""

    t: Literal["seen"]
    on: bool


class Sight(TypedDict):
    """The viewport: the progress of rows that a page draws is sent at once, of others each second.

    A change of state is always sent at once. Until the first such message, all rows count as drawn;
    then those that any page draws. A page sends it when it changes, and every twenty seconds.
    """

    t: Literal["sight"]
    of: NotRequired[str]
    """As in `Full`."""
    page: str
    """A name of the page that no other page has."""
    ids: list[str]


class Ask(TypedDict):
    """A panel's filter: statuses, a text in title, id or function, and how many rows at most."""

    t: Literal["ask"]
    status: list[Status]
    text: str
    limit: int


class Open(TypedDict):
    """A row of a panel was opened: its tree follows as a `full` with `of`; null: closed."""

    t: Literal["open"]
    id: str | None


ToBrowser = Delta | Beat | Full | Details | Done
FromBrowser = Hello | Act | Look | Seen | Sight | Ask | Open
