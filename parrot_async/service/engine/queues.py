"""The queues of a service, found by name and kept in the store."""

from collections.abc import Iterable, Mapping, Sequence

from parrot_async.errors import OptionsError
from parrot_async.model.models import QUEUES, Queue
from parrot_async.service.journal.journal import Journal
from parrot_async.store import JobStore


def queue_of(queues: Mapping[str, Queue], name: str) -> Queue:
    """Return a queue. Raises OptionsError where there is none of this name."""
    found = queues.get(name)
    if found is None:
        known = ", ".join(sorted(queues))
        raise OptionsError(
            f"there is no queue {name!r}. Queues: {known}. "
            "Add one with `await client.set_queue(Queue(name=...))`"
        )
    return found


async def learn(queues: dict[str, Queue], journal: Journal, names: Iterable[str]) -> None:
    """Add queues that trees of other services use: as they are saved, or else without limits."""
    missing = set(names) - queues.keys()
    if missing:
        saved = await journal.recorder.read(lambda store: store.queues())
        found = {queue.name: queue for queue in saved}
        queues.update({name: found.get(name) or Queue(name=name) for name in missing})


def save(store: JobStore, queues: Sequence[Queue]) -> None:
    """Save queues, each in place of the one of the same name."""
    for queue in queues:
        store.save_queue(queue)


def known_queues(store: JobStore) -> dict[str, Queue]:
    """Return the queues that every service has, and those that were saved, by name."""
    return {queue.name: queue for queue in (*QUEUES, *store.queues())}
