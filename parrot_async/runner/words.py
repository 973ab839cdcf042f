"""What the service says of attempts whose batch is still to come."""

from typing import Any

from parrot_async.models import ErrorInfo, JobId
from parrot_async.runner.execution import Execution

KEPT = 10_000
"""Words of each kind: most are of attempts that have just ended, and nobody will ask for them."""

Name = tuple[JobId, int]
"""A job's id and the number of an attempt."""


class EarlyWords:
    """Words to stop, and to hold, that attempts find when they come."""

    def __init__(self) -> None:
        """Nothing was said yet."""
        self._stops: dict[Name, ErrorInfo] = {}
        self._pauses: dict[Name, None] = {}

    def stop(self, name: Name, reason: ErrorInfo) -> None:
        """Keep a word to stop."""
        _keep(self._stops, name, reason)

    def pause(self, name: Name) -> None:
        """Keep a word to hold."""
        _keep(self._pauses, name, None)

    def resume(self, name: Name) -> None:
        """Take a word to hold back."""
        self._pauses.pop(name, None)

    def tell(self, execution: Execution) -> None:
        """Say to an attempt that has come what was said of it."""
        name = execution.id, execution.attempt
        if name in self._pauses:
            del self._pauses[name]
            execution.pause()
        if (reason := self._stops.pop(name, None)) is not None:
            execution.stop(reason)


def _keep(words: dict[Name, Any], name: Name, word: object) -> None:
    words[name] = word
    if len(words) > KEPT:
        del words[next(iter(words))]
