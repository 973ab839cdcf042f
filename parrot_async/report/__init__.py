"""The report of a tree for people: a Markdown document, a static HTML page, lines of text."""

from parrot_async.report.document import markdown
from parrot_async.report.lines import text
from parrot_async.report.page import html

__all__ = ["html", "markdown", "text"]
