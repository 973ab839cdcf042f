"""A collection outlives a lost connection, and passes on what the database refuses."""

import pytest

from parrot_async.ingest.collection import Collection
from parrot_async.ingest.embed.model import Model
from parrot_async.ingest.errors import VectorStoreError
from parrot_async.ingest.vectors.store import VectorStore
from tests.unit.ingest.memory import MemoryStore, MemoryTarget

MODEL = Model("all-MiniLM-L6-v2", "auto", "fingerprint", 4, 800)


class ReopeningTarget(MemoryTarget):
    """Opens a fresh store each time."""

    async def open(self, model: Model) -> VectorStore:  # noqa: ARG002  the store has one model
        object.__setattr__(self, "store", MemoryStore())
        return self.store


async def count(store: VectorStore) -> int:
    if store.closed:
        raise VectorStoreError("PostgreSQL does not answer")
    return (await store.count())[0]


async def test_a_question_is_asked_again_on_a_new_connection_when_the_first_was_lost() -> None:
    lost = MemoryStore()
    target = ReopeningTarget(lost)

    async with Collection(target, MODEL) as collection:
        first = target.store
        assert isinstance(first, MemoryStore)
        first.lost = True
        answer = await collection.ask(count)

    assert answer == 0
    assert target.store is not first


async def test_what_an_open_database_refuses_is_raised_at_once() -> None:
    asked = []

    async def refuse(store: VectorStore) -> None:
        asked.append(store)
        raise VectorStoreError("PostgreSQL refuses")

    async with Collection(MemoryTarget(MemoryStore()), MODEL) as collection:
        with pytest.raises(VectorStoreError, match="refuses"):
            await collection.ask(refuse)

    assert len(asked) == 1
