"""Pickled functions in memory: those that workers ask for, as many as fit."""

from collections import OrderedDict
from collections.abc import Mapping

KEPT_BYTES = 64 * 1024 * 1024


class Functions:
    """The functions that were used last, by id; all of them are in the store."""

    def __init__(self, kept_bytes: int = KEPT_BYTES) -> None:
        """Keep about so many bytes of them."""
        self._kept_bytes = kept_bytes
        self._bytes = 0
        self._functions: OrderedDict[str, bytes] = OrderedDict()

    def __contains__(self, function_id: str) -> bool:
        """Whether a function is here, and so surely in the store."""
        return function_id in self._functions

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self._functions)

    def get(self, function_id: str) -> bytes | None:
        """Return a function, if it is here."""
        found = self._functions.get(function_id)
        if found is not None:
            self._functions.move_to_end(function_id)
        return found

    def add(self, functions: Mapping[str, bytes]) -> None:
        """Keep functions that are in the store, and let go of those used longest ago."""
        for function_id, data in functions.items():
            self._bytes += len(data) - len(self._functions.pop(function_id, b""))
            self._functions[function_id] = data
        while self._bytes > self._kept_bytes and len(self._functions) > 1:
            _, old = self._functions.popitem(last=False)
            self._bytes -= len(old)
