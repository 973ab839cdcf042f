"""The parser of Markdown, with bounds: what nests too deep is read flat, tables stay in proportion.

The library leaves out what lies deeper than its own bound, and completes rows with empty cells.
"""

import re
from typing import Final

from markdown_it import MarkdownIt
from markdown_it.rules_block import StateBlock, table

DEEPEST: Final = 40
"""Levels of quotes and lists that are told apart; a list has two. The parser calls itself in each.
"""
LEAST_TABLES: Final = 200_000
"""Tokens that the tables of a document may have, however short it is."""
_TABLES_RATIO: Final = 4
"""Tokens of tables for each character; without empty cells there are two at most."""

_TABLE_TOKENS: Final = "tokens of tables"
_MARKERS = re.compile(r"^(?:[ \t]*+(?:>|[-+*][ \t]|\d{1,9}[.)][ \t]))+[ \t]*+", re.MULTILINE)


def parser() -> MarkdownIt:
    """Return a parser of CommonMark with tables."""
    made = MarkdownIt("commonmark", {"maxNesting": DEEPEST + 2}).enable("table")
    made.block.ruler.before("table", "deep", _read_flat)
    made.block.ruler.at("table", _table, {"alt": ["paragraph", "reference"]})
    return made


def _read_flat(state: StateBlock, start: int, end: int, silent: bool) -> bool:
    """Make one paragraph of all that nests deeper than `DEEPEST`, without its marks."""
    if state.level < DEEPEST or silent:
        return False
    state.push("paragraph_open", "p", 1)
    token = state.push("inline", "", 0)
    token.content = _MARKERS.sub("", state.getLines(start, end, state.blkIndent, False)).strip()
    token.children = []
    state.push("paragraph_close", "p", -1)
    state.line = end
    return True


def _table(state: StateBlock, start: int, end: int, silent: bool) -> bool:
    """Read a table, unless those before it had more cells than a document of this size writes."""
    known: int = state.env.get(_TABLE_TOKENS, 0)
    if known > max(LEAST_TABLES, _TABLES_RATIO * len(state.src)):
        return False
    before = len(state.tokens)
    found = table(state, start, end, silent)
    state.env[_TABLE_TOKENS] = known + len(state.tokens) - before
    return found
