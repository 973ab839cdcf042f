"""A collection of a long run: opened again when its server was gone for a while."""

from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import Self, TypeVar

import anyio

from parrot_async.ingest.errors import VectorStoreError
from parrot_async.ingest.stages import Model, Target
from parrot_async.ingest.vectors.vectors import VectorStore

T = TypeVar("T")


class Collection:
    """`async with Collection(target, model)`; raises at its start as `VectorStore.open` does."""

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
        """The answer of the store; asked once again where the connection was lost."""
        store = self._store
        try:
            return await question(store)
        except VectorStoreError:
            if not store.closed:
                raise
        return await question(await self._instead_of(store))

    async def _instead_of(self, lost: VectorStore) -> VectorStore:
        async with self._opening:
            if self._store is lost:
                self._store = await self._target.open(self._model)
            return self._store
