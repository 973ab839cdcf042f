"""The queues of a service: found by name, and kept in the store."""

from collections.abc import Mapping, Sequence

from parrot_async.errors import OptionsError
from parrot_async.models import Queue
from parrot_async.store import JobStore


def queue_of(queues: Mapping[str, Queue], name: str) -> Queue:
    """Return a queue; OptionsError where there is none of this name."""
    found = queues.get(name)
    if found is None:
        known = ", ".join(sorted(queues))
        raise OptionsError(
            f"there is no queue {name!r}. Queues: {known}. "
            "Add one with `await client.set_queue(Queue(name=...))`"
        )
    return found


def save(store: JobStore, queues: Sequence[Queue]) -> None:
    """Keep queues, each in place of the one of the same name."""
    for queue in queues:
        store.save_queue(queue)
