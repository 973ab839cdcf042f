"""A cache of the pickled functions that workers ask for."""

from collections import OrderedDict
from collections.abc import Mapping

KEPT_BYTES = 64 * 1024 * 1024
"""Bytes of functions that stay in memory."""


class FunctionCache:
    """The most recently used functions, by id; all of them are in the store."""

    def __init__(self, kept_bytes: int = KEPT_BYTES) -> None:
        """Keep about so many bytes of functions."""
        self._kept_bytes = kept_bytes
        self._bytes = 0
        self._functions: OrderedDict[str, bytes] = OrderedDict()

    def __contains__(self, function_id: str) -> bool:
        """Return whether a function is here, and so surely in the store."""
        return function_id in self._functions

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self._functions)

    def get(self, function_id: str) -> bytes | None:
        """Return a function; None where it is not here."""
        found = self._functions.get(function_id)
        if found is not None:
            self._functions.move_to_end(function_id)
        return found

    def add(self, functions: Mapping[str, bytes]) -> None:
        """Add functions that are in the store; the least recently used ones make room."""
        for function_id, data in functions.items():
            self._bytes += len(data) - len(self._functions.pop(function_id, b""))
            self._functions[function_id] = data
        while self._bytes > self._kept_bytes and len(self._functions) > 1:
            _, old = self._functions.popitem(last=False)
            self._bytes -= len(old)
