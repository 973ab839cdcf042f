"""The collection that an ingestion fills: where it is, and a connection that outlives outages."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from types import TracebackType
from typing import Self, TypeVar

import anyio
from anyio import to_thread
from pydantic import SecretStr

from parrot_async.ingest.embed.model import Model
from parrot_async.ingest.errors import VectorStoreError
from parrot_async.ingest.vectors.server import ensure_server
from parrot_async.ingest.vectors.store import VectorStore

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Target:
    """Where a collection is, as a value that travels to any machine.

    Without a `dsn` it is in the embedded server of the machine that opens it.
    """

    dsn: SecretStr | None
    collection: str

    async def open(self, model: Model) -> VectorStore:
        """Connect, and create the collection if need be.

        Raises `ServerError` or `VectorStoreError`.
        """
        if self.dsn is None:
            dsn = await to_thread.run_sync(ensure_server)
        else:
            dsn = self.dsn.get_secret_value()
        return await VectorStore.open(
            dsn, model=model.fingerprint, dimension=model.dimension, collection=self.collection
        )


class Collection:
    """An open collection for a long run, which reconnects when its server was gone for a while.

    `async with Collection(target, model)` raises at its start as `VectorStore.open` does.
    """

    def __init__(self, target: Target, model: Model) -> None:
        self._target = target
        self._model = model
        self._opening = anyio.Lock()

    async def __aenter__(self) -> Self:
        self._store = await self._target.open(self._model)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        exc: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._store.aclose()

    async def ask(self, question: Callable[[VectorStore], Awaitable[T]]) -> T:
        """Return what `question` returns of the store; ask once again on a new connection.

        Raises `VectorStoreError` for what the database refuses, or when it stays away.
        """
        store = self._store
        try:
            return await question(store)
        except VectorStoreError:
            if not store.closed:  # the server refuses: it would refuse again
                raise
        return await question(await self._reopened(store))

    async def _reopened(self, lost: VectorStore) -> VectorStore:
        """Return the store in place of `lost`: of several tasks that lost it, one reconnects."""
        async with self._opening:
            if self._store is lost:
                self._store = await self._target.open(self._model)
            return self._store
