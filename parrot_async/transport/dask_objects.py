"""What of Dask's own objects cannot travel with a job, and what to do instead."""

from collections.abc import Hashable
from functools import lru_cache
from typing import cast

REFUSALS = {
    "distributed.client.Client": (
        "a Dask client stays in its process: inside a job `distributed.get_client()` gives one, "
        "and `current_job().run(...)` starts other jobs"
    ),
    "distributed.client.Future": (
        "the value of a Dask future is in the memory of Dask's workers, and a job outlives that: "
        "pass the value itself, `future.result()` or with an asynchronous client `await future`; "
        "of a persisted collection, what its `compute()` returns"
    ),
    "distributed.deploy.cluster.Cluster": (
        "a Dask cluster stays in its process: inside a job `distributed.get_client()` gives a "
        "client of the cluster that the job runs on"
    ),
    "distributed.core.Server": (
        "Dask's schedulers and workers stay in their processes: inside a job "
        "`distributed.get_worker()` gives the worker that it runs on"
    ),
    "distributed.actor.BaseActorFuture": (
        "what a Dask actor has not answered yet cannot travel: pass what its `result()` returns"
    ),
}
"""Why objects of these classes, and of classes derived from them, do not travel."""


def refuse_dask(value: object) -> None:
    """Raise TypeError where a value is one of Dask's that would arrive without its meaning."""
    if (why := _refusal_of(cast("Hashable", type(value)))) is not None:
        raise TypeError(why)


@lru_cache(maxsize=256)
def _refusal_of(kind: Hashable) -> str | None:
    """Return why objects of a class do not travel; it imports nothing of Dask's to tell."""
    for base in cast("type", kind).__mro__:
        found = REFUSALS.get(f"{base.__module__}.{base.__qualname__}")
        if found is not None:
            return found
    return None
