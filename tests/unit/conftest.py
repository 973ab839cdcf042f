"""Unit tests fail where the event loop would block in our own code."""

from collections.abc import Iterator

import pytest
from blockbuster import blockbuster_ctx


@pytest.fixture(autouse=True)
def no_blocking_calls() -> Iterator[None]:
    """A blocking call raises BlockingError if a frame of parrot_async made it in a running loop."""
    with blockbuster_ctx("parrot_async"):
        yield
