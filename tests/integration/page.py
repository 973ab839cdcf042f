"""A browser's part in a test of the live views: a real kernel, and what a page says to it."""

import asyncio
import time
from collections.abc import Callable
from contextlib import suppress
from queue import Empty
from types import TracebackType
from typing import Any, Self

from jupyter_client.asynchronous.client import AsyncKernelClient
from jupyter_client.manager import AsyncKernelManager

PATIENCE = 30.0
"""Seconds after which something that must come has not."""


class Page:
    """Runs cells in a kernel of its own, and talks to the views that they show."""

    def __init__(self) -> None:
        self.messages: list[dict[str, Any]] = []
        self._manager = AsyncKernelManager(kernel_name="python3")

    async def __aenter__(self) -> Self:
        await self._manager.start_kernel()
        self._client: AsyncKernelClient = self._manager.client()
        self._client.start_channels()
        await self._client.wait_for_ready(timeout=PATIENCE)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        exc: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._client.stop_channels()
        await self._manager.shutdown_kernel(now=True)

    def start(self, cell: str) -> str:
        """Run a cell, and do not wait for it; returns the id that its outputs bear."""
        return str(self._client.execute(cell, store_history=True, stop_on_error=False))

    async def run(self, cell: str) -> list[dict[str, Any]]:
        """Run a cell to its end; returns what came meanwhile."""
        begin, request = len(self.messages), self.start(cell)
        await self.end(request)
        return self.messages[begin:]

    async def end(self, request: str) -> None:
        """Wait for the end of a cell."""
        await self.until(lambda message: _is_end(message, request))

    async def interrupt(self) -> None:
        """Press Stop."""
        await self._manager.interrupt_kernel()

    async def until(self, fits: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        """Wait for the next message that fits."""
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            with suppress(Empty):
                message = await self._client.get_iopub_msg(timeout=0.1)
                self.messages.append(message)
                if fits(message):
                    return message
            await asyncio.sleep(0)
        raise TimeoutError([_brief(message) for message in self.messages[-10:]])

    async def said(self, view: str, kind: str, **fields: object) -> dict[str, Any]:
        """Wait for the next word of a view that has these fields."""

        def fits(message: dict[str, Any]) -> bool:
            word = word_of(message, view)
            return word.get("t") == kind and fields.items() <= word.items()

        return word_of(await self.until(fits), view)

    def say(self, view: str, *, subshell: str | None = None, **word: object) -> None:
        """Send a view what a browser would."""
        content = {"comm_id": view, "data": {"method": "custom", "content": word}}
        message = self._client.session.msg("comm_msg", content)
        if subshell is not None:
            message["header"]["subshell_id"] = subshell
        self._client.shell_channel.send(message)

    async def subshell(self) -> str:
        """Have the kernel make a shell of its own for clicks, as JupyterLab does."""
        message = self._client.session.msg("create_subshell_request", {})
        self._client.control_channel.send(message)
        reply = await self._client.get_control_msg(timeout=PATIENCE)
        return str(reply["content"]["subshell_id"])


def view_in(messages: list[dict[str, Any]]) -> str:
    """The comm of the live view that was shown."""
    opened = [m["content"] for m in messages if m["msg_type"] == "comm_open"]
    views = [c["comm_id"] for c in opened if "snapshot" in c["data"]["state"]]
    assert views, [_brief(message) for message in messages]
    return str(views[0])


def word_of(message: dict[str, Any], view: str) -> dict[str, Any]:
    """What a view says with this message; empty where it says nothing."""
    content = message["content"]
    if message["msg_type"] != "comm_msg" or content["comm_id"] != view:
        return {}
    return dict(content["data"].get("content", {}))


def displayed_in(messages: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """What a cell has displayed."""
    kinds = ("display_data", "execute_result")
    return [m["content"]["data"] for m in messages if m["msg_type"] in kinds]


def updated_in(messages: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """What has taken the place of an output."""
    return [m["content"]["data"] for m in messages if m["msg_type"] == "update_display_data"]


def printed_in(messages: list[dict[str, Any]]) -> str:
    """What a cell has printed, or the error that ended it."""
    texts = [m["content"].get("text", "") for m in messages if m["msg_type"] == "stream"]
    errors = [m["content"]["evalue"] for m in messages if m["msg_type"] == "error"]
    return "".join([*texts, *errors])


def _is_end(message: dict[str, Any], request: str) -> bool:
    """Whether the kernel says that the cell has ended."""
    if message["msg_type"] != "status" or message["parent_header"].get("msg_id") != request:
        return False
    return bool(message["content"]["execution_state"] == "idle")


def _brief(message: dict[str, Any]) -> str:
    return f"{message['msg_type']}: {str(message['content'])[:300]}"
