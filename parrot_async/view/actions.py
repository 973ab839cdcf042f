"""The actions behind the buttons of a live view: each is one call of the service."""

from collections.abc import Awaitable, Callable
from concurrent.futures import Future
from typing import Any

from parrot_async.model.models import JobId
from parrot_async.transport.api import ServiceApi
from parrot_async.view.protocol import Act, Action, Done
from parrot_async.view.source import ViewSource

Call = Callable[[ServiceApi, list[JobId]], Awaitable[object]]
"""Asks the service to do something with jobs."""

ACTIONS: dict[Action, Call] = {
    "cancel": lambda api, ids: api.cancel(ids),
    "pause": lambda api, ids: api.pause(ids),
    "resume": lambda api, ids: api.resume(ids),
    "retry": lambda api, ids: api.retry(ids, failed_only=False),
    "retry_failed": lambda api, ids: api.retry(ids, failed_only=True),
}
"""What each action asks the service."""


def act(source: ViewSource, asked: Act, answer: Callable[[Act, Done], None]) -> None:
    """Ask the service for what a button says; `answer` is called on any thread when it is done."""

    def answered(future: Future[Any]) -> None:
        done: Done = {"t": "done", "n": asked["n"]}
        error = future.exception()
        if error is not None:
            done["error"] = str(error) or type(error).__name__
        elif asked["action"].startswith("retry"):
            done["id"] = future.result()[0]
        answer(asked, done)

    call, ids = ACTIONS[asked["action"]], list(asked["ids"])
    source.post(lambda api: call(api, ids)).add_done_callback(answered)
