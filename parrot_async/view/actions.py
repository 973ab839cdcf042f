"""The actions behind the buttons of a live view: each is one call of the service."""

from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

from parrot_async.view.protocol import Act, Action, Done
from parrot_async.view.source import Source

ACTIONS: dict[Action, tuple[str, dict[str, Any]]] = {
    "cancel": ("parrot_cancel", {}),
    "pause": ("parrot_pause", {}),
    "resume": ("parrot_resume", {}),
    "retry": ("parrot_retry", {"failed_only": False}),
    "retry_failed": ("parrot_retry", {"failed_only": True}),
}
"""The call of the service for each action, with its options."""


def act(source: Source, asked: Act, answer: Callable[[Act, Done], None]) -> None:
    """Ask the service for what a button says; `answer` is called on any thread when it is done."""

    def answered(future: Future[Any]) -> None:
        done: Done = {"t": "done", "n": asked["n"]}
        error = future.exception()
        if error is not None:
            done["error"] = str(error) or type(error).__name__
        elif asked["action"].startswith("retry"):
            done["id"] = future.result()[0]
        answer(asked, done)

    op, how = ACTIONS[asked["action"]]
    source.post(op, ids=list(asked["ids"]), **how).add_done_callback(answered)
