"""Unit tests fail where the event loop would block in our own code."""

from collections.abc import Iterator

import pytest
from blockbuster import blockbuster_ctx


@pytest.fixture(autouse=True)
def no_blocking_calls() -> Iterator[None]:
    """A blocking call raises BlockingError if a frame of parrot_async made it in a running loop."""
    with blockbuster_ctx("parrot_async") as blocking:
        # Which folder the process is in, the kernel knows without a disk.
        blocking.functions["os.getcwd"].can_block_in("runner/leftovers.py", "_folder")
        yield
