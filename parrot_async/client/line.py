"""The line to a job service over Dask's comms, which tells that it was cut by one error.

What a cut line raises depends on the moment: a CommClosedError, an OSError, or what a transport or
its TLS handshake trips over (`ValueError: IOStream is not idle`). All of it means the same here.
"""

from typing import Any

from distributed.comm.addressing import parse_address, parse_host_port
from distributed.comm.core import Comm, connect
from distributed.comm.registry import get_backend
from distributed.core import clean_exception, rpc
from distributed.security import Security

from parrot_async.errors import DisconnectedError
from parrot_async.transport.api import stream_request


class Line:
    """Opens streams to one service and asks it questions; a cut line is a DisconnectedError.

    Runs on: the connection's loop.
    """

    def __init__(self, address: str, security: Security | None, patience: float) -> None:
        """Say where the service is; nothing is connected yet."""
        self._address = address
        self._args = (security or Security()).get_connection_args("client")
        self.rpc = rpc(address, connection_args=self._args, timeout=patience)

    def check_address(self) -> None:
        """Raise ValueError for what is no address, which no second try makes one."""
        scheme, place = parse_address(self._address)
        get_backend(scheme)
        if scheme in ("tcp", "tls"):
            parse_host_port(place)

    async def stream(self, client: str, number: int, patience: float) -> Comm:
        """Open the stream on which the service sends events to a client."""
        comm: Comm | None = None
        try:
            comm = await connect(self._address, timeout=patience, **self._args)
            await comm.write(stream_request(client, number))
            await comm.read()
        except Exception as exc:
            if comm is not None:
                comm.abort()
            raise self._cut(exc) from exc
        return comm

    async def read(self, comm: Comm) -> Any:
        """Return the next message of a stream."""
        try:
            return await comm.read()
        except Exception as exc:
            raise self._cut(exc) from exc

    async def ask(self, name: str, arguments: dict[str, object]) -> Any:
        """Ask one question; raises what the service raises."""
        comm = await self._live_comm(name)
        answered = False
        try:
            await comm.write({"op": name, "reply": True, **arguments}, on_error="raise")
            answer = await comm.read()
            answered = True
        except Exception as exc:
            if not _is_cut(comm, exc):
                raise
            raise self._cut(exc) from exc
        finally:
            # What comes next on the comm of a call that was cancelled is the answer to that call.
            if not answered:
                comm.abort()
        self.rpc.comms[comm] = True  # type: ignore[index]  # Dask's mark: it may be used again
        try:
            return _checked(answer)
        except OSError as exc:  # the service lost a line of its own
            raise self._cut(exc) from exc

    async def _live_comm(self, name: str) -> Comm:
        try:
            comm: Comm = await self.rpc.live_comm()
        except Exception as exc:
            raise self._cut(exc) from exc
        comm.name = f"rpc.{name}"
        return comm

    def _cut(self, cause: Exception) -> DisconnectedError:
        return DisconnectedError(f"the job service at {self._address} does not answer: {cause!r}")

    async def close(self) -> None:
        """Close the comms of questions; who opened a stream closes it."""
        await self.rpc.close_rpc()


def _is_cut(comm: Comm, cause: Exception) -> bool:
    """Whether the line is at fault, and not a question that cannot be packed."""
    return comm.closed() or isinstance(cause, OSError)


def _checked(answer: Any) -> Any:
    """Return what the service answered, or raise what it raised."""
    if isinstance(answer, dict) and answer.get("status") == "uncaught-error":
        _, error, trace = clean_exception(**answer)
        raise (error or RuntimeError(answer.get("exception_text"))).with_traceback(trace)
    return answer
