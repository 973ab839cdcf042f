"""The functions that a worker has got from the service, each asked for once."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import Any

from parrot_async.errors import ErrorInfo
from parrot_async.transport.outcome import error_info
from parrot_async.transport.pickling import load_function


class LoadedFunctions:
    """Functions by their ids; each stays a pickle until its first call imports what it needs.

    Runs on: the worker's loop; `is_loaded` and `load` on any thread.
    """

    def __init__(self, ask: Callable[[str], Awaitable[bytes]]) -> None:
        """`ask` gets a function's pickle from the service."""
        self._ask = ask
        self._found: dict[str, bytes | Callable[..., Any]] = {}
        self._asked: dict[str, asyncio.Task[None]] = {}

    def lacks(self, wanted: Iterable[str]) -> set[str]:
        """Return the ids of those that are not here."""
        return set(wanted) - self._found.keys()

    async def fetch(self, wanted: Iterable[str]) -> dict[str, ErrorInfo]:
        """Get those that are not here from the service; return the errors of those that failed."""
        missing: dict[str, ErrorInfo] = {}
        for function_id in self.lacks(wanted):
            if function_id not in self._asked:
                self._asked[function_id] = asyncio.create_task(self._fetch(function_id))
            try:
                await self._asked[function_id]
            except OSError as exc:  # the connection was cut: that is no fault of the job's
                missing[function_id] = ErrorInfo("lost", f"its function did not come: {exc}")
            except Exception as exc:  # noqa: BLE001 - the service's own error
                missing[function_id] = error_info(exc)
        return missing

    async def _fetch(self, function_id: str) -> None:
        try:
            self._found[function_id] = bytes(await self._ask(function_id))
        finally:
            del self._asked[function_id]

    def is_loaded(self, function_id: str) -> bool:
        """Whether `load` returns the function without an import."""
        return not isinstance(self._found[function_id], bytes)

    def load(self, function_id: str) -> Callable[..., Any]:
        """Return a function that is here."""
        found = self._found[function_id]
        if not isinstance(found, bytes):
            return found
        loaded: Callable[..., Any] = load_function(found)
        self._found[function_id] = loaded
        return loaded
