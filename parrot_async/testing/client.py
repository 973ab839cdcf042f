"""`EagerClient`: a `JobClient` for unit tests, with the service and its worker in this process."""

import asyncio
from collections.abc import Sequence

from parrot_async.client.client import JobClient
from parrot_async.client.connection import Connection
from parrot_async.testing.connection import EagerConnection
from parrot_async.testing.host import EagerHost

LABELS = ("cpu", "gpu", "io")


class EagerClient(JobClient):
    """A `JobClient` that needs no cluster: it runs jobs in this process.

    Everything else is the same code: the service, its store, the tree and the runner. Children,
    plans, progress, spending, logs, retries, timeouts, pause and cancel do what they do on a
    cluster. Functions, arguments and results are pickled as they are there, so that what cannot
    travel to a cluster fails here as well.

    Jobs run one after the other, in the order of their submission; a job that waits for its
    children frees its slot for them. When the client closes, what still runs is cancelled, and the
    store is deleted.
    """

    def __init__(self, *, slots: int = 1, labels: Sequence[str] = LABELS) -> None:
        """`slots` is how many jobs run at once; `labels` are the pools that have a worker."""
        super().__init__()
        self._slots = slots
        self._labels = labels
        self._host: EagerHost | None = None

    async def _connect(self) -> Connection:
        """Start a service in this process, and return the connection to it."""
        self._host = EagerHost(self._labels, self._slots)
        await self._host.start()
        trees = self._session.trees
        return EagerConnection(self._host, trees.take_in, trees.lose)

    async def aclose(self) -> None:
        """Cancel what still runs, and forget everything."""
        self._submission.close()
        host, self._host = self._host, None
        await self._session.end()
        if host is not None:
            await asyncio.shield(host.close())
