"""How states, times and money are written for people, and users' texts made harmless."""

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
"""Each is one column wide and in text style; the word of the state stands beside it."""

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
"""What the kind of an error adds to the state of the job."""

_MINUTE, _HOUR, _DAY = 60, 3600, 86400
_TENTHS_BELOW = 9.95
_CENT, _SMALLEST = Decimal("0.01"), Decimal("0.0001")

_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
_ADDRESS = (
    r"(?:(?:[\w+.-]*://|(?i:www)\.)[\w./?=&%#+,:;!~@-]*|[\w.+-]*(?:@[\w.+-]+)+)+"
    r"(?<![.,:;?!])"  # it does not end a sentence
)
"""What some renderers turn into links, or into mentions of people."""
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
    """Return a state in words: "waiting for children"."""
    return status.value.replace("_", " ")


def state_words(node: JobNode) -> str:
    """Return a job's state, with its pause: "running, pausing", "paused with its queue"."""
    word = status_word(node.status)
    if node.pause_requested:
        return f"{word}, pausing"
    return f"{word} with its queue" if node.held_by == {"queue"} else word


def counts_words(counts: Mapping[JobStatus, int]) -> str:
    """Count jobs by state: "3 completed, 1 failed"; empty without any."""
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
    """Return progress in whole percent; 100 only if it is reached."""
    return f"{int(node.progress_percentage + 1e-6)} %"  # a sum of floats may miss 100 by a hair


def money(cost: Decimal) -> str:
    """Return US dollars with cents, or with four digits if it is less than a cent."""
    if not cost or abs(cost) >= _CENT:
        return f"${cost:,.2f}"
    return f"${cost:.4f}" if abs(cost) >= _SMALLEST else f"<${_SMALLEST}"


def spent(usage: Usage | None) -> str:
    """Return tokens and money: "1,847 tokens, $0.24"; empty if there are none."""
    if usage is None:
        return ""
    parts = [f"{usage.tokens:,} tokens"] if usage.tokens else []
    return ", ".join([*parts, price(usage)] if usage.cost else parts)


def price(usage: Usage) -> str:
    """Return the money: "$0.24", "at least $0.24" where some is not known; empty if all is not."""
    if usage.cost is None:
        return ""
    return f"at least {money(usage.cost)}" if usage.unpriced else money(usage.cost)


def plain(text: str) -> str:
    """Return the text without anything that a terminal or a browser would obey.

    Control characters, surrogates and those that change the direction of writing become U+FFFD;
    line breaks and tabs stay.
    """
    return _CONTROL.sub("\ufffd", text.replace("\r\n", "\n").replace("\r", "\n"))


def line(text: str, limit: int = 200) -> str:
    """Return the same on one line of at most `limit` characters."""
    words = " ".join(plain(text[: 4 * limit]).split())
    return words if len(words) <= limit else words[: limit - 1].rstrip() + "…"


def both_ends(text: str, limit: int) -> str:
    """Return both ends of a text on one line: paths and numbered items differ there."""
    words = line(text)
    if len(words) <= limit:
        return words
    return f"{words[: limit // 3].rstrip()} … {words[-(limit - limit // 3) :].lstrip()}"


def markdown_line(text: str, limit: int = 200) -> str:
    """Return one line that Markdown shows as it is: no markup, no HTML, no links, no formulas.

    It is meant to stand within a line. Only what needs an escape has one, so that the line can
    be read unrendered. An address of the web or of a person becomes code, which no renderer links.
    A backslash becomes an entity, since Jupyter looks for formulas before it reads escapes.
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
    """Return a block of code, with a fence longer than any within."""
    body = plain(text).strip("\n")
    fence = "`" * (max((len(run) for run in _FENCE.findall(body)), default=2) + 1)
    return f"{fence}text\n{body}\n{fence}"


def html_text(text: str) -> str:
    """Return the text for HTML, in an element or a quoted attribute."""
    return html.escape(plain(text))
