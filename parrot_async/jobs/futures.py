"""Futures that are made of other futures: mapped, chained, all ended, all results."""

from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import Any, TypeVar

from parrot_async.transport.outcome import Outcome

S = TypeVar("S")
T = TypeVar("T")


def mapped(future: "Future[S]", make: Callable[[S], T]) -> "Future[T]":
    """Return a future of what `make` returns for the value, or of the error of either."""
    after: Future[T] = Future()

    def done(first: "Future[S]") -> None:
        try:
            after.set_result(make(first.result()))
        except Exception as exc:  # noqa: BLE001 - it is raised to who waits
            after.set_exception(exc)

    future.add_done_callback(done)
    return after


def chained(future: "Future[S]", follow: Callable[[S], "Future[T]"]) -> "Future[T]":
    """Return a future of the value of the future that `follow` returns for the first one's."""
    outer: Future[T] = Future()

    def first_done(done: "Future[S]") -> None:
        if (error := done.exception()) is not None:
            outer.set_exception(error)
        else:
            follow(done.result()).add_done_callback(copy)

    def copy(done: "Future[T]") -> None:
        if (error := done.exception()) is not None:
            outer.set_exception(error)
        else:
            outer.set_result(done.result())

    future.add_done_callback(first_done)
    return outer


def all_ended(futures: "Sequence[Future[Any]]") -> "Future[None]":
    """Return a future that is done when all of these are; there must be one at least."""
    ended: Future[None] = Future()
    left = len(futures)

    def one_done(_: "Future[Any]") -> None:
        nonlocal left
        left -= 1
        if not left:
            ended.set_result(None)

    for future in futures:
        future.add_done_callback(one_done)
    return ended


def gathered(futures: "Sequence[Future[Outcome]]") -> "Future[list[Outcome]]":
    """Return a future of all outcomes in order, or of the first one that has an error, alone."""
    whole: Future[list[Outcome]] = Future()
    left = len(futures)
    if not left:
        whole.set_result([])

    def one_done(done: "Future[Outcome]") -> None:
        nonlocal left
        left -= 1
        if whole.done():
            return
        if done.result().error is not None:
            whole.set_result([done.result()])
        elif not left:
            whole.set_result([future.result() for future in futures])

    for future in futures:
        future.add_done_callback(one_done)
    return whole
