"""The lease: as long as it is renewed, the trees of this service are nobody else's."""

import asyncio
import logging
import time

from parrot_async.errors import StoreError
from parrot_async.service.journal.recorder import Recorder

LEASE = 10.0
"""Seconds that a service is taken for alive after it last said so."""
RENEW = 3.0
"""Seconds between two such words."""

logger = logging.getLogger(__name__)


class Lease:
    """One service's word to the others on the same store that it lives."""

    def __init__(self, recorder: Recorder) -> None:
        """Take nothing yet."""
        self._recorder = recorder

    async def renew(self) -> None:
        """Take the lease, or go on with it; StoreError where the store refuses."""
        owner, until = self._recorder.owner, time.time() + LEASE
        await self._recorder.read(lambda store: store.lease(owner, until))

    async def keep(self) -> None:
        """Renew it for ever."""
        while True:
            await asyncio.sleep(RENEW)
            try:
                await self.renew()
            except StoreError as exc:
                logger.warning("the job store did not renew this service's lease: %s", exc)
