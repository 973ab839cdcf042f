"""A session that tests fill with events, as the source of views; and a comm that keeps words."""

import asyncio
from collections.abc import Awaitable, Callable, Collection
from concurrent.futures import Future
from typing import Any, cast

from comm.base_comm import BaseComm

from parrot_async.client.connection import Connection
from parrot_async.client.session import Session
from parrot_async.client.trees import WatchedTrees
from parrot_async.model.events import Event, Record, dump
from parrot_async.model.models import JobId, JobStatus, root_of
from parrot_async.model.rows import RootRow
from parrot_async.transport.api import Arguments, Operation, ServiceApi, service_stub
from parrot_async.view.conversation import Conversation
from parrot_async.view.feeds import TreeFeed
from parrot_async.view.panel_conversation import PanelConversation
from parrot_async.view.panel_feed import PanelFeed
from parrot_async.view.protocol import FromBrowser, ToBrowser
from parrot_async.view.source import ChangedJobs
from parrot_async.view.tree_conversation import TreeConversation
from parrot_async.widget.view import View
from tests.unit.stories import PLAN, submitted, waiting


class Line:
    """In the place of a connection: keeps what was asked, and answers as it is told to."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, Arguments]] = []
        self.attached: list[JobId] = []
        self.answers: dict[str, Future[Any]] = {}

    def attach_soon(self, job_id: JobId) -> None:
        self.attached.append(job_id)

    def forget(self, root_id: JobId, unwanted: Callable[[JobId], bool]) -> None:
        """Keep the tree: a test says itself when it is to go."""

    async def close(self) -> None:
        """Nothing to do."""

    def post(self, question: Callable[[ServiceApi], Awaitable[Any]]) -> Future[Any]:
        """Note the question, which says nothing before it is awaited."""
        asked = question(service_stub(self._ask))
        assert isinstance(asked, Future)
        return asked

    def _ask(self, operation: Operation, arguments: Arguments) -> Any:
        self.asked.append((operation.name, arguments))
        return self.answers.setdefault(operation.name, Future())


class World:
    """Trees of which events are told one by one."""

    def __init__(self) -> None:
        self.line = Line()
        self.wakings = 0
        self._seq = 0
        self._claims: list[object] = []
        self.source = Session()
        self.source.begin(cast("Connection", self.line), {})

    @property
    def trees(self) -> WatchedTrees:
        return self.source.trees

    def claim(self, root_id: JobId) -> object:
        return self.trees.claim(root_id, lambda _: None)

    def close(self) -> None:
        """Close the client."""
        asyncio.run(self.source.end())

    def tell(self, *events: Event) -> None:
        """Let these have happened."""
        for event in events:
            self._seq += 1
            ids = (event.id,) if hasattr(event, "id") else event.ids
            self._claims.append(self.claim(root_of(ids[0])))
            self.trees.take_in([(root_of(ids[0]), self._seq, Record(dump(event)))])

    def forget(self, root_id: JobId) -> None:
        """Let nobody but the views hold a tree."""
        self._claims.clear()
        assert self.trees.drop(root_id)

    def wake(self) -> None:
        self.wakings += 1

    def answer(self, feed: PanelFeed, *roots: dict[str, Any]) -> None:
        """Let the service answer the next question of a panel, with these jobs."""
        asked: Future[Any] = Future()
        self.line.answers["jobs"] = asked
        asked.set_result(list(roots))
        feed._asked_at = float("-inf")
        feed._asking = None

    def changes(self, root_id: JobId) -> ChangedJobs:
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


def stored(job_id: str, status: str = "completed", **fields: Any) -> dict[str, Any]:
    """A row as the service gives it; the number in the id is its time."""
    number = float(job_id.removeprefix("m"))
    known = {"title": f"job {job_id}", "function": "tests:work", "queue": "default"}
    root = RootRow(id=job_id, status=JobStatus(status), created_at=number, **known | fields)
    return root.plain()


class Talk:
    """A conversation that ticks when a test says so, and keeps what it sends."""

    def __init__(self) -> None:
        self.sent: list[tuple[list[str], dict[str, Any]]] = []
        self.wakings: list[float] = []
        self.reruns: list[JobId] = []

    def with_tree(self, world: World, job_id: JobId = "r") -> TreeConversation:
        wake = self.wakings.append
        made = TreeConversation(world.source, job_id, self.send, wake, self.reruns.append)
        made.feed.tick()
        return made

    def with_panel(self, world: World) -> PanelConversation:
        return PanelConversation(world.source, self.send, self.wakings.append)

    def send(self, pages: Collection[str], message: ToBrowser) -> None:
        self.sent.append((list(pages), cast("dict[str, Any]", message)))

    def take(self) -> list[dict[str, Any]]:
        """The messages since the last time."""
        sent, self.sent = self.sent, []
        return [message for _, message in sent]

    def ticked(self, conversation: Conversation) -> list[dict[str, Any]]:
        """What the conversation sends at its next tick."""
        conversation.tick()
        return self.take()

    def say(
        self, conversation: Conversation, *, by: str = "one", **message: Any
    ) -> list[dict[str, Any]]:
        """Let a page say something; what the conversation sends then."""
        conversation.hear(by, cast("FromBrowser", message))
        return self.ticked(conversation)


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


def heard(view: View) -> list[dict[str, Any]]:
    """What a browser hears when the view ticks."""
    view.tick()
    return said(view)


def said(view: View) -> list[dict[str, Any]]:
    return cast("Words", view.comm).take()


def say(view: View, **message: Any) -> list[dict[str, Any]]:
    """Say something to a view, and hear what it answers."""
    view._handle_custom_msg(message, [])
    return heard(view)
