"""`JobsPanel`: all jobs of a service, the newest first; a row opens its tree."""

from parrot_async.model.models import JobId
from parrot_async.view.feeds import TreeFeed
from parrot_async.view.panel_feed import POLL, PanelFeed
from parrot_async.view.protocol import ToKernel
from parrot_async.view.source import ViewSource
from parrot_async.widget.saved import Bundle, panel_bundle
from parrot_async.widget.view import Feed, View


class JobsPanel(View):
    """Active, queued and finished jobs, with search, counts and totals: `client.panel()`."""

    feed: PanelFeed

    def __init__(self, source: ViewSource) -> None:
        """Show the jobs of a client's service; nothing is asked before a browser looks."""
        super().__init__(source, PanelFeed(source, self.wake))
        self._open: TreeFeed | None = None

    def __repr__(self) -> str:
        """Say of what it is."""
        return "<panel of all jobs>"

    @property
    def trouble(self) -> str:
        """Why what is shown may be old; empty as long as all is well."""
        return super().trouble or self.feed.error

    def inert(self) -> Bundle:
        """The newest jobs as they are now, in forms that need no kernel."""
        return panel_bundle(self.feed.snapshot()["rows"])

    def obey(self, word: ToKernel) -> None:
        """Do what a browser asked for."""
        if word["t"] == "ask":
            self.feed.ask(word)
        elif word["t"] == "open":
            job_id = word["id"]
            self._open = None if job_id is None else TreeFeed(self.source, job_id, self.wake)
        elif word["t"] == "sight":
            if self._open is not None and self._open.job_id == word.get("of"):
                self._open.see(word["page"], word["ids"])
        else:
            super().obey(word)

    def update(self) -> None:
        """Send what has changed, in the tree that is open as well."""
        super().update()
        if self._open is not None:
            self.advance(self._open, self._open.job_id)

    def feed_of(self, root_id: JobId | None) -> Feed | None:
        """The feed that a hello is about."""
        if self._open is not None and root_id == self._open.job_id:
            return self._open
        return super().feed_of(root_id)

    def _next(self) -> float | None:
        after = super()._next()
        return None if after is None else min(after, POLL)
