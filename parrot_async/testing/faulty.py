"""Faults on purpose for one block of a test."""

from collections.abc import Iterator
from contextlib import contextmanager

from parrot_async.failpoints import arm


@contextmanager
def faults(text: str) -> Iterator[None]:
    """Have faults happen in this process, and in no other, as long as the block lasts.

    `with faults("ending:1:raise=StoreFullError"): ...`; `parrot_async.failpoints` says how they are
    written, and at which points of a job's way they may happen.
    """
    arm(text)
    try:
        yield
    finally:
        arm("")
