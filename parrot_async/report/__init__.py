"""The report of a tree for people: Markdown, static HTML, lines of text, tables, a bar.

It runs in every process and waits for nothing; everybody may call it.
"""

from parrot_async.report.html import html
from parrot_async.report.lines import text
from parrot_async.report.markdown import markdown

__all__ = ["html", "markdown", "text"]
