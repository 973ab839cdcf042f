"""How states, times, money and users' texts are written for people, and made harmless first."""

import html
import re
from collections.abc import Mapping
from decimal import Decimal
from math import floor

from parrot_async.errors import ErrorKind
from parrot_async.model.models import JobNode, JobStatus, Usage

ICONS: dict[JobStatus, str] = {
    JobStatus.PLANNING: "◇",
    JobStatus.QUEUED: "○",
    JobStatus.RUNNING: "▶",
    JobStatus.WAITING_FOR_CHILDREN: "◐",
    JobStatus.PAUSED: "◫",
    JobStatus.COMPLETED: "✔",
    JobStatus.FAILED: "✘",
    JobStatus.CANCELLED: "⊘",
}
"""One column wide each, in text style, and never without the word beside it."""

ENDS: dict[ErrorKind, str] = {
    "exception": "",
    "timeout": "timed out",
    "lost": "lost its worker",
    "budget": "stopped by its budget",
    "dependency": "never started: a job it needs did not complete",
    "unschedulable": "no worker can run it",
    "cancelled": "",
    "cancelled_by_parent": "cancelled with its parent",
    "children": "children did not complete",
}
"""What an error's kind adds to the state that it led to."""

_MINUTE, _HOUR, _DAY = 60, 3600, 86400
_TENTHS_BELOW = 9.95
_CENT, _SMALLEST = Decimal("0.01"), Decimal("0.0001")

_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
_ADDRESS = (
    r"(?:(?:[\w+.-]*://|(?i:www)\.)[\w./?=&%#+,:;!~@-]*|[\w.+-]*(?:@[\w.+-]+)+)+"
    r"(?<![.,:;?!])"  # it does not end a sentence
)
"""What some renderers make links of, and mentions of people."""
_MARKUP = (
    r"[$`]|(?<![^\W_])_|_(?![^\W_])"  # within a word an underscore is no markup
    rf"|\\(?![A-Za-z0-9])|\\(?=(?i:begin|end)\{{|{_ADDRESS})"
    r"|<(?![\s=-]|$)|&(?=#?\w+;)"
    r"|(?<!\s)[*~]|[*~](?!\s)"
    r"|\](?=\()"  # no other bracket makes a link: nobody can define one
    r"|(?<!\S)#(?=#*$)"  # the end of a heading
    r"|^#|^[-+](?=\s|$)|^-(?=-)|^[=>]"  # headings, lists, quotes, and lines under a heading
    r"|^\d+(?=[.)](?:\s|$))"
)
_HARMFUL = re.compile(f"(?P<address>{_ADDRESS})|{_MARKUP}")
_ENTITIES = frozenset("\\<&")
_FENCE = re.compile(r"`{3,}")


def status_word(status: JobStatus) -> str:
    """The state in words: "waiting for children"."""
    return status.value.replace("_", " ")


def state_words(node: JobNode) -> str:
    """A job's state, and what a pause adds: "running, pausing", "paused with its queue"."""
    word = status_word(node.status)
    if node.pause_requested:
        return f"{word}, pausing"
    return f"{word} with its queue" if node.held_by == {"queue"} else word


def counts_words(counts: Mapping[JobStatus, int]) -> str:
    """How many jobs are in which state: "3 completed, 1 failed"; empty without any."""
    parts = [
        f"{counts[status]:,} {status_word(status)}" for status in JobStatus if counts.get(status)
    ]
    return ", ".join(parts)


def duration(seconds: float | None) -> str:
    """Seconds as people read them: "0.4s", "12s", "3m 05s", "2h 10m", "4d 3h"; empty for None.

    A live view words them the same way: `view/static/wording.js`, `tests/data/durations.json`.
    """
    if seconds is None:
        return ""
    if seconds < _TENTHS_BELOW:
        return f"{floor(10 * max(seconds, 0.0) + 0.5) / 10:.1f}s"
    whole = floor(seconds + 0.5)  # halves go up, as in the browser
    if whole < _MINUTE:
        return f"{whole}s"
    if whole < _HOUR:
        return f"{whole // _MINUTE}m {whole % _MINUTE:02d}s"
    if whole < _DAY:
        return f"{whole // _HOUR}h {whole % _HOUR // _MINUTE:02d}m"
    return f"{whole // _DAY}d {whole % _DAY // _HOUR}h"


def ticking(seconds: float) -> str:
    """The same for a clock that ticks: no tenths."""
    return f"{max(floor(seconds), 0)}s" if seconds < _TENTHS_BELOW else duration(seconds)


def percent(node: JobNode) -> str:
    """Progress in whole percent; 100 only when it is reached."""
    return f"{int(node.progress_percentage + 1e-6)} %"  # a sum of floats may miss 100 by a hair


def money(cost: Decimal) -> str:
    """US dollars with cents, or with four digits where it is less than a cent."""
    if not cost or abs(cost) >= _CENT:
        return f"${cost:,.2f}"
    return f"${cost:.4f}" if abs(cost) >= _SMALLEST else f"<${_SMALLEST}"


def spent(usage: Usage | None) -> str:
    """Tokens and money where there are any: "1,847 tokens, $0.24"."""
    if usage is None:
        return ""
    parts = [f"{usage.tokens:,} tokens"] if usage.tokens else []
    return ", ".join([*parts, money(usage.cost)] if usage.cost else parts)


def plain(text: str) -> str:
    """The text with nothing in it that a terminal or a browser would obey.

    Control characters, surrogates and those that change the direction of writing are shown as
    U+FFFD; line breaks and tabs stay.
    """
    return _CONTROL.sub("\ufffd", text.replace("\r\n", "\n").replace("\r", "\n"))


def line(text: str, limit: int = 200) -> str:
    """The same on one line of at most `limit` characters."""
    words = " ".join(plain(text[: 4 * limit]).split())
    return words if len(words) <= limit else words[: limit - 1].rstrip() + "…"


def both_ends(text: str, limit: int) -> str:
    """The beginning and the end on one line, where paths and numbered items differ."""
    words = line(text)
    if len(words) <= limit:
        return words
    return f"{words[: limit // 3].rstrip()} … {words[-(limit - limit // 3) :].lstrip()}"


def markdown_line(text: str, limit: int = 200) -> str:
    """One line that Markdown shows as it is: no markup, no HTML, no links, no formulas.

    It stands within a line. What needs no escape has none, so that the line can be read where
    nothing renders it; an address of the web or of a person becomes code, which nothing links. A
    backslash becomes an entity, because Jupyter looks for formulas before Markdown's own escapes
    are read.
    """
    return _HARMFUL.sub(_escaped, line(text, limit))


def _escaped(match: re.Match[str]) -> str:
    mark = match[0]
    if match["address"]:
        return f"`{mark}`"
    if mark in _ENTITIES:
        return f"&#{ord(mark)};"
    return f"{mark}\\" if mark.isdigit() else f"\\{mark}"


def fenced(text: str) -> str:
    """A block of code, with a fence longer than any within."""
    body = plain(text).strip("\n")
    fence = "`" * (max((len(run) for run in _FENCE.findall(body)), default=2) + 1)
    return f"{fence}text\n{body}\n{fence}"


def html_text(text: str) -> str:
    """The text for HTML, in an element or a quoted attribute."""
    return html.escape(plain(text))
