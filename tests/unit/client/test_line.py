"""A line that is cut says so by one error, whatever the transport under it trips over."""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from anyio import fail_after, sleep
from distributed.comm import tcp
from distributed.comm.core import Comm
from distributed.core import Server

from parrot_async.client import connection
from parrot_async.client.connection import Connection, News
from parrot_async.client.line import Line
from parrot_async.errors import DisconnectedError, OptionsError
from parrot_async.transport.api import VERSION, WATCH

CUTS = [
    ValueError("IOStream is not idle; cannot convert to SSL"),
    AssertionError(),
    RuntimeError("the stream is closing"),
    OSError("reset"),
    KeyError("serializers"),
    EOFError(),
]


async def hello() -> dict[str, Any]:
    return {"version": VERSION, "history": {}, "interrupted": 0}


async def refuses() -> None:
    raise OptionsError("no such option")


async def fails_by_itself() -> None:
    raise ValueError("the service's own")


async def serves(comm: Comm, client: str, number: int) -> None:
    """Serve a stream, and say nothing on it."""
    await comm.write({"status": "OK"})
    await asyncio.Event().wait()


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    handlers = {"parrot_hello": hello, "refuses": refuses, "fails": fails_by_itself}
    serving = Server({**handlers, WATCH: serves}, needs_workdir=False)
    await serving.listen("tcp://127.0.0.1:0")
    yield serving
    await serving.close()


def failing(error: Exception, times: int, original: Callable[..., Any]) -> Callable[..., Any]:
    left = [error] * times

    async def connect(*args: Any, **kwargs: Any) -> Any:
        if left:
            raise left.pop()
        return await original(*args, **kwargs)

    return connect


@pytest.mark.parametrize("error", CUTS, ids=repr)
async def test_a_handshake_that_trips_is_a_cut_line(
    server: Server, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    line = Line(server.address, None, 0.2)
    original = tcp.TCPConnector.connect
    monkeypatch.setattr(tcp.TCPConnector, "connect", failing(error, 100, original))

    with pytest.raises(DisconnectedError):
        await line.ask("parrot_hello", {})
    with pytest.raises(DisconnectedError):
        await line.stream("me", 1, 0.2)

    await line.close()


@pytest.mark.parametrize("error", CUTS, ids=repr)
async def test_a_read_that_trips_is_a_cut_line_and_the_next_call_gets_another(
    server: Server, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    line = Line(server.address, None, 2)
    await line.ask("parrot_hello", {})
    comms: Any = line.rpc.comms
    comm = next(iter(comms))

    async def broken(*_: Any, **__: Any) -> Any:
        comm.abort()
        raise error

    monkeypatch.setattr(comm, "read", broken)
    with pytest.raises(DisconnectedError):
        await line.ask("parrot_hello", {})

    assert await line.ask("parrot_hello", {}) == await hello()
    await line.close()


async def test_what_the_service_raises_is_no_cut_line(server: Server) -> None:
    line = Line(server.address, None, 2)

    with pytest.raises(OptionsError, match="no such option"):
        await line.ask("refuses", {})
    with pytest.raises(ValueError, match="the service's own"):
        await line.ask("fails", {})

    await line.close()


async def test_a_question_that_cannot_be_packed_is_no_cut_line(server: Server) -> None:
    line = Line(server.address, None, 2)

    with pytest.raises(UnicodeEncodeError):
        await line.ask("parrot_hello", {"name": "caf\udce9"})

    assert await line.ask("parrot_hello", {}) == await hello()
    await line.close()


async def test_who_is_cut_in_a_handshake_tries_again_and_stays(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "RECONNECT", (0.01,) * 5)
    lost: list[DisconnectedError] = []
    seen: list[News] = []
    client = Connection(server.address, None, seen.append, lost.append)
    await client.open()
    original = tcp.TCPConnector.connect
    monkeypatch.setattr(tcp.TCPConnector, "connect", failing(CUTS[0], 3, original))
    for comm in list(server._comms):
        comm.abort()
    with fail_after(10):
        while client._streams < 2:  # noqa: ASYNC110 - it is cut on another thread
            await sleep(0.01)

    assert lost == []
    assert (await client.api.hello())["version"] == VERSION
    await client.close()


async def test_a_service_whose_lines_are_all_cut_is_given_up_in_the_end(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "RECONNECT", (0.01,) * 5)
    monkeypatch.setattr(connection, "MOST_CUTS", 3)
    lost: list[DisconnectedError] = []
    client = Connection(server.address, None, lambda _: None, lost.append)
    monkeypatch.setattr(client, "_next", garbled)
    await client.open()

    with fail_after(10):
        while not lost:  # noqa: ASYNC110 - it is given up on another thread
            await sleep(0.01)

    assert "is gone" in str(lost[0])
    await client.close()


async def garbled(_: Comm) -> Any:
    raise DisconnectedError("msgpack: what came is no message")
