"""The lease: as long as a service renews it, no other service takes over its trees."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable

from parrot_async.errors import StoreError
from parrot_async.service.journal.recorder import Recorder

LEASE = 10.0
"""Seconds for which a lease is taken or renewed."""
RENEW = 3.0
"""Seconds between two renewals: two may fail before the lease is over."""

logger = logging.getLogger(__name__)


class Lease:
    """Tells other services on the same store that this one is alive.

    Runs on: the scheduler's loop.
    """

    def __init__(self, recorder: Recorder, regained: Callable[[], Awaitable[None]]) -> None:
        """Begin without a lease.

        `regained` is called when a lease that was over is renewed, before it counts again.
        """
        self._recorder = recorder
        self._regained = regained
        self._until: float | None = None
        """By the monotonic clock; None before there was a lease."""

    def is_over(self) -> bool:
        """Return whether another service may have claimed trees since the latest renewal."""
        return self._until is not None and time.monotonic() >= self._until

    async def renew(self) -> None:
        """Take or renew the lease; raises StoreError where the store refuses."""
        # Both clocks are read before the store is asked: a process that is stopped meanwhile
        # takes its lease for shorter than it is, never for longer.
        began, owner, until = time.monotonic(), self._recorder.owner, time.time() + LEASE
        await self._recorder.read(lambda store: store.lease(owner, until))
        if self.is_over():
            await self._regained()
        self._until = began + LEASE

    async def keep(self) -> None:
        """Renew the lease for ever."""
        while True:
            await asyncio.sleep(RENEW)
            try:
                await self.renew()
            except StoreError as exc:
                logger.warning("the job store did not renew this service's lease: %s", exc)
