"""The functions that a worker has got from the service, each asked for once while it is wanted."""

import asyncio
from collections import Counter, OrderedDict
from collections.abc import Awaitable, Callable, Iterable
from threading import Lock
from typing import Any

from parrot_async.errors import ErrorInfo
from parrot_async.runner.modules import WorkerModules
from parrot_async.transport.outcome import error_info
from parrot_async.transport.own_modules import own_modules
from parrot_async.transport.pickling import (
    PackedFunction,
    load_function,
    load_value,
    unpack_function,
)

KEPT_BYTES = 32 * 1024 * 1024
"""Bytes of functions, by their pickles, that stay while no job here wants them."""
LEAST_BYTES = 8 * 1024
"""What a function counts at least: its code and its names take more than a small pickle."""


class LoadedFunctions:
    """Functions by their ids; each stays a pickle until its first call imports what it needs.

    Those that no batch holds stay up to a number of bytes, the most recently used ones longest.

    Runs on: the worker's loop; `is_loaded`, `load` and `release` on any thread.
    """

    def __init__(
        self, ask: Callable[[str], Awaitable[bytes]], kept_bytes: int = KEPT_BYTES
    ) -> None:
        """`ask` gets a function's pickle from the service."""
        self._ask = ask
        self._kept_bytes = kept_bytes
        self._found: dict[str, bytes | Callable[..., Any]] = {}
        self._asked: dict[str, asyncio.Task[None]] = {}
        self._packed: dict[str, PackedFunction] = {}
        """Without their code and sources."""
        self._retry_on: dict[str, tuple[type[BaseException], ...]] = {}
        self._modules = WorkerModules()
        self._held: Counter[str] = Counter()
        self._sizes: OrderedDict[str, int] = OrderedDict()
        """Of those that are here, the least recently used one first."""
        self._bytes = 0
        self._lock = Lock()

    def hold(self, wanted: Iterable[str]) -> None:
        """Keep functions, also those that are still to come, until they are released as often."""
        with self._lock:
            self._held.update(wanted)

    def release(self, held: Iterable[str]) -> None:
        """Drop the least recently used functions that are not held, if there are too many bytes."""
        with self._lock:
            for function_id in held:
                self._held[function_id] -= 1
                if not self._held[function_id]:
                    del self._held[function_id]
                if function_id in self._sizes:
                    self._sizes.move_to_end(function_id)
            if self._bytes > self._kept_bytes:
                self._drop()

    def _drop(self) -> None:
        for function_id in [one for one in self._sizes if one not in self._held]:
            if self._bytes <= self._kept_bytes:
                return
            self._bytes -= self._sizes.pop(function_id)
            for kept in (self._found, self._packed, self._retry_on):
                kept.pop(function_id, None)

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
                missing[function_id] = error_info(exc, ours=True)
        return missing

    async def _fetch(self, function_id: str) -> None:
        try:
            data = bytes(await self._ask(function_id))
            packed = unpack_function(data)._replace(code=b"", sources=())
        finally:
            del self._asked[function_id]
        with self._lock:
            self._packed[function_id] = packed
            self._found[function_id] = data
            self._sizes[function_id] = max(len(data), LEAST_BYTES)
            self._bytes += self._sizes[function_id]

    def refuses(self, function_id: str, *, edited: bool) -> str | None:
        """Return why this process cannot run a function that is here, and a fresh one could.

        Raises FunctionChangedError where none can: its modules are not what was submitted, and
        `edited` ones are not wanted.
        """
        packed = self._packed[function_id]
        return self._modules.accept(packed, changed=edited)

    def retry_on(self, function_id: str) -> tuple[type[BaseException], ...]:
        """Return the errors after which a function runs again, () for every one."""
        return self._retry_on.get(function_id, ())

    def is_loaded(self, function_id: str) -> bool:
        """Whether `load` returns the function without an import."""
        return not isinstance(self._found[function_id], bytes)

    def load(self, function_id: str) -> Callable[..., Any]:
        """Return a function that is here."""
        found = self._found[function_id]
        if not isinstance(found, bytes):
            return found
        loaded = load_function(found)
        packed = self._packed[function_id]
        own_modules(module.name for module in packed.modules)  # as they are now, before any edit
        if packed.retry_on:
            self._retry_on[function_id] = load_value(packed.retry_on)
        self._found[function_id] = loaded
        return loaded
