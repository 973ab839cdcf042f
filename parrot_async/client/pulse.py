"""Wakes an event loop now and then, while somebody on it waits for a job."""

import asyncio
import weakref
from collections.abc import Callable
from typing import ClassVar

PULSE = 0.2
"""Seconds between two wakings of a loop on which somebody waits."""


class Pulse:
    """The one pulse of a loop: a loop notices Jupyter's Stop only when something wakes it.

    Nothing else may happen on the loop for hours. `at_each_beat` are callbacks for each waking.

    Runs on: the loop that waits.
    """

    at_each_beat: ClassVar[list[Callable[[], None]]] = []
    _of: ClassVar[weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, "Pulse"]] = (
        weakref.WeakKeyDictionary()
    )

    def __init__(self) -> None:
        """Start with nobody waiting."""
        self._waiting = 0
        self._beats = False

    @classmethod
    def of_this_loop(cls) -> "Pulse":
        """Return the one pulse of the running loop, however many wait on it."""
        return cls._of.setdefault(asyncio.get_running_loop(), cls())

    def __enter__(self) -> None:
        self._waiting += 1
        if not self._beats:
            self._beat()

    def __exit__(self, *exc: object) -> None:
        self._waiting -= 1

    def _beat(self) -> None:
        self._beats = self._waiting > 0
        if self._beats:
            asyncio.get_running_loop().call_later(PULSE, self._beat)
            for callback in self.at_each_beat:
                callback()
