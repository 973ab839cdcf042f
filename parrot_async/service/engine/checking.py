"""Checks that functions are what was submitted, by a worker that would run them."""

import asyncio
import time
from collections import defaultdict
from collections.abc import Iterable, Mapping

from parrot_async.errors import ClusterError
from parrot_async.model.models import JobNode
from parrot_async.runner.checking import CHANGED
from parrot_async.service.engine.dispatch import Dispatch
from parrot_async.service.engine.placement import Placement
from parrot_async.service.journal.journal import Journal
from parrot_async.transport.messages import StoredFunction

PATIENCE = 60.0
"""Seconds that the check waits for a worker."""
LOOK_AGAIN = 0.1
"""Seconds between two looks for one."""


class Checking:
    """Asks workers about functions that are to run again after a long time.

    Runs on: the scheduler's loop.
    """

    def __init__(self, journal: Journal, dispatch: Dispatch, placement: Placement) -> None:
        """Share the service's parts."""
        self._journal = journal
        self._dispatch = dispatch
        self._placement = placement

    async def problems(self, nodes: Iterable[JobNode], accept_changed: bool) -> list[str]:
        """Return a sentence for each function that has changed or is gone.

        Raises ClusterError where no worker comes that could look.
        """
        by_worker: defaultdict[str, dict[str, JobNode]] = defaultdict(dict)
        for node in nodes:
            if node.spec.function_id is not None:
                worker = await self._worker(node.spec.pool)
                by_worker[worker].setdefault(node.spec.function_id, node)
        found = []
        for worker, some in by_worker.items():
            for function_id, text in (await self._ask(worker, some)).items():
                if text != CHANGED or not accept_changed:
                    node = some[function_id]
                    found.append(f"{node.spec.function}, which job {node.id} calls, {text}")
        return found

    async def _worker(self, label: str) -> str:
        """Return a worker of a pool, or any worker where that pool has none."""
        until = time.monotonic() + PATIENCE
        while time.monotonic() < until:
            pools = self._dispatch.pools
            wanted = [pools[label]] if label in pools and pools[label].members else pools.values()
            for worker in (worker for pool in wanted for worker in pool.members):
                return worker
            await asyncio.sleep(LOOK_AGAIN)
        raise ClusterError(
            "nothing was recovered, because this cluster has no worker that could look whether the "
            "jobs' functions are what was submitted: start one"
        )

    async def _ask(self, worker: str, nodes: Mapping[str, JobNode]) -> dict[str, str]:
        functions: dict[str, StoredFunction] = {}
        for function_id, node in nodes.items():
            data = await self._stored(function_id)
            functions[function_id] = StoredFunction(data=data, code=node.spec.code)
        return await self._placement.runner(worker).check(functions)

    async def _stored(self, function_id: str) -> bytes | None:
        return await self._journal.recorder.read(lambda store: store.function(function_id))
