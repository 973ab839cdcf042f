"""The conversation of a panel: all jobs of a service, and the tree of the row that is open."""

from parrot_async.model.models import JobId
from parrot_async.view.conversation import Conversation, Feed, Send, Wake, earliest
from parrot_async.view.feeds import TreeFeed
from parrot_async.view.panel_feed import POLL, PanelFeed
from parrot_async.view.protocol import FromBrowser
from parrot_async.view.source import ViewSource


class PanelConversation(Conversation):
    """Sends the newest jobs, and the tree of one of them.

    The filter and the open row belong to the conversation: its pages are windows of one person.

    Runs on: as `Conversation`.
    """

    feed: PanelFeed

    def __init__(self, source: ViewSource, send: Send, wake: Wake) -> None:
        """Show the jobs of a service; nothing is asked before a page has the view in sight."""
        super().__init__(source, send, wake)
        self._opened: TreeFeed | None = None
        self.feed = PanelFeed(source, self.wake)

    @property
    def trouble(self) -> str:
        """Why what the pages show may be old; empty as long as all is well."""
        return super().trouble or self.feed.error

    def handle(self, name: str, message: FromBrowser) -> None:
        """Do what a page asked for."""
        if message["t"] == "ask":
            self.feed.ask(message)
        elif message["t"] == "open":
            job_id = message["id"]
            self._opened = None if job_id is None else TreeFeed(self.source, job_id, self.wake)
        elif message["t"] == "sight":
            if self._opened is not None and self._opened.job_id == message.get("of"):
                self._opened.set_viewport(message["page"], message["ids"])
        else:
            super().handle(name, message)

    def update(self) -> None:
        """Send what has changed, in the open tree as well."""
        super().update()
        if self._opened is not None:
            self.advance(self._opened, self._opened.job_id)

    def feed_of(self, root_id: JobId | None) -> Feed | None:
        """Return the feed that a hello is about, None if the view does not show that tree."""
        if self._opened is not None and root_id == self._opened.job_id:
            return self._opened
        return super().feed_of(root_id)

    def next_tick(self) -> float | None:
        """Ask the service again in a second, as long as a page has the view in sight."""
        after = super().next_tick()
        return None if after is None else earliest(after, POLL)
