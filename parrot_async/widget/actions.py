"""What a button of a live view has the service do."""

from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import Any

from parrot_async.models import JobId
from parrot_async.source import Source
from parrot_async.widget.protocol import Act, Action, Done

ACTIONS: dict[Action, str] = {
    "cancel": "parrot_cancel",
}
"""The service's names of what it can do."""


def act(source: Source, asked: Act, answer: Callable[[Done], None]) -> None:
    """Pass on that a button was pressed; `answer` is called on any thread when that was done."""
    done: Done = {"t": "done", "n": asked["n"]}

    def answered(future: Future[Any]) -> None:
        error = future.exception()
        if error is not None:
            done["error"] = str(error) or type(error).__name__
        answer(done)

    _ask(source, asked["action"], asked["ids"]).add_done_callback(answered)


def _ask(source: Source, action: Action, ids: Sequence[JobId]) -> Future[Any]:
    return source.post(ACTIONS[action], ids=list(ids))
