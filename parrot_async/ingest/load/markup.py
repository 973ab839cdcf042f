"""The tags of HTML, read without a tree: how deeply they nest, and the text of what nests too deep.

A parser of HTML looks through all open elements at most tags, and opens formatting again in each
paragraph, as the standard has it (https://html.spec.whatwg.org/multipage/parsing.html): its time
takes the square of the depth.
"""

import re
from collections.abc import Iterator
from html import unescape
from typing import Final, NamedTuple

DEEPEST: Final = 256
"""Open elements up to which a tree is made; browsers make none deeper than 512."""
MOST_ATTRIBUTES: Final = 512
"""Attributes of one tag up to which a tree is made: a parser compares each with all."""

_LONG_TAG = 2 * MOST_ATTRIBUTES
_DANGLING = 8
"""How many elements one counts for that may be opened again in every paragraph to come."""

_ATTRIBUTE = r"[^\s/>][^\s/>=]*+(?:\s*+=\s*+(?:\"[^\"]*+\"|'[^']*+'|[^\s>\"'][^\s>]*+)?+)?+"
_TOKEN = re.compile(
    r"<!--(?:-?>|.*?(?:--!?>|\Z))"
    rf"|<(?P<end>/?)(?P<name>[a-zA-Z][^\s/>]*+)(?P<rest>(?:\s|/|{_ATTRIBUTE})*+)>"
    r"|</?[a-zA-Z].*"  # a tag without an end takes all that follows
    r"|<[!?/][^>]*+(?:>|\Z)",
    re.DOTALL,
)
_EACH_ATTRIBUTE = re.compile(_ATTRIBUTE)
_LONG_NUMBER = re.compile(r"&#(?:0*\d{8,}|[xX]0*[0-9a-fA-F]{8,});?")
_SPACES = re.compile(r"[ \t\n\r\f]+")

_BLOCKS = frozenset(
    "address article aside blockquote body caption dd details dialog div dl dt fieldset figcaption"
    " figure footer form header hr legend main ol p pre section summary table tbody tfoot thead ul"
    "".split()
)
UNREAD: Final = frozenset(
    "script style noscript template svg nav head iframe object select button".split()
)
"""Elements whose text is not part of what a page says."""
_RAW = frozenset("script style textarea title xmp iframe noembed noframes".split())
"""Elements in which there are no tags."""
_VOID = frozenset(
    "area base br col embed hr img input link meta param source track wbr basefont bgsound frame"
    " keygen".split()
)
_ROOTS = frozenset(("html", "head", "body"))
_SINGLE = _ROOTS | _VOID
"""Elements of which no more than one is open."""
_FOREIGN = frozenset(("svg", "math", "select", "frameset"))
"""Elements in which other rules hold."""
_SHAPES = frozenset(
    "circle clippath defs ellipse g line lineargradient path polygon polyline rect stop use".split()
)
_FORMATTING = frozenset(
    "a b big code em font i nobr s small strike strong tt u applet marquee object".split()
)
_CELLS = frozenset(("td", "th"))
_CLOSED_BY: Final[dict[str, frozenset[str]]] = {
    **dict.fromkeys(_BLOCKS | {"h1", "h2", "h3", "h4", "h5", "h6"}, frozenset(("p",))),
    "li": frozenset(("p", "li")),
    "dt": frozenset(("p", "dt", "dd")),
    "dd": frozenset(("p", "dt", "dd")),
    "td": _CELLS | {"p"},
    "th": _CELLS | {"p"},
    "tr": _CELLS | {"p", "tr"},
    "option": frozenset(("option",)),
}
"""Elements that end where another one starts."""
_ENDS_WITH_PARENT = frozenset(
    ("p", "li", "dt", "dd", "td", "th", "tr", "option", "tbody", "thead", "tfoot")
)

_PARENTS = _BLOCKS | _ENDS_WITH_PARENT
"""Elements whose end ends those; others do not end while one of those is open."""


class _Foreign:
    """Whether the tags so far may leave a parser where other rules hold."""

    def __init__(self) -> None:
        self._named = dict.fromkeys(_FOREIGN, 0)

    def take(self, name: str, is_end: bool) -> bool:
        """Take the next tag, and return whether it may be in such an element."""
        if name in _FOREIGN:
            self._named[name] = max(0, self._named[name] + (-1 if is_end else 1))
        return any(self._named.values())


class Token(NamedTuple):
    """A tag, with the text before it; the last one has no name."""

    text: str
    name: str = ""
    is_end: bool = False
    rest: str = ""
    """Its attributes, and the slash of one that ends itself."""
    raw: str = ""
    """What is in an element that has no tags in it."""
    is_foreign: bool = False


def tokens(source: str) -> Iterator[Token]:
    """Yield the tags of HTML, in one pass; comments are left out."""
    position, foreign = 0, _Foreign()
    text: list[str] = []
    while found := _TOKEN.search(source, position):
        text.append(source[position : found.start()])
        position = found.end()
        if (name := (found["name"] or "").lower()) == "":
            continue
        is_end, raw = bool(found["end"]), ""
        is_foreign = foreign.take(name, is_end)
        if name in _RAW and not is_end and not is_foreign:
            end = _end_of(name, source, position)
            raw, position = source[position:end], end
        yield Token("".join(text), name, is_end, found["rest"], raw, is_foreign)
        text.clear()
    yield Token("".join((*text, source[position:])))


_ENDS: Final = {name: re.compile(rf"</{name}(?=[\s/>])", re.IGNORECASE) for name in _RAW}


def _end_of(name: str, source: str, position: int) -> int:
    found = _ENDS[name].search(source, position)
    return len(source) if found is None else found.start()


def is_deep(source: str) -> bool:
    """Return whether a tree of `source` may be deeper than `DEEPEST`, or take as long."""
    if source.count("<") <= DEEPEST // _DANGLING and len(source) <= _LONG_TAG:
        return False
    return _Depth().passes(source)


class _Depth:
    """The most elements that a parser may have open, or may open again.

    An end tag counts where it fits the last start tag. At all others parsers may close more or
    less: what they pass is counted as if it stayed open.
    """

    def __init__(self) -> None:
        self._open: list[str] = []
        self._named: dict[str, int] = {}
        self._left = 0
        """Of what may have stayed open."""
        self._draws = False
        """Whether this is a drawing, where a slash ends a tag; most tags of pages end drawings."""

    def passes(self, source: str) -> bool:
        """Return whether the tags go deeper than `DEEPEST`."""
        for token in tokens(source):
            if len(token.rest) > _LONG_TAG or token.name in _ROOTS:
                self._left += _excess(token)
            self._draws = token.name in _SHAPES if self._draws else token.name == "svg"
            if token.is_end:
                self._end(token.name)
            elif token.name:
                self._start(token)
            if len(self._open) + self._left > DEEPEST:
                return True
        return False

    def _start(self, token: Token) -> None:
        name, foreign = token.name, token.is_foreign
        if not foreign and name in _SINGLE:
            return
        if self._draws and token.rest.endswith("/"):
            return
        if name == "script" and "<!--" in token.raw:
            self._left += 1  # it may end later than it seems
        closed = _CLOSED_BY.get(name)
        while closed and not foreign and self._open and self._open[-1] in closed:
            self._pop()
        self._open.append(name)
        self._named[name] = self._named.get(name, 0) + 1

    def _end(self, name: str) -> None:
        if not self._named.get(name):
            return
        while name in _PARENTS and self._open[-1] != name and self._open[-1] in _ENDS_WITH_PARENT:
            self._pop()
        if self._open[-1] != name:
            while self._open[-1] != name:
                self._left += _DANGLING if self._pop() in _FORMATTING else 1
            self._left += 1
        self._pop()

    def _pop(self) -> str:
        name = self._open.pop()
        self._named[name] -= 1
        return name


def _excess(token: Token) -> int:
    """Return what a tag's attributes count for; those of all `body` tags go to one element."""
    count = sum(1 for _ in _EACH_ATTRIBUTE.finditer(token.rest))
    return count if token.name in _ROOTS or count > MOST_ATTRIBUTES else 0


def flat_text(source: str) -> Iterator[str]:
    """Yield the visible text of HTML of any depth, in order, with the marks of its tags."""
    unread, depth, verbatim = "", 0, 0
    for token in tokens(source):
        if not unread:
            text = unescape(_LONG_NUMBER.sub("\ufffd", token.text))
            yield text if verbatim else _SPACES.sub(" ", text)
        if unread:
            if token.name == unread:
                depth += -1 if token.is_end else 1
            unread = unread if depth else ""
        elif token.name in UNREAD - {"head"} and not token.is_end:
            unread, depth = token.name, 1
        elif token.name:
            yield marks(token.name)[token.is_end]
            if token.name == "pre":
                verbatim = max(0, verbatim + (-1 if token.is_end else 1))


def flat_title(source: str) -> str:
    """Return what is in the first `title` of HTML."""
    named = (token.raw for token in tokens(source) if token.name == "title" and not token.is_end)
    return unescape(_LONG_NUMBER.sub("\ufffd", next(named, "")))


def marks(tag: str) -> tuple[str, str]:
    """Return what stands in a text where an element starts, and where it ends."""
    if tag in _CELLS:
        return "", " | "
    if tag == "tr":
        return "", "\n"
    if tag == "li":
        return "\n- ", "\n"
    if tag == "br":
        return "\n", ""
    if len(tag) == 2 and tag[0] == "h" and tag[1].isdigit():
        return f"\n\n{'#' * int(tag[1])} ", "\n\n"
    return ("\n\n", "\n\n") if tag in _BLOCKS else ("", "")
