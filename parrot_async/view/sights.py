"""Which rows are drawn on any of the pages that show the same tree."""

import time
from collections.abc import Iterable

from parrot_async.model.models import JobId

GONE = 60.0
"""Seconds of another page's life after which one that said nothing is taken to be closed."""


class Sights:
    """What each page has said last; a page that is closed says no farewell."""

    def __init__(self) -> None:
        """Know of no page yet."""
        self.ids: frozenset[JobId] = frozenset()
        """What any page draws; empty as long as none has said so."""
        self._pages: dict[str, tuple[float, frozenset[JobId]]] = {}

    def tell(self, page: str, ids: Iterable[JobId]) -> None:
        """Hear of one page, and forget those that have long said nothing.

        Only a living page drives another out, so that a kernel that was busy forgets none of them.
        """
        now = time.monotonic()
        self._pages[page] = now, frozenset(ids)
        self._pages = {name: told for name, told in self._pages.items() if now - told[0] < GONE}
        self.ids = frozenset().union(*(drawn for _, drawn in self._pages.values()))
