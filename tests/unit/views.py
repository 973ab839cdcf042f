"""A mirror that tests fill with events, as the source of views; and a comm that keeps words."""

from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from typing import Any, cast

import comm
import pytest
from comm.base_comm import BaseComm

from parrot_async.client.connection import Connection
from parrot_async.client.replica import Changes
from parrot_async.client.trees import Mirror
from parrot_async.model.events import Event, Record, dump
from parrot_async.model.models import JobId, root_of
from parrot_async.view.feeds import TreeFeed
from parrot_async.view.source import Source
from tests.unit.stories import PLAN, submitted, waiting


class Line:
    """In the place of a connection: keeps what was asked, and answers as it is told to."""

    def __init__(self) -> None:
        self.closed = False
        self.asked: list[tuple[str, dict[str, Any]]] = []
        self.attached: list[JobId] = []
        self.answers: dict[str, Future[Any]] = {}

    def attach_soon(self, job_id: JobId) -> None:
        self.attached.append(job_id)

    def post(self, op: str, **message: Any) -> Future[Any]:
        self.asked.append((op, message))
        return self.answers.setdefault(op, Future())


class World:
    """Trees of which events are told one by one."""

    def __init__(self) -> None:
        self.line = Line()
        self.mirror = Mirror()
        self.wakings = 0
        self._seq = 0
        self._claims: list[object] = []
        self.source = Source(self.mirror, cast("Connection", self.line), self.claim, {})

    def claim(self, root_id: JobId) -> object:
        return self.mirror.claim(root_id, lambda _: None)

    def tell(self, *events: Event) -> None:
        """Let these have happened."""
        for event in events:
            self._seq += 1
            ids = (event.id,) if hasattr(event, "id") else event.ids
            self._claims.append(self.claim(root_of(ids[0])))
            self.mirror.take_in([(root_of(ids[0]), self._seq, Record(dump(event)))])

    def forget(self, root_id: JobId) -> None:
        """Let nobody but the views hold a tree."""
        self._claims.clear()
        assert self.mirror.drop(root_id)

    def wake(self) -> None:
        self.wakings += 1

    def changes(self, root_id: JobId) -> Changes:
        return self.source.changes(root_id, self.wake)

    def feed(self, job_id: JobId) -> TreeFeed:
        """The rows of a view, as far as the tree is here."""
        feed = TreeFeed(self.source, job_id, self.wake)
        feed.tick()
        return feed


def plan_of(count: int) -> World:
    """A plan "r" that waits for its children."""
    world = World()
    ids = [f"r.{number}" for number in range(count)]
    world.tell(submitted("r", spec=PLAN), submitted(*ids), waiting("r"))
    return world


class Words(BaseComm):
    """A comm whose messages a test reads."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self.messages: list[dict[str, Any]] = []
        super().__init__(*args, **kwargs)

    def publish_msg(self, msg_type: str, data: Any = None, *_: Any, **__: Any) -> None:
        self.messages.append({"type": msg_type, **(data or {})})

    def take(self) -> list[dict[str, Any]]:
        """The custom messages since the last time, and the states as `{"t": "state", ...}`."""
        taken, self.messages = self.messages, []
        return [
            message["content"] if "content" in message else {"t": "state", **message["state"]}
            for message in taken
        ]


@contextmanager
def words() -> Iterator[None]:
    """Give the views that are made meanwhile comms of this kind."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(comm, "create_comm", Words)
        yield
