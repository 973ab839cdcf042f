"""Search finds the passages that answer a question, each with its source."""

from functools import partial
from pathlib import Path

from anyio import to_thread

from parrot_async.ingest.embed.embedder import Backend, Embedder, load_embedder
from parrot_async.ingest.embed.model_files import DEFAULT_MODEL
from parrot_async.ingest.vectors.records import EVERYTHING, Filter, Hit
from parrot_async.ingest.vectors.schema import check_dsn
from parrot_async.ingest.vectors.server import ensure_server
from parrot_async.ingest.vectors.store import VectorStore


async def search(
    question: str,
    *,
    limit: int = 5,
    dsn: str | None = None,
    collection: str = "default",
    model: str | Path = DEFAULT_MODEL,
    backend: Backend = "auto",
    where: Filter = EVERYTHING,
) -> list[Hit]:
    """Return the `limit` passages nearest in meaning to `question`, best first; scores are cosines.

    `dsn` names a PostgreSQL with pgvector, by default the user's embedded server. Raises
    `ModelError`, `ServerError`, or `VectorStoreError`, the last also when nothing was ingested with
    this model into this collection.
    """
    if dsn is not None:
        check_dsn(dsn)
    question = question.encode("utf-8", "backslashreplace").decode()
    embedder = await to_thread.run_sync(partial(load_embedder, model, backend))
    if dsn is None:
        dsn = await to_thread.run_sync(ensure_server)
    async with await open_collection(dsn, embedder, collection, create=False) as store:
        (vector,) = await to_thread.run_sync(embedder.embed, [question], "query")
        return await store.search(vector, limit, where)


async def open_collection(
    dsn: str, embedder: Embedder, collection: str = "default", *, create: bool = True
) -> VectorStore:
    """Open `collection` for vectors of `embedder`; raises as `VectorStore.open` does."""
    return await VectorStore.open(
        dsn,
        model=embedder.fingerprint,
        dimension=embedder.dimension,
        collection=collection,
        create=create,
    )
