"""Which rows are drawn on any of the pages that show the same tree."""

import time
from collections.abc import Iterable

from parrot_async.model.models import JobId

EXPIRY = 60.0
"""Seconds after which a page that said nothing is taken to be closed, if another page lives."""


class Viewports:
    """The latest viewport of each page: the rows that it draws.

    Pages say nothing when they are closed, so a silent page expires. Only a living page makes
    another one expire: a kernel that was busy for a minute forgets none of them.
    """

    def __init__(self) -> None:
        """Know no page yet."""
        self.ids: frozenset[JobId] = frozenset()
        """The jobs that any page draws; empty as long as no page has said so."""
        self._pages: dict[str, tuple[float, frozenset[JobId]]] = {}

    def set(self, page: str, ids: Iterable[JobId]) -> None:
        """Replace the viewport of one page, and forget the pages that have expired."""
        now = time.monotonic()
        self._pages[page] = now, frozenset(ids)
        self._pages = {
            name: drawn for name, drawn in self._pages.items() if now - drawn[0] < EXPIRY
        }
        self.ids = frozenset().union(*(ids for _, ids in self._pages.values()))
