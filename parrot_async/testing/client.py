"""`EagerClient`: a `JobClient` for unit tests, with the service and its worker in this process."""

import asyncio
from collections.abc import Sequence

from parrot_async.client.client import JobClient
from parrot_async.client.connection import Connection
from parrot_async.testing.host import EagerHost
from parrot_async.testing.line import Line

LABELS = ("cpu", "gpu", "io")


class EagerClient(JobClient):
    """A `JobClient` that needs no cluster: what it is told to run, it runs in this process.

    Everything else is the same code: the service, its store, the tree, the runner; so children,
    plans, progress, spending, logs, retries, timeouts, pause and cancel do what they do on a
    cluster, and handles are the same handles. Functions, arguments and results are pickled as
    they are there, so that what could not travel fails here as well.

    Jobs run one after the other, in the order of their submission; a job that waits for its
    children lets them run. What still runs when the client closes is cancelled, and what it stored
    is gone.
    """

    def __init__(self, *, slots: int = 1, labels: Sequence[str] = LABELS) -> None:
        """`slots` is how many jobs run at once; `labels` are the pools that have a worker."""
        super().__init__()
        self._slots = slots
        self._labels = labels
        self._host: EagerHost | None = None

    async def _connect(self) -> Connection:
        """Start a service of our own."""
        self._host = EagerHost(self._labels, self._slots)
        await self._host.start()
        return Line(self._host, self._mirror.take_in, self._mirror.lose)

    async def aclose(self) -> None:
        """Cancel what still runs, and forget everything."""
        connection, self._connection = self._connection, None
        host, self._host = self._host, None
        if connection is not None:
            await asyncio.shield(connection.close())
        if host is not None:
            await asyncio.shield(host.close())
