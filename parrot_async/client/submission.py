"""The way of jobs from the caller to the service: packed in a thread, sent in pieces, accepted."""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from parrot_async.client.packing import Packing
from parrot_async.client.session import Session
from parrot_async.jobs.plan import Plan
from parrot_async.jobs.request import (
    groups_of_piece,
    groups_of_plan,
    map_root,
    pack_call,
    pack_function,
    packs_at_once,
)
from parrot_async.jobs.spec import check_call
from parrot_async.model.events import Record
from parrot_async.model.models import JobId
from parrot_async.settings.failpoints import reach
from parrot_async.transport.messages import Group
from parrot_async.transport.pickling import Call
from parrot_async.transport.wire import all_beside

PIECE = 500
"""Jobs of a `map` that are pickled and sent at once, so that the caller's loop may breathe."""
PIECES_UNDER_WAY = 4

Function = Callable[..., Any]


class Submission:
    """Packs what a client submits, and sends it.

    Runs on: the caller's loop; what is big or slow is packed in a thread.
    """

    def __init__(self, session: Session, limit: int) -> None:
        """`limit` is the most bytes that the arguments of one job, or its function, may have."""
        self._session = session
        self._limit = limit
        self._packing = Packing()

    def close(self) -> None:
        """Let the thread go that packs."""
        self._packing.close()

    async def submit(self, fn: Function | Plan, call: Call, root_id: JobId) -> JobId:
        """Submit a job or a plan; returns its id, another one where its key has a job already.

        Raises SerializationError, OptionsError and StoreError as `JobClient.submit`.
        """
        if isinstance(fn, Plan):
            packed = await self._packing.run(partial(groups_of_plan, fn, root_id, self._limit))
        else:
            check_call(fn, call)
            work = partial(pack_call, fn, call, root_id, self._limit)
            packed = await self._packing.run(work, at_once=packs_at_once(fn, [call]))
        return await self._send(root_id, *packed)

    async def map(self, fn: Function, calls: Sequence[Call], root_id: JobId) -> None:
        """Submit jobs below one plan; it is cancelled where they cannot all be sent."""
        for call in calls[:1]:
            check_call(fn, call)
        function_id, data = await self._packing.run(partial(pack_function, fn, self._limit))
        top = map_root(fn, len(calls), root_id)
        first = await self._pack_piece(fn, calls[:PIECE], function_id, root_id, 0)
        await self._send(root_id, [top, *first], {function_id: data})
        under_way: deque[asyncio.Task[JobId]] = deque()
        try:
            for start in range(PIECE, len(calls), PIECE):
                piece = calls[start : start + PIECE]
                groups = await self._pack_piece(fn, piece, function_id, root_id, start)
                under_way.append(asyncio.ensure_future(self._send(root_id, groups, {})))
                await asyncio.sleep(0)
                if len(under_way) >= PIECES_UNDER_WAY:
                    await under_way.popleft()
            while under_way:
                await under_way.popleft()
        except BaseException:
            for task in under_way:
                task.cancel()
            self._session.post(lambda api: api.cancel([root_id]))
            raise
        await self._session.trees.shown(root_id, len(calls))

    async def _pack_piece(
        self, fn: Function, calls: Sequence[Call], function_id: str, root_id: JobId, start: int
    ) -> list[Group]:
        work = partial(groups_of_piece, fn, calls, function_id, root_id, start, self._limit)
        return await self._packing.run(work, at_once=packs_at_once(fn, calls))

    async def _send(
        self, root_id: JobId, groups: Sequence[Group], functions: dict[str, bytes]
    ) -> JobId:
        connection = self._session.connection
        connection.watch(root_id)
        accepted = await connection.api.submit(all_beside(groups), functions, connection.client)
        reach("acknowledged")
        if accepted["id"] == root_id and accepted["first"]:
            # The stream may bring it later, and the handle is used at once.
            first = Record(bytes(accepted["first"]))
            self._session.trees.take_in([(root_id, 0, first)])
        return accepted["id"]
