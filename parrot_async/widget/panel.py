"""`JobsPanel`: all jobs of a service, the newest first; a row opens its tree."""

from parrot_async.view.panel_conversation import PanelConversation
from parrot_async.view.panel_feed import PanelFeed
from parrot_async.view.source import ViewSource
from parrot_async.widget.saved import Bundle, panel_bundle
from parrot_async.widget.view import View


class JobsPanel(View):
    """Active, queued and finished jobs, with search, counts and totals: `client.panel()`."""

    conversation: PanelConversation

    def __init__(self, source: ViewSource) -> None:
        """Show the jobs of a client's service; nothing is asked before a browser shows it."""
        self.conversation = PanelConversation(source, self.send_to_pages, self.wake)
        super().__init__()

    @property
    def feed(self) -> PanelFeed:
        """The rows of the panel."""
        return self.conversation.feed

    def static_bundle(self) -> Bundle:
        """Return the newest jobs as they are now, in forms that need no kernel."""
        return panel_bundle(self.feed.snapshot()["rows"])

    def __repr__(self) -> str:
        """Say what it shows."""
        return "<panel of all jobs>"
