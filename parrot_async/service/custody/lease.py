"""The lease: as long as a service renews it, no other service takes over its trees."""

import asyncio
import logging
import time

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

    def __init__(self, recorder: Recorder) -> None:
        """Begin without a lease."""
        self._recorder = recorder

    async def renew(self) -> None:
        """Take or renew the lease; raises StoreError where the store refuses."""
        owner, until = self._recorder.owner, time.time() + LEASE
        await self._recorder.read(lambda store: store.lease(owner, until))

    async def keep(self) -> None:
        """Renew the lease for ever."""
        while True:
            await asyncio.sleep(RENEW)
            try:
                await self.renew()
            except StoreError as exc:
                logger.warning("the job store did not renew this service's lease: %s", exc)
