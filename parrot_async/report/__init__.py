"""A tree as text for people: Markdown, static HTML, indented lines, tables, a timeline, a bar.

It runs in every process and waits for nothing; every folder above it may call it.
"""

from parrot_async.report.html import html
from parrot_async.report.markdown import markdown, text

__all__ = ["html", "markdown", "text"]
