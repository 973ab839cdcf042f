"""Clicks while a cell runs, for the kernels that keep them back."""

import asyncio
from queue import Queue
from types import SimpleNamespace
from typing import Any

import pytest
from jupyter_client.session import Session

from parrot_async.widget import kernel as kernels


class Frame:
    """A part of a message as zmq hands it over."""

    def __init__(self, data: bytes) -> None:
        self.bytes = self.buffer = data


class OldKernel:
    """What ipykernel 6 has of a kernel: a queue of all that waits for the cell's end."""

    def __init__(self) -> None:
        self.session = Session(key=b"secret")
        self.msg_queue: Queue[tuple[int, object, tuple[object, ...]]] = Queue()
        self.shell_stream = object()
        self.comm_manager = self
        self.delivered: list[dict[str, Any]] = []
        self.delivery = asyncio.Event()

    def comm_msg(self, stream: object, _: object, message: dict[str, Any]) -> None:
        assert stream is self.shell_stream
        self.delivered.append(message["content"])
        self.delivery.set()

    def receive(self, kind: str, **content: object) -> None:
        """Let a message wait."""
        message = self.session.msg(kind, dict(content))
        frames = [Frame(part) for part in self.session.serialize(message, ident=b"page")]
        self.msg_queue.put_nowait((self.msg_queue.qsize(), self.receive, (frames,)))

    def waiting(self) -> list[int]:
        """The numbers of what still waits, in order."""
        return [number for number, _, _ in self.msg_queue.queue]


@pytest.fixture
def kernel(monkeypatch: pytest.MonkeyPatch) -> OldKernel:
    kernel = OldKernel()
    monkeypatch.setattr(kernels, "running_kernel", lambda: kernel)
    monkeypatch.setattr(kernels, "_our_comms", set())
    kernels.accept_during_cells(SimpleNamespace(comm_id="ours"))
    return kernel


def test_clicks_of_our_views_are_handed_out_and_all_else_keeps_its_order(
    kernel: OldKernel,
) -> None:
    kernel.receive("execute_request", code="1")
    kernel.receive("comm_msg", comm_id="ours", data={"n": 1})
    kernel.receive("comm_msg", comm_id="another", data={})
    kernel.msg_queue.put_nowait((3, kernel.receive, ()))
    kernel.receive("comm_msg", comm_id="ours", data={"n": 2})
    kernel.receive("execute_request", code="2")

    kernels.dispatch_queued()

    assert [content["data"] for content in kernel.delivered] == [{"n": 1}, {"n": 2}]
    assert kernel.waiting() == [0, 2, 3, 5]


def test_a_newer_kernel_has_no_queue_to_look_through(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kernels, "running_kernel", object)

    assert kernels.dispatch_queued() is None  # type: ignore[func-returns-value]  # it returns


def test_a_kernel_that_routes_clicks_is_told_to_take_the_shell_that_the_page_names(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(kernels, "running_kernel", object)
    comm = SimpleNamespace(comm_id="ours", _reply_subshell_for=lambda *_: "the cell's")

    kernels.accept_during_cells(comm)

    assert comm._reply_subshell_for({}, "the page's") == "the page's"
    assert comm._reply_subshell_for({}, None) is None


def test_outside_of_a_kernel_nothing_is_done() -> None:
    comm = SimpleNamespace(comm_id="ours", _reply_subshell_for=None)

    kernels.accept_during_cells(comm)

    assert comm._reply_subshell_for is None
