"""The only code that touches the inside of Dask's scheduler: start, release and kill.

Written against distributed 2026.8. A batch of attempts is one Dask task, made inside the
scheduler: what arrives there by RPC need not pay the client's 10 ms of batching.
"""

import asyncio
import logging
from collections.abc import Mapping, Sequence
from time import time
from typing import Any

from dask._task_spec import Task
from distributed import Scheduler
from distributed.spans import SpanMetadata

from parrot_async.runner.plugin import run_batch
from parrot_async.wire import CHECK, CONTROL, Batch

OWNER = "parrot-service"
"""The name under which the service wants its keys, as a Dask client would."""
PREFIX = "parrot-batch"
SEND_INTERVAL = 0.0
"""Seconds between two messages to a worker; any pause becomes a millisecond of the loop's timer."""
RELEASE_AFTER = 0.1
"""Seconds until tasks that are over are forgotten, many at a time."""

logger = logging.getLogger(__name__)


class Placement:
    """Dask's scheduler as the service uses it."""

    def __init__(self, scheduler: Scheduler) -> None:
        """Take the scheduler that the service lives beside."""
        self._scheduler = scheduler
        self._loop = asyncio.get_running_loop()
        self._leaving: list[str] = []
        self._count = 0
        self._closing: set[asyncio.Task[None]] = set()

    def worker_joined(self, worker: str) -> None:
        """Shorten the pause between messages to this worker."""
        self._scheduler.stream_comms[worker].interval = SEND_INTERVAL

    def start(self, batch: Batch, worker: str, priority: int) -> str:
        """Have a worker run a batch; returns the task's key.

        Dask may not place it anywhere else: a second placement would be a second attempt, and
        which one to make is for the service to say.
        """
        self._count += 1
        key = f"{PREFIX}-{self._count}"
        self._scheduler._create_taskstate_from_graph(  # noqa: SLF001 - as Dask's own client RPC
            start=time(),
            dsk={key: Task(key, run_batch, key, tuple(batch))},
            keys={key},
            ordered={key: 0},
            client=OWNER,
            annotations_by_type={},
            global_annotations={"workers": [worker], "allow_other_workers": False},
            stimulus_id=f"parrot-start-{time()}",
            submitting_task=None,
            span_metadata=SpanMetadata(collections=[]),
            user_priority=priority,
        )
        return key

    def release(self, keys: Sequence[str]) -> None:
        """Forget tasks; Dask tells their workers. Not at once: who waits for an end goes first."""
        if not self._leaving:
            self._loop.call_later(RELEASE_AFTER, self._release_now)
        self._leaving.extend(keys)

    def _release_now(self) -> None:
        keys, self._leaving = self._leaving, []
        known = [key for key in keys if key in self._scheduler.tasks]
        if known and OWNER in self._scheduler.clients:
            self._scheduler.client_releases_keys(keys=known, client=OWNER)

    def control(self, worker: str, **message: Any) -> None:
        """Tell a runner something."""
        if worker in self._scheduler.stream_comms:
            self._scheduler.worker_send(worker, {"op": CONTROL, **message})

    async def check(
        self, worker: str, functions: Mapping[str, tuple[bytes | None, str]]
    ) -> dict[str, str]:
        """Have a runner say what is wrong with functions."""
        async with self._scheduler.rpc(worker) as remote:
            found: dict[str, str] = await getattr(remote, CHECK)(functions=functions)
            return found

    def can_kill(self, worker: str) -> bool:
        """Whether a nanny would restart the worker after its death."""
        state = self._scheduler.workers.get(worker)
        return state is not None and state.nanny is not None

    def kill(self, worker: str) -> None:
        """Kill a worker's process; its nanny starts another."""
        state = self._scheduler.workers.get(worker)
        if state is not None and state.nanny is not None:
            self._release_now()
            task = asyncio.create_task(self._kill(state.nanny))
            self._closing.add(task)
            task.add_done_callback(self._closing.discard)

    async def _kill(self, nanny: str) -> None:
        try:
            async with self._scheduler.rpc(nanny) as remote:
                await remote.kill(timeout=0.2, reason="parrot-job-does-not-stop")
        except (OSError, TimeoutError) as exc:
            logger.warning("the nanny %s could not kill its worker: %r", nanny, exc)
